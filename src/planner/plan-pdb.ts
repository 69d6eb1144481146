import { formatTime, parseTime, type Millis } from "../base/clock.ts";
import { isSameJson } from "../base/same-json.ts";
import { setCondition } from "../model/condition.ts";
import { budgetFigures, needsScale } from "../model/disruption.ts";
import type {
  Deployment,
  Pod,
  PodDisruptionBudget,
  PodDisruptionBudgetStatus,
} from "../model/kinds.gen.ts";
import { formatSelector, matchesSelector } from "../model/labels.ts";
import {
  controllerOf,
  refKey,
  type ApiObject,
  type Condition,
  type ObjectRef,
} from "../model/meta.ts";
import { EMPTY_PLAN, type Plan, type Step } from "../model/plan.ts";
import { listPods } from "./owned-pods.ts";
import { earlier, isReady, isTerminating } from "./pod-state.ts";
import type { World } from "./world.ts";

/** An evicted pod that has not been asked to end within this time counts again. */
const DELETION_TIMEOUT_MS: Millis = 120_000;

/** Kinds whose `spec.replicas` says how many pods they want. */
const SCALABLE: ReadonlySet<string> = new Set([
  "apps/v1/Deployment",
  "apps/v1/ReplicaSet",
  "apps/v1/StatefulSet",
  "v1/ReplicationController",
]);

/** How many pods of a PodDisruptionBudget may go now. What cannot be computed lets none go. Pure. */
export function planDisruptionBudget(world: World, budget: PodDisruptionBudget): Plan {
  if (budget.metadata.deletionTimestamp !== undefined) return EMPTY_PLAN;
  const { namespace = "" } = budget.metadata;
  const pods = listPods(world, namespace).filter(({ metadata }) =>
    matchesSelector(budget.spec.selector, metadata.labels),
  );
  const disrupted = sortDisrupted(world, budget, pods);
  const scale = expectedScale(world, pods);
  const status = nextStatus(world, budget, { pods, disrupted: disrupted.open, scale });
  const steps: Step[] = [...disrupted.events, ...podEvents(budget, pods, scale)];
  if (!isSameJson(status, budget.status)) {
    const object = { ...budget, status } as PodDisruptionBudget;
    steps.push({ kind: "update-status", object, reason: "StatusChanged" });
  }
  return disrupted.lookAgainAt === undefined
    ? { steps }
    : { steps, lookAgainAt: disrupted.lookAgainAt };
}

/** The budgets that choose a pod. Pure. */
export function budgetsOf(world: World, pod: Pod): readonly PodDisruptionBudget[] {
  const { namespace = "", labels } = pod.metadata;
  const all = world.list(
    "policy/v1",
    "PodDisruptionBudget",
    namespace,
  ) as readonly PodDisruptionBudget[];
  return all.filter(({ spec }) => matchesSelector(spec.selector, labels));
}

/** The budgets that count by what a workload wants, when it comes, goes, or wants another number of pods. Pure. */
export function budgetsOfScale(
  world: World,
  workload: ApiObject,
  other?: ApiObject,
): readonly PodDisruptionBudget[] {
  if (!SCALABLE.has(`${workload.apiVersion}/${workload.kind}`)) return [];
  if (controllerOf(workload) !== undefined) return [];
  const { replicas, template } = (workload as Deployment).spec;
  if ((other as Deployment | undefined)?.spec.replicas === replicas) return [];
  const { namespace = "" } = workload.metadata;
  const all = world.list("policy/v1", "PodDisruptionBudget", namespace);
  return (all as readonly PodDisruptionBudget[]).filter(({ spec }) =>
    matchesSelector(spec.selector, template.metadata?.labels),
  );
}

interface Disrupted {
  /** Evicted pods, by name, that are still to be asked to end. */
  readonly open: Readonly<Record<string, string>>;
  readonly events: readonly Step[];
  readonly lookAgainAt?: Millis;
}

function sortDisrupted(world: World, budget: PodDisruptionBudget, pods: readonly Pod[]): Disrupted {
  const open: Record<string, string> = {};
  const events: Step[] = [];
  let lookAgainAt: Millis | undefined;
  for (const pod of pods) {
    const { name } = pod.metadata;
    const time = budget.status?.disruptedPods?.[name];
    const evictedAt = parseTime(time);
    if (time === undefined || evictedAt === undefined || isTerminating(pod)) continue;
    const until = evictedAt + DELETION_TIMEOUT_MS;
    if (until > world.now) {
      open[name] = time;
      lookAgainAt = earlier(lookAgainAt, until);
      continue;
    }
    const { namespace = "", name: budgetName } = budget.metadata;
    const message = `Pod was expected by PDB ${namespace}/${budgetName} to be deleted but it wasn't`;
    events.push({ kind: "event", about: pod, type: "Warning", reason: "NotDeleted", message });
  }
  return lookAgainAt === undefined ? { open, events } : { open, events, lookAgainAt };
}

