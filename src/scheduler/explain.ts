import { compare } from "../base/order.ts";

/** At most this many characters of a refusal are kept in a condition; Kubernetes cuts events at 1024. */
export const MAX_MESSAGE = 1024;

export const NO_NODES = "no nodes available to schedule pods";

/** Why no node took a pod: one reason that holds for the pod as a whole, or how many nodes gave which reason. */
export interface Unavailable {
  readonly nodes: number;
  /** `persistentvolumeclaim "data" not found`: then nodes were not asked. */
  readonly verdict?: string | undefined;
  readonly reasons?: ReadonlyMap<string, number> | undefined;
  /** `preemption: 0/5 nodes are available: …` */
  readonly preemption?: string | undefined;
}

/**
 * `0/5 nodes are available: 2 node(s) had untolerated taint {x: }, 3 Insufficient memory. preemption: …`, as Kubernetes
 * says it: reasons with their counts, in the order of that text. Pure.
 */
export function formatUnavailable({ nodes, verdict, reasons, preemption }: Unavailable): string {
  if (nodes === 0) return NO_NODES;
  const counted = [...(reasons ?? [])].map(([reason, count]) => `${count} ${reason}`);
  const why = verdict ?? counted.toSorted(compare).join(", ");
  const message = `0/${nodes} nodes are available:${why === "" ? "" : ` ${why}.`}`;
  return cut(preemption === undefined ? message : `${message} ${preemption}`);
}

/** Why nobody was evicted for a pod. */
export type NoPreemption =
  | { readonly kind: "policy" }
  | { readonly kind: "terminating" }
  | {
      readonly kind: "nowhere";
      readonly nodes: number;
      readonly reasons: ReadonlyMap<string, number>;
    };

export const NOT_HELPFUL = "Preemption is not helpful for scheduling";
export const NO_VICTIMS = "No preemption victims found for incoming pod";

/** `preemption: not eligible due to preemptionPolicy=Never.` Pure. */
export function formatNoPreemption(why: NoPreemption): string {
  switch (why.kind) {
    case "policy":
      return "preemption: not eligible due to preemptionPolicy=Never.";
    case "terminating":
      return "preemption: not eligible due to a terminating pod on the nominated node.";
    default:
      return `preemption: ${formatUnavailable(why)}`;
  }
}

function cut(message: string): string {
  return message.length <= MAX_MESSAGE ? message : `${message.slice(0, MAX_MESSAGE - 1)}…`;
}
