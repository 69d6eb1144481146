import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../model/kinds.gen.ts";
import { refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import { claimNamesOf, VOLUME_NODE_LABEL } from "../model/storage.ts";
import type { World } from "./world.ts";

/** Claims and volumes that a changed object concerns. Pure. */
export function wakeClaims(world: World, changed: ApiObject): readonly ObjectRef[] {
  switch (`${changed.apiVersion}/${changed.kind}`) {
    case "v1/PersistentVolume":
      return ofVolume(world, changed as PersistentVolume);
    case "v1/PersistentVolumeClaim":
      return ofClaim(world, changed as PersistentVolumeClaim);
    case "v1/Pod":
      return ofPod(world, changed as Pod);
    case "v1/Node":
      return ofNode(world, changed);
    case "storage.k8s.io/v1/StorageClass":
      return unboundClaims(world);
    default:
      return [];
  }
}

/** A volume's claim; one that is free, all claims that wait. */
function ofVolume(world: World, { spec }: PersistentVolume): readonly ObjectRef[] {
  const { claimRef } = spec;
  if (claimRef === undefined) return unboundClaims(world);
  return [claimRefOf(claimRef.namespace ?? "", claimRef.name)];
}

function ofClaim(world: World, { metadata, spec }: PersistentVolumeClaim): readonly ObjectRef[] {
  const names = [spec.volumeName, `pvc-${metadata.uid ?? ""}`];
  const refs = names.flatMap((name) =>
    name === undefined ? [] : [{ apiVersion: "v1", kind: "PersistentVolume", name }],
  );
  return refs.filter((ref) => world.get(ref) !== undefined);
}

/** Claims that are being deleted, and wait for the last pod that uses them. */
function ofPod(world: World, pod: Pod): readonly ObjectRef[] {
  return claimNamesOf(pod)
    .map((name) => claimRefOf(pod.metadata.namespace ?? "", name))
    .filter((ref) => world.get(ref)?.metadata.deletionTimestamp !== undefined);
}

/** Deleted volumes whose data the node keeps: without it nobody removes them. */
function ofNode(world: World, node: ApiObject): readonly ObjectRef[] {
  if (world.get(refOf(node)) !== undefined) return [];
  return world
    .list("v1", "PersistentVolume")
    .filter(({ metadata }) => metadata.labels?.[VOLUME_NODE_LABEL] === node.metadata.name)
    .map(refOf);
}

function unboundClaims(world: World): readonly ObjectRef[] {
  const claims = world.list("v1", "PersistentVolumeClaim") as readonly PersistentVolumeClaim[];
  return claims.filter(({ spec }) => spec.volumeName === undefined).map(refOf);
}

function claimRefOf(namespace: string, name: string): ObjectRef {
  return { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name };
}
