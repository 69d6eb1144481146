import type { Pod } from "../model/kinds.gen.ts";

/** Pods of one namespace with the same value are a group: placed together, or not at all. */
export const POD_GROUP_ANNOTATION = "berth.dev/pod-group";
/** How many pods of the group must have a node, at the least, for any of them to get one. */
export const POD_GROUP_MIN_ANNOTATION = "berth.dev/pod-group-min";
/** A group is decided on in one go, so it must be small enough for that. */
export const MAX_POD_GROUP = 1000;
/** Said to have refused pods whose group is not complete, or does not fit as a whole. */
export const GANG_PLUGIN = "PodGroup";

/** `namespace/group` of a pod that is in a group. Pure. */
export function groupNameOf(pod: Pod): string | undefined {
  const name = pod.metadata.annotations?.[POD_GROUP_ANNOTATION];
  return name === undefined || name === "" ? undefined : `${pod.metadata.namespace ?? ""}/${name}`;
}

export interface GangState {
  readonly group: string;
  /** Members that have no node yet and may get one, the most urgent first. */
  readonly waiting: readonly Pod[];
  /** Members that have a node and have not ended. */
  readonly placed: number;
}

export type GangVerdict =
  | { readonly kind: "try"; readonly need: number }
  | { readonly kind: "wait"; readonly message: string };

/** Whether a group can be tried now, and how many of the waiting must find a node for it to be worth anything. Pure. */
export function judgeGang({ group, waiting, placed }: GangState): GangVerdict {
  const name = group.slice(group.indexOf("/") + 1);
  const texts = new Set(
    waiting.map((pod) => pod.metadata.annotations?.[POD_GROUP_MIN_ANNOTATION] ?? ""),
  );
  const [text = ""] = texts;
  if (texts.size > 1) {
    const all = [...texts].toSorted().map((item) => `"${item}"`);
    return wait(
      `pod group "${name}": its pods state different ${POD_GROUP_MIN_ANNOTATION}: ${all.join(", ")}`,
    );
  }
  const least = /^[0-9]{1,6}$/.test(text) ? Number(text) : 0;
  if (least < 1 || least > MAX_POD_GROUP) {
    return wait(
      `pod group "${name}": annotation ${POD_GROUP_MIN_ANNOTATION} is "${text}", it must be a whole number from 1 to ${MAX_POD_GROUP}`,
    );
  }
  if (waiting.length > MAX_POD_GROUP)
    return wait(
      `pod group "${name}" has ${waiting.length} pods, at most ${MAX_POD_GROUP} are placed together`,
    );
  const there = waiting.length + placed;
  if (there < least)
    return wait(`pod group "${name}" has ${there} of at least ${least} pods that can be placed`);
  return { kind: "try", need: Math.max(0, least - placed) };
}

/** Why a group was not placed although enough pods are there. Pure. */
export function explainGang(
  state: GangState,
  verdict: { readonly need: number; readonly fitting: number; readonly refusal: string },
): string {
  const name = state.group.slice(state.group.indexOf("/") + 1);
  const { need, fitting, refusal } = verdict;
  return `pod group "${name}" needs nodes for ${need} more pods at once and finds them for ${fitting}: ${refusal}`;
}

function wait(message: string): GangVerdict {
  return { kind: "wait", message };
}