/** What the controllers of some pods want in all. */
interface Scale {
  readonly replicas: number;
  readonly unmanaged: readonly Pod[];
  /** The first pod whose controller does not say how many it wants. */
  readonly unscalable?: Pod;
}

function expectedScale(world: World, pods: readonly Pod[]): Scale {
  const wanted = new Map<string, number>();
  const unmanaged: Pod[] = [];
  let unscalable: Pod | undefined;
  for (const pod of pods) {
    const owner = ownerOf(world, pod);
    if (owner === undefined) {
      if (controllerOf(pod) === undefined) unmanaged.push(pod);
      else unscalable ??= pod;
      continue;
    }
    const top = ownerOf(world, owner) ?? owner;
    if (!SCALABLE.has(`${top.apiVersion}/${top.kind}`)) unscalable ??= pod;
    else wanted.set(refKeyOf(top), (top as Deployment).spec.replicas);
  }
  const replicas = [...wanted.values()].reduce((sum, count) => sum + count, 0);
  return { replicas, unmanaged, ...(unscalable === undefined ? {} : { unscalable }) };
}

function ownerOf(world: World, object: ApiObject): ApiObject | undefined {
  const owner = controllerOf(object);
  if (owner === undefined) return undefined;
  const { apiVersion, kind, name, uid } = owner;
  const ref: ObjectRef = { apiVersion, kind, namespace: object.metadata.namespace ?? "", name };
  const found = world.get(ref);
  return found?.metadata.uid === uid ? found : undefined;
}

function refKeyOf({ apiVersion, kind, metadata }: ApiObject): string {
  return refKey({ apiVersion, kind, namespace: metadata.namespace ?? "", name: metadata.name });
}

function nextStatus(
  { now }: World,
  budget: PodDisruptionBudget,
  facts: {
    readonly pods: readonly Pod[];
    readonly disrupted: Readonly<Record<string, string>>;
    readonly scale: Scale;
  },
): PodDisruptionBudgetStatus {
  const { pods, disrupted, scale } = facts;
  const observedGeneration = budget.metadata.generation ?? 0;
  if (needsScale(budget.spec) && scale.unscalable !== undefined) {
    const { currentHealthy = 0, desiredHealthy = 0, expectedPods = 0 } = budget.status ?? {};
    return {
      ...(Object.keys(disrupted).length > 0 ? { disruptedPods: disrupted } : {}),
      currentHealthy,
      desiredHealthy,
      expectedPods,
      disruptionsAllowed: 0,
      observedGeneration,
      conditions: allowed(budget, now, {
        status: "False",
        reason: "SyncFailed",
        message: `found no controllers for pod "${scale.unscalable.metadata.name}" that say how many pods they want`,
      }),
    };
  }
  const currentHealthy = pods.filter(
    (pod) => isReady(pod) && !isTerminating(pod) && !Object.hasOwn(disrupted, pod.metadata.name),
  ).length;
  const figures = budgetFigures(budget.spec, {
    podCount: pods.length,
    scale: scale.replicas,
    healthy: currentHealthy,
  });
  return {
    ...(Object.keys(disrupted).length > 0 ? { disruptedPods: disrupted } : {}),
    currentHealthy,
    ...figures,
    observedGeneration,
    conditions: allowed(
      budget,
      now,
      figures.disruptionsAllowed > 0
        ? { status: "True", reason: "SufficientPods", message: "" }
        : { status: "False", reason: "InsufficientPods", message: "" },
    ),
  };
}

function allowed(
  { metadata, status }: PodDisruptionBudget,
  now: Millis,
  verdict: Pick<Condition, "status" | "reason" | "message">,
): readonly Condition[] {
  const condition: Condition = {
    type: "DisruptionAllowed",
    ...verdict,
    observedGeneration: metadata.generation ?? 0,
  };
  return setCondition(status?.conditions, condition, formatTime(now));
}

function podEvents(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  { unmanaged, unscalable }: Scale,
): readonly Step[] {
  const tell = (type: "Normal" | "Warning", reason: string, message: string): Step => ({
    kind: "event",
    about: budget,
    type,
    reason,
    message,
  });
  const isNew = budget.status?.observedGeneration !== (budget.metadata.generation ?? 0);
  if (!isNew) return [];
  if (pods.length === 0) return [tell("Normal", "NoPods", "No matching pods found")];
  const notes: Step[] = [];
  if (unmanaged.length > 0)
    notes.push(
      tell(
        "Warning",
        "UnmanagedPods",
        `Pods selected by this PodDisruptionBudget (selector: ${formatSelector(budget.spec.selector ?? {})}) have no controller: they count for minAvailable as a number alone`,
      ),
    );
  if (needsScale(budget.spec) && unscalable !== undefined)
    notes.push(
      tell(
        "Warning",
        "CalculateExpectedPodCountFailed",
        `Failed to calculate the number of expected pods: found no controllers for pod "${unscalable.metadata.name}"`,
      ),
    );
  return notes;
}
