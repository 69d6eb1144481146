import type { Pod } from "../model/kinds.gen.ts";

/** What a pod's `schedulerName` may say for Berth to place it. */
export const PROFILE_NAMES = ["default-scheduler", "binpack"] as const;
export type ProfileName = (typeof PROFILE_NAMES)[number];

/** Whether Berth places the pod. A pod of any other scheduler stays as it is, for that one to bind. Pure. */
export function isOurs(pod: Pod, names: ReadonlySet<string> = KNOWN): boolean {
  return names.has(pod.spec.schedulerName ?? "default-scheduler");
}

const KNOWN: ReadonlySet<string> = new Set(PROFILE_NAMES);

/** Why a pod of another scheduler has no node, for `berth plan` and `berth explain-scheduling`. Pure. */
export function explainForeign(pod: Pod): string {
  const names = PROFILE_NAMES.map((name) => `"${name}"`).join(" and ");
  return `waits for the scheduler "${pod.spec.schedulerName}": Berth has ${names}`;
}
