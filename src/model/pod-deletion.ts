import type { Millis } from "../base/clock.ts";
import { formatTime, parseTime } from "../base/clock.ts";
import type { Pod } from "./kinds.gen.ts";

/**
 * What a deletion makes of a pod: one that is bound to a node gets its deletion time-stamp, and its node ends and
 * then removes it; `undefined` means that it never reached a node and is removed at once. A repeated deletion can
 * only shorten the grace: else the pod comes back as it is. Pure.
 */
export function terminatePod(
  pod: Pod,
  { graceSeconds, now }: { readonly graceSeconds?: number | undefined; readonly now: Millis },
): Pod | undefined {
  if (pod.spec.nodeName === undefined || pod.spec.nodeName === "") return undefined;
  const grace = Math.max(0, graceSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30);
  const endsAt = now + grace * 1000;
  const planned = parseTime(pod.metadata.deletionTimestamp);
  if (planned !== undefined && planned <= endsAt) return pod;
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      deletionTimestamp: formatTime(endsAt),
      deletionGracePeriodSeconds: grace,
    },
  };
}
