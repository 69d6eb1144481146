import { unreachable } from "../base/assert.ts";
import type { Millis } from "../base/clock.ts";
import { groupBy } from "../base/order.ts";
import type { Container, Pod, PodStatus } from "../model/kinds.gen.ts";
import { FRESH_FAILURE_MS } from "./container-status.ts";
import { deadlineOf, decideContainer, isCutOff, type Decision } from "./decide-container.ts";
import { decideEphemeral, ephemeralContainers } from "./ephemeral.ts";
import { isServed, nextDecisions } from "./next-decisions.ts";
import { DEADLINE_MESSAGE, podStatus } from "./pod-status.ts";
import {
  attemptsOf,
  isOver,
  SANDBOX,
  type ContainerRole,
  type PodContainer,
  type PodView,
} from "./pod-view.ts";
import { planResize, type Resize } from "./resize.ts";
import type { ContainerLimits } from "./runtime.ts";
import { endsAfter } from "./sidecar.ts";

/** One thing to do for a pod. Doing it twice does no harm; those of one plan may run side by side. */
export type Action =
  /** Asks the proxies to send nothing more. */
  | { readonly kind: "withdraw" }
  | { readonly kind: "create-sandbox"; readonly attempt: number }
  | { readonly kind: "start-sandbox"; readonly id: string }
  /** Gives the running sandbox its address and fills its volumes. */
  | { readonly kind: "set-up-sandbox"; readonly id: string }
  /** Looks for the image and pulls it as the policy says. */
  | { readonly kind: "prepare-image"; readonly container: string }
  | {
      readonly kind: "create";
      readonly container: string;
      readonly role: ContainerRole;
      readonly attempt: number;
      readonly crashes: number;
      readonly sandboxId: string;
    }
  | { readonly kind: "start"; readonly container: string; readonly id: string }
  | {
      readonly kind: "stop";
      readonly container: string;
      readonly id: string;
      readonly graceMs: Millis;
      readonly message: string;
      /** It is asked to end only when these have ended, or its grace is over. */
      readonly after: readonly string[];
    }
  /** Changes what a running container may use. */
  | {
      readonly kind: "resize";
      readonly container: string;
      readonly id: string;
      readonly limits: ContainerLimits;
    }
  | { readonly kind: "remove"; readonly id: string }
  /** The pod has finished: its sandbox, address and volumes go, its dead containers stay for their logs. */
  | { readonly kind: "release-sandbox" }
  /** All that the node has of the pod goes, then the object in the API. */
  | { readonly kind: "remove-pod" };

