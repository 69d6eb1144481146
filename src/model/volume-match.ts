import { compare } from "../base/order.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "./kinds.gen.ts";
import { matchesSelector } from "./labels.ts";
import { matchesNodeSelector, type NodeIdentity } from "./node-affinity.ts";
import { quantityValue } from "./quantity.ts";

export interface VolumeWish {
  /** The class that the claim asks for; "" for none. */
  readonly className: string;
  /** Where it is to be used, when that is decided. */
  readonly node?: NodeIdentity | undefined;
  /** Volumes that are somebody else's for a reason of the caller's. */
  readonly isTaken?: (volume: PersistentVolume) => boolean;
}

/**
 * The volume that suits a claim best: one that was reserved for it, else the smallest that is large enough; of equal
 * ones the first by name. The scheduler chooses by it, and the planner binds by it. Pure.
 */
export function findVolume(
  claim: PersistentVolumeClaim,
  volumes: Iterable<PersistentVolume>,
  wish: VolumeWish,
): PersistentVolume | undefined {
  let best: PersistentVolume | undefined;
  for (const volume of volumes) {
    if (!suits(claim, volume, wish)) continue;
    if (best === undefined || isBetter(claim, volume, best)) best = volume;
  }
  return best;
}

/** Whether a volume's `claimRef` means this very claim, or its name before it was bound. Pure. */
export function isReservedFor(
  { spec }: PersistentVolume,
  { metadata }: PersistentVolumeClaim,
): boolean {
  const ref = spec.claimRef;
  if (ref === undefined) return false;
  const isNamed = ref.namespace === metadata.namespace && ref.name === metadata.name;
  return isNamed && (ref.uid === undefined || ref.uid === metadata.uid);
}

/** Whether pods on the node can use the volume. Pure. */
export function isUsableOn({ spec }: PersistentVolume, node: NodeIdentity): boolean {
  const required = spec.nodeAffinity?.required;
  return required === undefined || matchesNodeSelector(required, node);
}

/** Bytes that a claim asks for. Pure. */
export function requestOf({ spec }: PersistentVolumeClaim): number {
  return quantityValue(spec.resources?.requests?.["storage"] ?? "0") ?? 0;
}

function suits(
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
  { className, node, isTaken }: VolumeWish,
): boolean {
  const { spec, metadata } = volume;
  if (metadata.deletionTimestamp !== undefined) return false;
  if (spec.claimRef !== undefined && !isReservedFor(volume, claim)) return false;
  if (isTaken?.(volume) === true) return false;
  if (node !== undefined && !isUsableOn(volume, node)) return false;
  const modes: readonly string[] = spec.accessModes ?? [];
  return (
    (spec.storageClassName ?? "") === className &&
    spec.volumeMode === claim.spec.volumeMode &&
    (claim.spec.accessModes ?? []).every((mode) => modes.includes(mode)) &&
    sizeOf(volume) >= requestOf(claim) &&
    (claim.spec.selector === undefined || matchesSelector(claim.spec.selector, metadata.labels))
  );
}

function isBetter(claim: PersistentVolumeClaim, a: PersistentVolume, b: PersistentVolume): boolean {
  const order =
    Number(isReservedFor(b, claim)) - Number(isReservedFor(a, claim)) ||
    sizeOf(a) - sizeOf(b) ||
    compare(a.metadata.name, b.metadata.name);
  return order < 0;
}

function sizeOf({ spec }: PersistentVolume): number {
  return quantityValue(spec.capacity?.["storage"] ?? "0") ?? 0;
}
