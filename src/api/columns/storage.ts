import type {
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
} from "../../model/kinds.gen.ts";
import type { Column } from "./column.ts";
import { AGE, NAME } from "./common.ts";

const SHORT_MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: "RWO",
  ReadOnlyMany: "ROX",
  ReadWriteMany: "RWX",
  ReadWriteOncePod: "RWOP",
};
const UNSET = "<unset>";
const DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class";

export const PERSISTENTVOLUME_COLUMNS: readonly Column<PersistentVolume>[] = [
  NAME,
  {
    name: "Capacity",
    type: "string",
    description: "What it can hold.",
    cell: ({ spec }) => spec.capacity["storage"] ?? "",
  },
  {
    name: "Access Modes",
    type: "string",
    description: "How it can be mounted.",
    cell: ({ spec }) => shortModes(spec.accessModes),
  },
  {
    name: "Reclaim Policy",
    type: "string",
    description: "What becomes of it when its claim is gone.",
    cell: ({ spec }) => spec.persistentVolumeReclaimPolicy,
  },
  {
    name: "Status",
    type: "string",
    description: "Available, Bound, Released or Failed.",
    cell: ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating",
  },
  {
    name: "Claim",
    type: "string",
    description: "The claim that it is bound to.",
    cell: ({ spec: { claimRef } }) =>
      claimRef === undefined ? "" : `${claimRef.namespace ?? ""}/${claimRef.name}`,
  },
  {
    name: "StorageClass",
    type: "string",
    description: "Its class.",
    cell: ({ spec }) => spec.storageClassName ?? "",
  },
  {
    name: "VolumeAttributesClass",
    type: "string",
    description: "Not used.",
    cell: () => UNSET,
  },
  {
    name: "Reason",
    type: "string",
    description: "Why it failed.",
    cell: ({ status }) => status?.reason ?? "",
  },
  AGE,
  {
    name: "VolumeMode",
    type: "string",
    description: "A file system or a block device.",
    wide: true,
    cell: ({ spec }) => spec.volumeMode,
  },
];

export const PERSISTENTVOLUMECLAIM_COLUMNS: readonly Column<PersistentVolumeClaim>[] = [
  NAME,
  {
    name: "Status",
    type: "string",
    description: "Pending, Bound or Lost.",
    cell: ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined ? (status?.phase ?? "Pending") : "Terminating",
  },
  {
    name: "Volume",
    type: "string",
    description: "The volume that it is bound to.",
    cell: ({ spec }) => spec.volumeName ?? "",
  },
  {
    name: "Capacity",
    type: "string",
    description: "What its volume can hold.",
    cell: ({ status }) => status?.capacity?.["storage"] ?? "",
  },
  {
    name: "Access Modes",
    type: "string",
    description: "How its volume can be mounted.",
    cell: ({ status }) => shortModes(status?.accessModes ?? []),
  },
  {
    name: "StorageClass",
    type: "string",
    description: "Its class.",
    cell: ({ spec }) => spec.storageClassName ?? "",
  },
  {
    name: "VolumeAttributesClass",
    type: "string",
    description: "Not used.",
    cell: () => UNSET,
  },
  AGE,
  {
    name: "VolumeMode",
    type: "string",
    description: "A file system or a block device.",
    wide: true,
    cell: ({ spec }) => spec.volumeMode,
  },
];

export const STORAGECLASS_COLUMNS: readonly Column<StorageClass>[] = [
  {
    ...NAME,
    cell: ({ metadata }) =>
      metadata.annotations?.[DEFAULT_CLASS] === "true"
        ? `${metadata.name} (default)`
        : metadata.name,
  },
  {
    name: "Provisioner",
    type: "string",
    description: "Who makes its volumes.",
    cell: ({ provisioner }) => provisioner,
  },
  {
    name: "ReclaimPolicy",
    type: "string",
    description: "What becomes of a volume when its claim is gone.",
    cell: ({ reclaimPolicy }) => reclaimPolicy,
  },
  {
    name: "VolumeBindingMode",
    type: "string",
    description: "At once, or when the first pod has a node.",
    cell: ({ volumeBindingMode }) => volumeBindingMode,
  },
  {
    name: "AllowVolumeExpansion",
    type: "string",
    description: "Whether claims may grow.",
    cell: ({ allowVolumeExpansion }) => String(allowVolumeExpansion ?? false),
  },
  AGE,
];

function shortModes(modes: readonly string[]): string {
  return modes.map((mode) => SHORT_MODES[mode] ?? mode).join(",");
}