/** Something to tell people once per `key`. */
export interface Notice {
  readonly key: string;
  /** Absent: it is about the whole pod. */
  readonly container?: string;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

export interface PodPlan {
  readonly actions: readonly Action[];
  readonly notices: readonly Notice[];
  readonly status: PodStatus;
  /** When to look again although nothing has changed by then. */
  readonly lookAgainAt?: Millis;
}

/** Names an action for as long as it runs: one of a key at a time. Pure. */
export function actionKey(action: Action): string {
  switch (action.kind) {
    case "create-sandbox":
      return `${action.kind}/${action.attempt}`;
    case "prepare-image":
    case "create":
      return `${action.kind}/${action.container}`;
    case "start-sandbox":
    case "set-up-sandbox":
    case "start":
    case "stop":
    case "remove":
    case "resize":
      return `${action.kind}/${action.id}`;
    case "withdraw":
    case "release-sandbox":
    case "remove-pod":
      return action.kind;
    default:
      return unreachable(action);
  }
}

/**
 * Answers one question: what is to be done next for this pod, and what is its status?
 *
 * Pure. The same view gives the same plan; a pod that is as it should be gives no actions.
 */
export function planPod(view: PodView): PodPlan {
  const decisions = decide(view);
  const status = podStatus(view, decisions);
  const base = { notices: notices(view, decisions), status };
  if (view.ending) return { ...base, actions: endPod(view) };
  if (status.phase === "Succeeded" || status.phase === "Failed") {
    return { ...base, actions: finishPod(view) };
  }
  const times = lookAgain(view, decisions);
  if (isServed(decisions)) return { ...base, actions: stopAll(view) };
  return {
    ...base,
    actions: [
      ...runPod(view, decisions),
      ...planResize(view, decisions).resizes.map((one) => resize(view, one)),
      ...forget(view, decisions),
    ],
    ...(times.length === 0 ? {} : { lookAgainAt: Math.min(...times) }),
  };
}

function resize({ pod }: PodView, { container, limits, restarts }: Resize): Action {
  const { containerName, id } = container;
  if (!restarts) return { kind: "resize", container: containerName, id, limits };
  const message = `Container ${containerName} resize requires restart`;
  return stop(container, { message, graceMs: podGraceMs(pod), after: [] });
}

/** The sandbox that members may join: the newest, if it lives or may still be started. Pure. */
function currentSandbox(view: PodView): PodContainer | undefined {
  const [newest] = attemptsOf(view, "sandbox", SANDBOX);
  return newest === undefined || isOver(newest) ? undefined : newest;
}

function decide(view: PodView): readonly Decision[] {
  const sandboxId = currentSandbox(view)?.id;
  const mainsBegan = view.containers.some(
    (container) =>
      container.role === "main" &&
      container.sandboxId === sandboxId &&
      container.startedAt !== undefined,
  );
  const inits = (view.pod.spec.initContainers ?? []).map((spec) =>
    decideContainer(view, { spec, role: "init", sandboxId, mainsBegan }),
  );
  const mains = view.pod.spec.containers.map((spec) =>
    decideContainer(view, { spec, role: "main", sandboxId, mainsBegan }),
  );
  const added = ephemeralContainers(view.pod).map((spec) => decideEphemeral(view, spec, sandboxId));
  return [...inits, ...mains, ...added];
}

function runPod(view: PodView, decisions: readonly Decision[]): readonly Action[] {
  const sandbox = currentSandbox(view);
  if (sandbox === undefined) return replaceSandbox(view, decisions);
  const wanted = nextDecisions(view, decisions, sandbox.id);
  return [
    ...prepareSandbox(view, sandbox),
    ...wanted.flatMap((decision) => advance(view, decision, sandbox)),
    ...decisions.flatMap((decision) => stopFailed(view, decision)),
  ];
}

function prepareSandbox(view: PodView, sandbox: PodContainer): readonly Action[] {
  if (isWaiting(view, SANDBOX)) return [];
  if (sandbox.state === "created") return [{ kind: "start-sandbox", id: sandbox.id }];
  return view.readySandbox === sandbox.id ? [] : [{ kind: "set-up-sandbox", id: sandbox.id }];
}

/** Without a sandbox nothing can join: what still runs in the old one is stopped, then a new one is made. */
function replaceSandbox(view: PodView, decisions: readonly Decision[]): readonly Action[] {
  const stops = stopAll(view, "Pod sandbox changed, it will be killed and re-created.");
  if (stops.length > 0) return stops;
  const wanted = nextDecisions(view, decisions, undefined);
  const isWanted = wanted.some(
    (decision) => decision.kind === "start" || decision.kind === "starting",
  );
  if (!isWanted || isWaiting(view, SANDBOX)) return [];
  const [old] = attemptsOf(view, "sandbox", SANDBOX);
  return [
    { kind: "create-sandbox", attempt: (old?.attempt ?? -1) + 1 },
    ...wanted.flatMap((decision) => prepareImage(view, decision)),
  ];
}

function advance(view: PodView, decision: Decision, sandbox: PodContainer): readonly Action[] {
  const isReady = view.readySandbox === sandbox.id;
  if (decision.kind === "starting") {
    return isReady && !isWaiting(view, decision.spec.name)
      ? [{ kind: "start", container: decision.spec.name, id: decision.container.id }]
      : [];
  }
  if (decision.kind !== "start" || isWaiting(view, decision.spec.name)) return [];
  const image = prepareImage(view, decision);
  if (image.length > 0) return image;
  if (view.images.get(decision.spec.name)?.kind !== "present") return [];
  // Made while the sandbox is still starting, unless it must see what is in the volumes.
  if (!isReady && needsVolumesFirst(decision.spec)) return [];
  const { attempt, crashes, role, spec } = decision;
  return [{ kind: "create", container: spec.name, role, attempt, crashes, sandboxId: sandbox.id }];
}

function prepareImage(view: PodView, decision: Decision): readonly Action[] {
  if (decision.kind !== "start" || isWaiting(view, decision.spec.name)) return [];
  const image = view.images.get(decision.spec.name);
  const isDue = image === undefined || (image.kind === "failed" && image.retryAt <= view.now);
  return isDue ? [{ kind: "prepare-image", container: decision.spec.name }] : [];
}

function needsVolumesFirst(spec: Container): boolean {
  return (spec.volumeMounts ?? []).some((mount) => (mount.subPath ?? "") !== "");
}

function stopFailed(view: PodView, decision: Decision): readonly Action[] {
  if (decision.kind !== "running") return [];
  const failed = view.probes.get(decision.container.id)?.failed;
  if (failed === undefined) return [];
  const { name } = decision.spec;
  const message =
    decision.role === "init"
      ? `Init container ${name} failed ${failed.probe} probe`
      : `Container ${name} failed ${failed.probe} probe, will be restarted`;
  const graceMs = failed.graceMs ?? podGraceMs(view.pod);
  return [stop(decision.container, { message, graceMs, after: [] })];
}

function isWaiting(view: PodView, name: string): boolean {
  return (view.failures.get(name)?.retryAt ?? 0) > view.now;
}

/**
 * Dead containers beyond the newest of each name, whose logs nobody asks for, and sandboxes that were replaced; but one
 * that went down with members stays until they are back: its end says that theirs was no failure of their own.
 */
function forget(view: PodView, decisions: readonly Decision[]): readonly Action[] {
  const groups = groupBy(members(view).filter(isOver), (one) => `${one.role}/${one.containerName}`);
  const dead = [...groups.values()].flatMap((group) =>
    group.toSorted((a, b) => b.attempt - a.attempt).slice(1),
  );
  const awaited = new Set(
    decisions
      .filter(({ kind }) => kind === "start" || kind === "backing-off")
      .map(({ role, spec }) => attemptsOf(view, role, spec.name)[0]?.sandboxId),
  );
  const replaced = attemptsOf(view, "sandbox", SANDBOX)
    .slice(1)
    .filter(({ id }) => !awaited.has(id));
  return [...dead, ...replaced].map(({ id }) => ({ kind: "remove", id }));
}

function finishPod(view: PodView): readonly Action[] {
  const stops = stopAll(view);
  if (stops.length > 0) return stops;
  const hasSandbox = attemptsOf(view, "sandbox", SANDBOX).some(
    (container) => container.vanished !== true,
  );
  return hasSandbox ? [{ kind: "release-sandbox" }] : forget(view, []);
}

function endPod(view: PodView): readonly Action[] {
  const stops = stopAll(view);
  if (stops.length === 0) return [{ kind: "remove-pod" }];
  return view.withdrawn ? stops : [{ kind: "withdraw" }];
}

/** All that runs is stopped: mains at once, sidecars when nothing is left that needs them. */
function stopAll(view: PodView, message?: string): readonly Action[] {
  const running = members(view).filter((container) => container.state === "running");
  return running.map((container) =>
    stop(container, {
      message: message ?? `Stopping container ${container.containerName}`,
      graceMs: view.evicted?.graceMs ?? podGraceMs(view.pod),
      after: endsAfter(view.pod, running, container).map(({ id }) => id),
    }),
  );
}

function stop(
  { containerName: container, id }: PodContainer,
  how: Pick<Action & { readonly kind: "stop" }, "message" | "graceMs" | "after">,
): Action {
  return { kind: "stop", container, id, ...how };
}

/** How long the pod's containers may take to end: as its deletion asks, else as its spec says. Pure. */
export function podGraceMs(pod: Pod): Millis {
  const seconds = pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds;
  return Math.max(0, seconds) * 1000;
}

function members(view: PodView): readonly PodContainer[] {
  return view.containers.filter((container) => container.role !== "sandbox");
}

function notices(view: PodView, decisions: readonly Decision[]): readonly Notice[] {
  const { name, namespace, uid } = view.pod.metadata;
  const backOffs = decisions.flatMap((decision): readonly Notice[] =>
    decision.kind === "backing-off"
      ? [
          {
            key: `BackOff/${decision.spec.name}/${decision.container.attempt}`,
            container: decision.spec.name,
            type: "Warning",
            reason: "BackOff",
            message: `Back-off restarting failed container ${decision.spec.name} in pod ${name}_${namespace ?? ""}(${uid ?? ""})`,
          },
        ]
      : [],
  );
  return isCutOff(view) ? [DEADLINE, ...backOffs] : backOffs;
}

const DEADLINE: Notice = {
  key: "DeadlineExceeded",
  type: "Normal",
  reason: "DeadlineExceeded",
  message: DEADLINE_MESSAGE,
};

function lookAgain(view: PodView, decisions: readonly Decision[]): readonly Millis[] {
  const deadline = deadlineOf(view);
  return [
    ...decisions.flatMap((decision) => {
      if (decision.kind !== "backing-off") return [];
      return [decision.until, (decision.container.diedAt ?? 0) + FRESH_FAILURE_MS];
    }),
    ...[...view.failures.values()].map((failure) => failure.retryAt),
    ...[...view.images.values()].flatMap((image) =>
      image.kind === "failed" ? [image.at + FRESH_FAILURE_MS, image.retryAt] : [],
    ),
    ...(deadline === undefined ? [] : [deadline]),
  ].filter((at) => at > view.now);
}
