import type { ApiObject, ObjectRef } from "../model/meta.ts";
import type { Millis } from "../base/clock.ts";
import type { UsedByServices } from "./allocate-service.ts";
import type { Metrics } from "./hpa-metrics.ts";

/** What a planner may look at: a snapshot of the cluster, indexed. The same object is given for the same key. */
export interface World {
  readonly now: Millis;
  /** What pods use, and whatever else autoscalers go by. Without it: nobody measures. */
  readonly metrics?: Metrics | undefined;
  get(ref: ObjectRef): ApiObject | undefined;
  /** Objects of a kind in a namespace (all namespaces when `undefined`), in the order of namespace and name. */
  list(apiVersion: string, kind: string, namespace?: string): readonly ApiObject[];
  /** Objects whose controller reference has this uid. */
  ownedBy(uid: string): readonly ApiObject[];
  /**
   * Objects of a kind in a namespace that have no controller. An index, so that looking for something to adopt
   * does not cost a walk over the namespace; without it `list` is walked.
   */
  orphans?(apiVersion: string, kind: string, namespace: string): readonly ApiObject[];
  /** Objects that name this uid among their owners, whether or not as their controller. Without it: `ownedBy`. */
  dependents?(uid: string): readonly ApiObject[];
  /** The addresses and node ports of all Services. An index: without it all of them are walked. */
  used?(): UsedByServices;
}
