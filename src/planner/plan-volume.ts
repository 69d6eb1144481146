import type { PersistentVolume, PersistentVolumeClaim } from "../model/kinds.gen.ts";
import { EMPTY_PLAN, type Plan } from "../model/plan.ts";
import {
  PROVISIONED_BY_ANNOTATION,
  VOLUME_FINALIZER,
  VOLUME_NODE_LABEL,
} from "../model/storage.ts";
import type { World } from "./world.ts";

/**
 * A PersistentVolume is Available, Bound to its claim, or Released when the claim is gone; then it stays (`Retain`), or
 * goes with its data (`Delete`): the agent of its node removes the data, and the volume follows. The data of a node that
 * is gone cannot be removed, and is given up.
 */
export function planVolume(world: World, volume: PersistentVolume): Plan {
  const { metadata, spec } = volume;
  const claim = claimOf(world, volume);
  if (metadata.deletionTimestamp !== undefined)
    return claim === undefined ? planEnd(world, volume) : EMPTY_PLAN;
  if (spec.claimRef?.uid === undefined) return withPhase(volume, "Available");
  if (claim !== undefined)
    return withPhase(volume, claim.spec.volumeName === metadata.name ? "Bound" : "Available");
  if (spec.persistentVolumeReclaimPolicy !== "Delete") return withPhase(volume, "Released");
  if (metadata.annotations?.[PROVISIONED_BY_ANNOTATION] === undefined) {
    const message =
      "a volume that was made by hand is not deleted: set its reclaim policy to Retain";
    return withPhase(volume, "Failed", message);
  }
  const ref = { apiVersion: "v1", kind: "PersistentVolume", name: metadata.name };
  return {
    steps: [
      ...withPhase(volume, "Released").steps,
      { kind: "delete", ref, uid: metadata.uid ?? "", reason: "VolumeReleased" },
    ],
  };
}

/** The claim that the volume is bound to, while it is there. */
function claimOf(world: World, { spec }: PersistentVolume): PersistentVolumeClaim | undefined {
  const { uid, namespace = "", name = "" } = spec.claimRef ?? {};
  if (uid === undefined) return undefined;
  const ref = { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name };
  const claim = world.get(ref) as PersistentVolumeClaim | undefined;
  return claim?.metadata.uid === uid ? claim : undefined;
}

/** A deleted volume without a claim: its node removes the data of a Released one, unless they are to be kept. */
function planEnd(world: World, volume: PersistentVolume): Plan {
  const { finalizers = [], labels } = volume.metadata;
  if (!finalizers.includes(VOLUME_FINALIZER)) return EMPTY_PLAN;
  const name = labels?.[VOLUME_NODE_LABEL];
  const node = name === undefined ? undefined : world.get({ apiVersion: "v1", kind: "Node", name });
  const isKept = volume.spec.persistentVolumeReclaimPolicy !== "Delete";
  if (node !== undefined && !isKept) return withPhase(volume, "Released");
  const rest = finalizers.filter((finalizer) => finalizer !== VOLUME_FINALIZER);
  const object = { ...volume, metadata: { ...volume.metadata, finalizers: rest } };
  return { steps: [{ kind: "update", object, reason: isKept ? "VolumeReleased" : "NodeGone" }] };
}

type Phase = NonNullable<NonNullable<PersistentVolume["status"]>["phase"]>;

function withPhase(volume: PersistentVolume, phase: Phase, message?: string): Plan {
  if (volume.status?.phase === phase && volume.status.message === message) return EMPTY_PLAN;
  const status = message === undefined ? { phase } : { phase, message };
  return {
    steps: [
      {
        kind: "update-status",
        object: { ...volume, status } as PersistentVolume,
        reason: "StatusChanged",
      },
    ],
  };
}
