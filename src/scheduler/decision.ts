import type { Pod } from "../model/kinds.gen.ts";
import type { VolumeChoice } from "./volumes.ts";

/** A pod and its node, and what becomes of its claims there. */
export interface BindDecision {
  readonly pod: Pod;
  readonly node: string;
  readonly volumes: readonly VolumeChoice[];
}

export type Decision =
  /** To be written, all or none where they are a group. Answered by `bound` or `failed`, for each. */
  | { readonly kind: "bind"; readonly bindings: readonly BindDecision[] }
  | { readonly kind: "refuse"; readonly pod: Pod; readonly message: string }
  | { readonly kind: "gated"; readonly pod: Pod }
  /** Victims are to be evicted; the pod is nominated for their node. Others lose their nomination there. */
  | {
      readonly kind: "preempt";
      readonly pod: Pod;
      readonly message: string;
      readonly node: string;
      readonly victims: readonly Pod[];
      readonly displaced: readonly Pod[];
    };
