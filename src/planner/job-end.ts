import { parseTime, type Millis } from "../base/clock.ts";
import { APP_LABEL } from "../model/app.ts";
import { findCondition, isTrue } from "../model/condition.ts";
import { refOf } from "../model/meta.ts";
import type { Plan, Step } from "../model/plan.ts";
import type { Job, Pod } from "../model/kinds.gen.ts";
import { isFinished } from "../model/pod-phase.ts";
import { isTracked, untracked } from "./job-pod.ts";
import { isTerminating } from "./pod-state.ts";
import type { World } from "./world.ts";

/** After the end: whatever still runs goes, the marks of counting go, and in its time the Job, unless Git declares it. Pure. */
export function planFinishedJob(world: World, job: Job, pods: readonly Pod[]): Plan {
  const marked = pods.filter(isTracked);
  const steps: Step[] = [
    ...marked.map((pod): Step => ({
      kind: "update",
      object: untracked(pod),
      reason: "JobPodCounted",
    })),
    ...pods
      .filter((pod) => !isTracked(pod) && !isFinished(pod) && !isTerminating(pod))
      .map((pod) => endOf(pod, "JobFinished")),
  ];
  const expiresAt = expiryOf(job);
  if (expiresAt === undefined) return { steps };
  if (world.now < expiresAt) return { steps, lookAgainAt: expiresAt };
  return { steps: [...steps, ...expire(job, pods)] };
}

function endOf(object: Job | Pod, reason: "JobFinished" | "TtlExpired"): Step {
  return { kind: "delete", ref: refOf(object), uid: object.metadata.uid ?? "", reason };
}

function expiryOf({ spec, status }: Job): Millis | undefined {
  const { ttlSecondsAfterFinished } = spec;
  if (ttlSecondsAfterFinished === undefined) return undefined;
  const end = findCondition(
    status?.conditions,
    isTrue(status?.conditions, "Complete") ? "Complete" : "Failed",
  );
  const at = parseTime(end?.lastTransitionTime);
  return at === undefined ? undefined : at + ttlSecondsAfterFinished * 1000;
}

/** A Job that Git declares would come back and run again if it went: only its pods go. */
function expire(job: Job, pods: readonly Pod[]): readonly Step[] {
  if (job.metadata.labels?.[APP_LABEL] === undefined) return [endOf(job, "TtlExpired")];
  return pods.filter((pod) => !isTracked(pod)).map((pod) => endOf(pod, "TtlExpired"));
}
