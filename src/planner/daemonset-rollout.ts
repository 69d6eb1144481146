import type { Millis } from "../base/clock.ts";
import { resolveIntOrPercent } from "../model/int-or-percent.ts";
import type { DaemonSet, Pod } from "../model/kinds.gen.ts";
import { REVISION_LABEL } from "./controller-revisions.ts";
import type { NodeVerdict } from "./daemonset-nodes.ts";
import { availableAt, isReady, isTerminating } from "./pod-state.ts";

/** A node with the pods that a DaemonSet has on it. */
export interface DaemonNode extends NodeVerdict {
  readonly name: string;
  /** False for a node that is gone. */
  readonly exists: boolean;
  /** Without those that have ended and are on their way out; the oldest first. */
  readonly pods: readonly Pod[];
}

/** A DaemonSet, its nodes in the order of their names, and the revision that is wanted. */
export interface DaemonSituation {
  readonly set: DaemonSet;
  readonly now: Millis;
  readonly hash: string;
  readonly nodes: readonly DaemonNode[];
}

/** What a roll-out does next. */
export interface DaemonRollout {
  /** Old pods that end. */
  readonly ending: readonly Pod[];
  /** Nodes that get a new pod beside the old one. */
  readonly surging: readonly string[];
}

/** How many nodes may be without a pod that serves, and how many may have two. Percentages of the nodes, rounded up. Pure. */
export function daemonLimits(
  { spec }: DaemonSet,
  nodes: number,
): { readonly maxUnavailable: number; readonly maxSurge: number } {
  const { rollingUpdate } = spec.updateStrategy;
  if (spec.updateStrategy.type !== "RollingUpdate") return { maxUnavailable: 0, maxSurge: 0 };
  const maxUnavailable = resolveIntOrPercent(rollingUpdate?.maxUnavailable ?? 1, nodes, "up");
  const maxSurge = resolveIntOrPercent(rollingUpdate?.maxSurge ?? 0, nodes, "up");
  const isStuck = nodes > 0 && maxUnavailable === 0 && maxSurge === 0;
  return { maxUnavailable: isStuck ? 1 : maxUnavailable, maxSurge };
}

/** Whether two pods may be on one node during a roll-out. Pure. */
export function allowsSurge({ spec }: DaemonSet): boolean {
  const { type, rollingUpdate } = spec.updateStrategy;
  const maxSurge = rollingUpdate?.maxSurge ?? 0;
  return type === "RollingUpdate" && resolveIntOrPercent(maxSurge, 100, "up") > 0;
}

/** Whether a pod is of the wanted revision. Pure. */
export function isUpdated({ hash }: Pick<DaemonSituation, "hash">, { metadata }: Pod): boolean {
  return metadata.labels?.[REVISION_LABEL] === hash;
}

/** Whether a pod serves, and has for as long as the set asks. Pure. */
export function isDaemonAvailable({ set, now }: DaemonSituation, pod: Pod): boolean {
  const at = availableAt(pod, set.spec.minReadySeconds ?? 0);
  return at !== undefined && at <= now;
}

/** The next step of a rolling update, once no node has pods beyond those that it may have. Pure. */
export function rollDaemons(situation: DaemonSituation): DaemonRollout {
  const { set, nodes } = situation;
  const wanted = nodes.filter(({ shouldRun }) => shouldRun).length;
  const { maxUnavailable, maxSurge } = daemonLimits(set, wanted);
  const onNodes = nodes
    .filter(({ shouldRun, pods }) => shouldRun || pods.length > 0)
    .map((node) => ({ node, ...pairOn(situation, node) }));
  return maxSurge === 0
    ? { ending: replaceInPlace(situation, onNodes, maxUnavailable), surging: [] }
    : surge(situation, onNodes, { maxSurge, wanted });
}

/** The old and the new pod of a node. */
interface Pair {
  readonly node: DaemonNode;
  readonly older?: Pod | undefined;
  readonly newer?: Pod | undefined;
}

function pairOn(situation: DaemonSituation, { pods }: DaemonNode): Omit<Pair, "node"> {
  const staying = pods.filter((pod) => !isTerminating(pod));
  return {
    older: staying.find((pod) => !isUpdated(situation, pod)),
    newer: staying.find((pod) => isUpdated(situation, pod)),
  };
}

/** Old pods that serve nobody end at once; of the others as many as may be missing. */
function replaceInPlace(
  situation: DaemonSituation,
  pairs: readonly Pair[],
  maxUnavailable: number,
): readonly Pod[] {
  const useless: Pod[] = [];
  const serving: Pod[] = [];
  let unavailable = 0;
  for (const { older, newer } of pairs) {
    if (older !== undefined && newer === undefined) {
      if (isDaemonAvailable(situation, older)) serving.push(older);
      else {
        useless.push(older);
        unavailable += 1;
      }
    } else if (older !== undefined || newer === undefined || !isDaemonAvailable(situation, newer))
      unavailable += 1;
  }
  return [...useless, ...serving.slice(0, Math.max(0, maxUnavailable - unavailable))];
}

/** A new pod beside the old one on as many nodes as may have two; the old one ends once the new one serves. */
function surge(
  situation: DaemonSituation,
  pairs: readonly Pair[],
  { maxSurge, wanted }: { readonly maxSurge: number; readonly wanted: number },
): DaemonRollout {
  const isAvailable = (pod: Pod): boolean => isDaemonAvailable(situation, pod);
  const ending: Pod[] = [];
  const leaving: Pod[] = [];
  const free: string[] = [];
  const candidates: string[] = [];
  let surging = 0;
  let available = 0;
  for (const { node, older, newer } of pairs) {
    const counted = older ?? newer;
    if (counted !== undefined && isAvailable(counted)) available += 1;
    if (older === undefined) continue;
    if (newer !== undefined) {
      if (isAvailable(newer)) ending.push(older);
      else surging += 1;
    } else if (!isAvailable(older)) {
      if (node.shouldRun) free.push(node.name);
      else ending.push(older);
    } else if (node.shouldRun) candidates.push(node.name);
    else leaving.push(older);
  }
  return {
    ending: [...ending, ...leaving.slice(0, Math.max(0, available - wanted))],
    surging: [...free, ...candidates.slice(0, Math.max(0, maxSurge - surging))],
  };
}

/** Pods of a node beyond those that it may have: one, or an old one and a new one while surging. Pure. */
export function excessOn(situation: DaemonSituation, pods: readonly Pod[]): readonly Pod[] {
  const staying = pods.filter((pod) => !isTerminating(pod));
  if (staying.length <= 1) return [];
  if (!allowsSurge(situation.set)) return staying.slice(1);
  const [newer, ...moreNew] = staying.filter((pod) => isUpdated(situation, pod));
  const [older, ...moreOld] = staying.filter((pod) => !isUpdated(situation, pod));
  const isDone =
    newer !== undefined &&
    older !== undefined &&
    (!isReady(older) || isDaemonAvailable(situation, newer));
  return [...moreNew, ...moreOld, ...(isDone ? [older] : [])];
}
