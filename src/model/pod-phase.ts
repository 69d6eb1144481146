import type { Pod } from "./kinds.gen.ts";

/** Whether the pod has come to its end: nothing of it will run again. Pure. */
export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}
