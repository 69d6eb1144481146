import { canonicalAmounts, mapField } from "./default-fields.ts";
import { defaultHostPath } from "./default-volume.ts";
import type { Fields } from "./fields.ts";

/** What Kubernetes fills into the spec of a PersistentVolume. Pure, idempotent. */
export function defaultVolumeSpec(spec: Fields): Fields {
  return {
    persistentVolumeReclaimPolicy: "Retain",
    volumeMode: "Filesystem",
    ...spec,
    ...mapField(spec, "capacity", canonicalAmounts),
    ...mapField(spec, "hostPath", defaultHostPath),
  };
}

/** What Kubernetes fills into a StorageClass. Pure, idempotent. */
export function defaultStorageClass(object: Fields): Fields {
  return { reclaimPolicy: "Delete", volumeBindingMode: "Immediate", ...object };
}
