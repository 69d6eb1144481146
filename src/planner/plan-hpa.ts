import { formatTime, type Millis } from "../base/clock.ts";
import { isSameJson } from "../base/same-json.ts";
import { APP_LABEL } from "../model/app.ts";
import { setCondition } from "../model/condition.ts";
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from "../model/kinds.gen.ts";
import type { Condition } from "../model/meta.ts";
import { EMPTY_PLAN, type Plan, type Step } from "../model/plan.ts";
import {
  formatHistory,
  limitChange,
  parseHistory,
  rememberChange,
  rememberWish,
  type History,
} from "./hpa-behavior.ts";
import { proposeReplicas, toleranceOf, type Proposal } from "./hpa-metrics.ts";
import {
  DECLARED_REPLICAS_ANNOTATION,
  isScalable,
  missingTarget,
  podsOfTarget,
  targetRef,
  type Scalable,
} from "./hpa-target.ts";
import type { World } from "./world.ts";

/** How often an autoscaler looks at its metrics. */
const LOOK_EVERY_MS: Millis = 15_000;

/** As many replicas of its target as the metrics ask for, within its bounds and no faster than its policies allow. Pure. */
export function planAutoscaler(world: World, autoscaler: HorizontalPodAutoscaler): Plan {
  if (autoscaler.metadata.deletionTimestamp !== undefined) return EMPTY_PLAN;
  const decision = decide(world, autoscaler);
  const { steps, status } = decision;
  const lookAgainAt = world.now + LOOK_EVERY_MS;
  if (isSameJson(status, autoscaler.status)) return { steps, lookAgainAt };
  const object = { ...autoscaler, status } as HorizontalPodAutoscaler;
  return {
    steps: [...steps, { kind: "update-status", object, reason: "StatusChanged" }],
    lookAgainAt,
  };
}

interface Decision {
  readonly steps: readonly Step[];
  readonly status: HorizontalPodAutoscalerStatus;
}

/** Conditions as they grow during one look. */
class Draft {
  conditions: readonly Condition[];
  readonly #time: string;

  constructor({ status }: HorizontalPodAutoscaler, now: Millis) {
    this.conditions = status?.conditions ?? [];
    this.#time = formatTime(now);
  }

