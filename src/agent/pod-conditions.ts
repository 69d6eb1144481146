import { formatTime } from "../base/clock.ts";
import { setCondition } from "../model/condition.ts";
import type { PodStatus } from "../model/kinds.gen.ts";
import type { Condition } from "../model/meta.ts";
import { isEvicted } from "./decide-container.ts";
import { haveBegun, mainsOf, sidecarsOf, type Member } from "./pod-phase.ts";
import type { PodView } from "./pod-view.ts";
import { planResize, resizeConditions } from "./resize.ts";
import { isSidecar } from "./sidecar.ts";

type Truth = Pick<Condition, "status" | "reason" | "message">;

/** The four conditions of kubelet, beside those that were there. Pure. */
export function podConditions(
  view: PodView,
  phase: PodStatus["phase"],
  members: readonly Member[],
): readonly Condition[] {
  const now = formatTime(view.now);
  const generation = view.pod.metadata.generation;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  const containersReady = containersReadyCondition(phase, members);
  const ready = containersReady.status === "True" ? gatesCondition(view) : containersReady;
  const wanted: readonly Condition[] = [
    // A pod that has come here was placed, whatever the scheduler said of it before.
    { type: "PodScheduled", status: "True", ...observed },
    { type: "Initialized", ...initializedCondition(phase, members), ...observed },
    { type: "Ready", ...ready, ...observed },
    { type: "ContainersReady", ...containersReady, ...observed },
    ...disruption(view),
    ...resizeConditions(
      view,
      planResize(
        view,
        members.map(({ decision }) => decision),
      ),
    ),
  ];
  const types = new Set(wanted.map(({ type }) => type));
  const before = (view.previous?.conditions ?? []).filter(
    ({ type }) => !type.startsWith("PodResize") || types.has(type),
  );
  return wanted.reduce<readonly Condition[]>(
    (conditions, condition) => setCondition(conditions, condition, now),
    before,
  );
}

/** As kubelet marks a pod that it ends for its node's sake: a Job may not count that as the pod's own failure. */
function disruption(view: PodView): readonly Condition[] {
  if (!isEvicted(view) || view.evicted?.reason !== undefined) return [];
  const message = view.evicted?.message ?? "";
  return [{ type: "DisruptionTarget", status: "True", reason: "TerminationByKubelet", message }];
}

function initializedCondition(phase: PodStatus["phase"], members: readonly Member[]): Truth {
  if (phase === "Succeeded") return { status: "True", reason: "PodCompleted" };
  const incomplete = members
    .filter(({ decision: { role, spec }, status }) => {
      if (role !== "init") return false;
      return isSidecar(spec) ? status.started !== true : !status.ready;
    })
    .map(({ status }) => status.name);
  if (incomplete.length === 0 || haveBegun(members)) return { status: "True" };
  return {
    status: "False",
    reason: "ContainersNotInitialized",
    message: `containers with incomplete status: [${incomplete.join(" ")}]`,
  };
}

function containersReadyCondition(phase: PodStatus["phase"], members: readonly Member[]): Truth {
  if (phase === "Succeeded") return { status: "False", reason: "PodCompleted" };
  if (phase === "Failed") return { status: "False", reason: "PodFailed" };
  const unready = [...sidecarsOf(members), ...mainsOf(members)]
    .filter(({ status }) => !status.ready)
    .map(({ status }) => status.name);
  if (unready.length === 0) return { status: "True" };
  return {
    status: "False",
    reason: "ContainersNotReady",
    message: `containers with unready status: [${unready.join(" ")}]`,
  };
}

/** What others have said of the pod's readiness gates: the newest version from the API counts, not what we wrote. */
function gatesCondition({ pod }: PodView): Truth {
  const gates = pod.spec.readinessGates ?? [];
  const closed = gates.flatMap(({ conditionType }) => {
    const found = pod.status?.conditions?.find(({ type }) => type === conditionType);
    if (found === undefined)
      return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    if (found.status === "True") return [];
    return [
      `the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`,
    ];
  });
  if (closed.length === 0) return { status: "True" };
  return { status: "False", reason: "ReadinessGatesNotReady", message: closed.join(", ") };
}
