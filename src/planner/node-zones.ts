import type { Millis } from "../base/clock.ts";
import { groupBy } from "../base/order.ts";
import type { Node } from "../model/kinds.gen.ts";

/** How much of a zone does not answer. */
export type ZoneState = "normal" | "partial" | "full";

/** The nodes of one zone, and how fast pods may be evicted from those of them that do not answer. */
export interface Zone {
  readonly nodes: readonly Node[];
  readonly state: ZoneState;
  /** Between two nodes whose pods begin to be evicted; `undefined`: nobody is evicted for now. */
  readonly intervalMs: Millis | undefined;
}

/** Kubernetes' defaults: one node in ten seconds; in a large zone that is mostly down, one in a hundred. */
const INTERVAL_MS: Millis = 10_000;
const SLOW_INTERVAL_MS: Millis = 100_000;
/** From this share on, and more than two nodes, a zone counts as disrupted. */
const DISRUPTED_SHARE = 0.55;
const TOLERATED_NODES = 2;
/** A zone of at most this many nodes that is disrupted is left alone: the fault is likely its network's, or ours. */
const LARGE_ZONE = 50;

/**
 * The zones of a cluster by region and zone of their nodes. A zone that is down as a whole is evicted as usual, while others
 * are there to move to; when all are down, nobody is: then the silence says more about us than about the nodes. Pure.
 */
export function zonesOf(nodes: readonly Node[], isReady: (node: Node) => boolean): readonly Zone[] {
  const groups = [...groupBy(nodes, zoneKey).values()].map((members) => ({
    nodes: members,
    state: stateOf(members, isReady),
  }));
  const isAllDown = groups.every(({ state }) => state === "full");
  return groups.map((group) => ({
    ...group,
    intervalMs: isAllDown ? undefined : intervalOf(group.state, group.nodes.length),
  }));
}

function zoneKey({ metadata }: Node): string {
  const { labels = {} } = metadata;
  const region = labels["topology.kubernetes.io/region"] ?? "";
  return `${region}/${labels["topology.kubernetes.io/zone"] ?? ""}`;
}

function stateOf(nodes: readonly Node[], isReady: (node: Node) => boolean): ZoneState {
  const down = nodes.filter((node) => !isReady(node)).length;
  if (down > 0 && down === nodes.length) return "full";
  return down > TOLERATED_NODES && down / nodes.length >= DISRUPTED_SHARE ? "partial" : "normal";
}

function intervalOf(state: ZoneState, count: number): Millis | undefined {
  if (state !== "partial") return INTERVAL_MS;
  return count > LARGE_ZONE ? SLOW_INTERVAL_MS : undefined;
}