  set(type: string, status: "True" | "False", reason: string, message: string): void {
    this.conditions = setCondition(this.conditions, { type, status, reason, message }, this.#time);
  }
}

function decide(world: World, autoscaler: HorizontalPodAutoscaler): Decision {
  const draft = new Draft(autoscaler, world.now);
  const ref = targetRef(autoscaler);
  const target = ref === undefined ? undefined : world.get(ref);
  if (target === undefined || !isScalable(target)) {
    const why = missingTarget(autoscaler);
    const message = `the HPA controller was unable to get the target's current scale: ${why}`;
    draft.set("AbleToScale", "False", "FailedGetScale", message);
    const events = [warn(autoscaler, "FailedGetScale", why)];
    return { steps: events, status: nextStatus(autoscaler, draft, { current: 0, desired: 0 }) };
  }
  draft.set(
    "AbleToScale",
    "True",
    "SucceededGetScale",
    "the HPA controller was able to get the target's current scale",
  );
  const current = target.spec.replicas;
  const { minReplicas, maxReplicas } = autoscaler.spec;
  if (current === 0 && minReplicas !== 0) {
    const message = "scaling is disabled since the replica count of the target is zero";
    draft.set("ScalingActive", "False", "ScalingDisabled", message);
    return { steps: [], status: nextStatus(autoscaler, draft, { current: 0, desired: 0 }) };
  }
  const scope = { world, autoscaler, target, draft };
  if (current > maxReplicas)
    return rescale(scope, maxReplicas, "Current number of replicas above Spec.MaxReplicas");
  if (current < minReplicas)
    return rescale(scope, minReplicas, "Current number of replicas below Spec.MinReplicas");
  return followMetrics(scope);
}

interface Scope {
  readonly world: World;
  readonly autoscaler: HorizontalPodAutoscaler;
  readonly target: Scalable;
  readonly draft: Draft;
}

function followMetrics(scope: Scope): Decision {
  const { world, autoscaler, target, draft } = scope;
  const current = target.spec.replicas;
  const proposals = autoscaler.spec.metrics.map((metric) =>
    proposeReplicas(metric, {
      now: world.now,
      metrics: world.metrics,
      namespace: autoscaler.metadata.namespace ?? "",
      pods: podsOfTarget(world, target),
      currentReplicas: current,
      tolerance: toleranceOf(autoscaler),
    }),
  );
  const best = highest(proposals);
  const failures = proposals.filter((proposal) => proposal.kind === "failed");
  const [failure] = failures;
  // While a metric is not known, the others may only ask for more.
  if (failure !== undefined && (best === undefined || best.replicas < current)) {
    const message = `the HPA was unable to compute the replica count: ${failure.message}`;
    draft.set("ScalingActive", "False", failure.reason, message);
    const all = `invalid metrics (${failures.length} invalid out of ${proposals.length}), first error is: ${failure.message}`;
    return {
      steps: [
        warn(autoscaler, failure.reason, failure.message),
        warn(autoscaler, "FailedComputeMetricsReplicas", all),
      ],
      status: nextStatus(autoscaler, draft, {
        current,
        desired: autoscaler.status?.desiredReplicas ?? 0,
      }),
    };
  }
  if (best === undefined)
    return { steps: [], status: nextStatus(autoscaler, draft, { current, desired: current }) };
  const notes = failures.map(({ reason, message }) => warn(autoscaler, reason, message));
  draft.set(
    "ScalingActive",
    "True",
    "ValidMetricFound",
    `the HPA was able to successfully calculate a replica count from ${best.name}`,
  );
  const metrics = proposals.flatMap((proposal) =>
    proposal.kind === "replicas" ? [proposal.status] : [],
  );
  const decision = scaleWithin(scope, best, metrics);
  return { ...decision, steps: [...notes, ...decision.steps] };
}

function scaleWithin(
  scope: Scope,
  best: Extract<Proposal, { readonly kind: "replicas" }>,
  metrics: readonly MetricStatus[],
): Decision {
  const { world, autoscaler, target, draft } = scope;
  const { now } = world;
  const current = target.spec.replicas;
  const before = parseHistory(autoscaler.status?.history);
  const history = rememberWish(before, best.replicas, autoscaler, now);
  const limited = limitChange(best.replicas, autoscaler, { current, history, now });
  const { stabilized, limit } = limited;
  draft.set("AbleToScale", "True", stabilized.reason, stabilized.message);
  draft.set("ScalingLimited", limit.isLimited ? "True" : "False", limit.reason, limit.message);
  const figures = { metrics, history };
  if (limited.replicas !== current) {
    const reason =
      limited.replicas > current ? `${best.name} above target` : "All metrics below target";
    return rescale(scope, limited.replicas, reason, figures);
  }
  return {
    steps: [],
    status: nextStatus(autoscaler, draft, { current, desired: current, ...figures }),
  };
}

function rescale(
  { world, autoscaler, target, draft }: Scope,
  replicas: number,
  reason: string,
  known: { readonly metrics?: readonly MetricStatus[]; readonly history?: History } = {},
): Decision {
  const { now } = world;
  const current = target.spec.replicas;
  const history = known.history ?? parseHistory(autoscaler.status?.history);
  draft.set(
    "AbleToScale",
    "True",
    "SucceededRescale",
    `the HPA controller was able to update the target scale to ${replicas}`,
  );
  const message = `New size: ${replicas}; reason: ${reason}`;
  return {
    steps: [
      { kind: "update", object: withReplicas(target, replicas), reason: "Autoscaled", message },
      { kind: "event", about: autoscaler, type: "Normal", reason: "SuccessfulRescale", message },
    ],
    status: nextStatus(autoscaler, draft, {
      current,
      desired: replicas,
      scaledAt: now,
      ...known,
      history: rememberChange(history, replicas - current, now),
    }),
  };
}

/** Git's number is kept beside: it holds again when the autoscaler goes. */
function withReplicas(target: Scalable, replicas: number): Scalable {
  const { metadata, spec } = target;
  const isDeclared = metadata.labels?.[APP_LABEL] !== undefined;
  const isKept = metadata.annotations?.[DECLARED_REPLICAS_ANNOTATION] !== undefined;
  const annotations = {
    ...metadata.annotations,
    [DECLARED_REPLICAS_ANNOTATION]: String(spec.replicas),
  };
  return {
    ...target,
    metadata: isDeclared && !isKept ? { ...metadata, annotations } : metadata,
    spec: { ...spec, replicas },
  };
}

function highest(
  proposals: readonly Proposal[],
): Extract<Proposal, { readonly kind: "replicas" }> | undefined {
  let best: Extract<Proposal, { readonly kind: "replicas" }> | undefined;
  for (const proposal of proposals)
    if (proposal.kind === "replicas" && (best === undefined || proposal.replicas > best.replicas))
      best = proposal;
  return best;
}

function nextStatus(
  { metadata, status }: HorizontalPodAutoscaler,
  { conditions }: Draft,
  next: {
    readonly current: number;
    readonly desired: number;
    readonly scaledAt?: Millis;
    readonly metrics?: readonly MetricStatus[];
    readonly history?: History;
  },
): HorizontalPodAutoscalerStatus {
  const lastScaleTime =
    next.scaledAt === undefined ? status?.lastScaleTime : formatTime(next.scaledAt);
  const metrics = next.metrics ?? status?.currentMetrics;
  const history = next.history === undefined ? status?.history : formatHistory(next.history);
  return {
    observedGeneration: metadata.generation ?? 0,
    ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
    currentReplicas: next.current,
    desiredReplicas: next.desired,
    ...(metrics === undefined ? {} : { currentMetrics: metrics }),
    conditions,
    ...(history === undefined ? {} : { history }),
  };
}

function warn(about: HorizontalPodAutoscaler, reason: string, message: string): Step {
  return { kind: "event", about, type: "Warning", reason, message };
}
