import type { Pod } from "../model/kinds.gen.ts";
import type { NodeTable } from "./node-table.ts";

/** What a filter says of one pod, asked for many nodes by their index in the table. */
export interface PreparedFilter {
  passes(node: number): boolean;
  /** Why the node was refused, for people: `Insufficient cpu`. Asked only where `passes` said no. */
  reasons(node: number): readonly string[];
}

/** Decides where a pod may run. Pure: the same pod and table give the same answers. */
export interface FilterPlugin {
  readonly name: string;
  /** Looks at the pod once; `undefined` when every node will do. */
  prepare(pod: Pod, table: NodeTable): PreparedFilter | undefined;
}

/** Says how good a node is for one pod, by its index in the table: 0 to 100, more is better. */
export type PreparedScore = (node: number) => number;

/** Decides where a pod runs best. Pure: the same pod and table give the same answers. */
export interface ScorePlugin {
  readonly name: string;
  readonly weight: number;
  /** Looks at the pod once; `undefined` when all nodes are alike. */
  prepare(pod: Pod, table: NodeTable): PreparedScore | undefined;
}

export interface SchedulerProfile {
  /** In this order; the first that refuses a node says why. */
  readonly filters: readonly FilterPlugin[];
  readonly scores: readonly ScorePlugin[];
}
