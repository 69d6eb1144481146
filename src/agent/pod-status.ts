import { formatTime } from "../base/clock.ts";
import type { PodStatus } from "../model/kinds.gen.ts";
import { qosClass } from "../model/qos.ts";
import { containerStatus } from "./container-status.ts";
import { isCutOff, isEvicted, type Decision } from "./decide-container.ts";
import { podConditions } from "./pod-conditions.ts";
import { mainsOf, podPhase, type Member } from "./pod-phase.ts";
import type { PodView } from "./pod-view.ts";

/** What Kubernetes says of a pod that has been active for too long, as an event and in its status. */
export const DEADLINE_MESSAGE = "Pod was active on the node longer than the specified deadline";

/** The pod's status as kubelet would write it. Conditions of others are kept. Pure. */
export function podStatus(view: PodView, decisions: readonly Decision[]): PodStatus {
  const { previous } = view;
  const members = decisions.map((decision): Member => ({
    decision,
    status: containerStatus(view, decision),
  }));
  const inits = members.filter(({ decision }) => decision.role === "init");
  const added = members.filter(({ decision }) => decision.role === "ephemeral");
  const phase = podPhase(view, members);
  const ip = view.podIp ?? previous?.podIP;
  const { reason, message } = endOf(view);
  return {
    phase,
    conditions: podConditions(view, phase, members),
    ...(inits.length === 0 ? {} : { initContainerStatuses: inits.map((member) => member.status) }),
    containerStatuses: mainsOf(members).map((member) => member.status),
    ...(added.length === 0
      ? {}
      : { ephemeralContainerStatuses: added.map(({ status }) => status) }),
    hostIP: view.hostIp,
    hostIPs: [{ ip: view.hostIp }],
    ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }),
    startTime: previous?.startTime ?? formatTime(view.now),
    qosClass: qosClass(view.pod.spec),
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
}

/** What ends the pod as a whole, or has ended it. */
function endOf(view: PodView): Pick<PodStatus, "reason" | "message"> {
  if (isEvicted(view)) {
    const { reason = "Evicted", message = "" } = view.evicted ?? {};
    return { reason, message };
  }
  if (isCutOff(view)) return { reason: "DeadlineExceeded", message: DEADLINE_MESSAGE };
  return view.previous ?? {};
}
