import type { PersistentVolumeClaim, Pod, StorageClass, Volume } from "./kinds.gen.ts";
import type { ApiObject } from "./meta.ts";

/** Makes volumes on the node of the first pod that wants them: a Docker volume, or a folder below `parameters.path`. */
export const LOCAL_PROVISIONER = "berth.dev/local";
/** Makes volumes through a volume plugin of the Docker Engine: `parameters.driver`, and `opt.*` for its options. */
export const DOCKER_PROVISIONER = "berth.dev/docker-volume";
/** A class whose volumes are all made by hand. */
export const NO_PROVISIONER = "kubernetes.io/no-provisioner";
/** The driver of a PersistentVolume's `csi` source that means a volume of the Docker Engine of that name. */
export const DOCKER_VOLUME_DRIVER = "docker.berth.dev";
/** In the attributes of such a source: the Engine's volume driver, and `opt.` before the name of each of its options. */
export const DRIVER_ATTRIBUTE = "driver";
export const OPTION_PREFIX = "opt.";

/** On a PersistentVolumeClaim, by the scheduler: the node that the first pod goes to. */
export const SELECTED_NODE_ANNOTATION = "volume.kubernetes.io/selected-node";
/** On a PersistentVolume: the node whose agent removes what the volume keeps, once it is deleted. */
export const VOLUME_NODE_LABEL = "berth.dev/node";
/** On a PersistentVolume: its data is still there. */
export const VOLUME_FINALIZER = "berth.dev/volume-data";
export const CLAIM_FINALIZER = "kubernetes.io/pvc-protection";
export const PROVISIONED_BY_ANNOTATION = "pv.kubernetes.io/provisioned-by";
/** On a claim and a volume: the one was bound to the other by Berth, not by its author. */
export const BOUND_BY_ANNOTATION = "pv.kubernetes.io/bound-by-controller";
export const BIND_COMPLETED_ANNOTATION = "pv.kubernetes.io/bind-completed";
const DEFAULT_CLASS_ANNOTATION = "storageclass.kubernetes.io/is-default-class";

/** The class of claims that name none: the newest that is marked as the default. Pure. */
export function defaultStorageClass(classes: readonly ApiObject[]): StorageClass | undefined {
  let found: StorageClass | undefined;
  for (const candidate of classes as readonly StorageClass[]) {
    if (candidate.metadata.annotations?.[DEFAULT_CLASS_ANNOTATION] !== "true") continue;
    const isNewer = createdAt(candidate) > createdAt(found);
    if (found === undefined || isNewer) found = candidate;
  }
  return found;
}

/** The class that a claim asks for: "" for none at all, `undefined` for the default one. Pure. */
export function classNameOf({ metadata, spec }: PersistentVolumeClaim): string | undefined {
  return metadata.annotations?.["volume.beta.kubernetes.io/storage-class"] ?? spec.storageClassName;
}

/** The claim that one of a pod's volumes stands for; an ephemeral one is named after pod and volume. Pure. */
export function claimNameOf(pod: Pod, volume: Volume): string | undefined {
  if (volume.ephemeral !== undefined) return `${pod.metadata.name}-${volume.name}`;
  return volume.persistentVolumeClaim?.claimName;
}

/** The names of all claims of a pod, of its namespace. Pure. */
export function claimNamesOf(pod: Pod): readonly string[] {
  return (pod.spec.volumes ?? []).flatMap((volume) => claimNameOf(pod, volume) ?? []);
}

function createdAt(object: ApiObject | undefined): string {
  return object?.metadata.creationTimestamp ?? "";
}
