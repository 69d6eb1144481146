import type { Pod } from "./pod.ts";

/** Whether the pod has come to its end: nothing of it will run again. Pure. */
export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}
