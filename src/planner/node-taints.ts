import { formatTime, parseTime, type Millis } from "../base/clock.ts";
import { findCondition } from "../model/condition.ts";
import type { Node, Taint } from "../model/kinds.gen.ts";
import { TAINTS } from "../model/taints.ts";

/** How a node answers: whether it is Ready says the node, whether it is silent says the clock. */
export type NodeAnswer = "ready" | "not-ready" | "silent";

/** Conditions that keep new pods away, and the taint that does it. */
const PRESSURES: readonly (readonly [condition: string, key: string])[] = [
  ["MemoryPressure", TAINTS.memoryPressure],
  ["DiskPressure", TAINTS.diskPressure],
  ["PIDPressure", TAINTS.pidPressure],
  ["NetworkUnavailable", TAINTS.networkUnavailable],
];
/** Taints that only the control plane puts on and takes off. */
const OWN_KEYS: ReadonlySet<string> = new Set([
  TAINTS.notReady,
  TAINTS.unreachable,
  TAINTS.unschedulable,
  ...PRESSURES.map(([, key]) => key),
]);
const LIFE_KEYS: ReadonlySet<string> = new Set([TAINTS.notReady, TAINTS.unreachable]);

/** How a node answers, from its own words unless it is silent; one that has said nothing yet is waited for. Pure. */
export function answerOf(node: Node, isSilent: boolean): NodeAnswer {
  if (isSilent) return "silent";
  const ready = findCondition(node.status?.conditions, "Ready")?.status;
  if (ready === "Unknown") return "silent";
  return ready === "False" ? "not-ready" : "ready";
}

/** Whether a taint says that the node does not answer, and is there to evict. Pure. */
export function isEvictionTaint({ key, effect }: Taint): boolean {
  return effect === "NoExecute" && LIFE_KEYS.has(key);
}

/** When the node was found not to answer, as its taint says; `undefined` without one. Pure. */
export function evictionTaintedAt({ spec }: Node): Millis | undefined {
  const taint = spec.taints?.find(isEvictionTaint);
  return taint === undefined ? undefined : (parseTime(taint.timeAdded) ?? 0);
}

/**
 * The taints that a node is to have: no new pods while it is cordoned, short of something or not answering; its pods evicted
 * where `mayEvict`. Those of others stay; one that evicts says since when. `undefined` when they are so already. Pure.
 */
export function wantedTaints(
  node: Node,
  answer: NodeAnswer,
  { mayEvict, now }: { readonly mayEvict: boolean; readonly now: Millis },
): readonly Taint[] | undefined {
  const before = node.spec.taints ?? [];
  const time = formatTime(now);
  const others = before
    .filter((taint) => !isOwn(taint))
    .map((taint) => (isTimed(taint) ? { ...taint, timeAdded: time } : taint));
  const wanted = ownTaints(node, answer, mayEvict).map(
    ({ key, effect }): Taint =>
      before.find((taint) => taint.key === key && taint.effect === effect) ?? {
        key,
        effect,
        timeAdded: time,
      },
  );
  const next = [...others, ...wanted];
  const isSame = next.length === before.length && next.every((taint) => before.includes(taint));
  return isSame ? undefined : next;
}

function isOwn({ key, effect }: Taint): boolean {
  return OWN_KEYS.has(key) && (effect === "NoSchedule" || isEvictionTaint({ key, effect }));
}

/** People write no time: it counts from when the taint is first seen. */
function isTimed({ effect, timeAdded }: Taint): boolean {
  return effect === "NoExecute" && timeAdded === undefined;
}

function ownTaints(node: Node, answer: NodeAnswer, mayEvict: boolean): readonly Taint[] {
  const keys: string[] = [];
  if (answer === "not-ready") keys.push(TAINTS.notReady);
  if (answer === "silent") keys.push(TAINTS.unreachable);
  const [life] = keys;
  if (node.spec.unschedulable === true) keys.push(TAINTS.unschedulable);
  // What a silent node said of itself last is not known to be true any more.
  for (const [condition, key] of answer === "silent" ? [] : PRESSURES)
    if (findCondition(node.status?.conditions, condition)?.status === "True") keys.push(key);
  const evicting: readonly Taint[] =
    life !== undefined && mayEvict ? [{ key: life, effect: "NoExecute" }] : [];
  return [...keys.map((key): Taint => ({ key, effect: "NoSchedule" })), ...evicting];
}
