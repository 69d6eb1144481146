import { invariant } from "../base/assert.ts";
import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeSpec,
  StorageClass,
} from "../model/kinds.gen.ts";
import {
  BOUND_BY_ANNOTATION,
  DOCKER_PROVISIONER,
  DOCKER_VOLUME_DRIVER,
  DRIVER_ATTRIBUTE,
  LOCAL_PROVISIONER,
  OPTION_PREFIX,
  PROVISIONED_BY_ANNOTATION,
  VOLUME_FINALIZER,
  VOLUME_NODE_LABEL,
} from "../model/storage.ts";

const HOSTNAME_LABEL = "kubernetes.io/hostname";

export type Provisioning =
  | { readonly kind: "volume"; readonly volume: PersistentVolume }
  /** Somebody else's provisioner. */
  | { readonly kind: "external" }
  | { readonly kind: "refused"; readonly message: string };

/** The volume that a class makes for a claim. Its name comes from the claim, so that it is made once. Pure. */
export function provisionVolume(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  node: Node | undefined,
): Provisioning {
  const { provisioner } = storageClass;
  if (provisioner !== LOCAL_PROVISIONER && provisioner !== DOCKER_PROVISIONER)
    return { kind: "external" };
  const name = `pvc-${claim.metadata.uid ?? ""}`;
  const isLocal = provisioner === LOCAL_PROVISIONER;
  if (isLocal && node === undefined) {
    const cure = `set "volumeBindingMode: WaitForFirstConsumer" in StorageClass ${storageClass.metadata.name}`;
    return { kind: "refused", message: `${provisioner} needs a pod's node: ${cure}` };
  }
  const source = isLocal ? localSource(name, storageClass) : pluginSource(name, storageClass);
  if (typeof source === "string") return { kind: "refused", message: source };
  return { kind: "volume", volume: newVolume(name, { claim, storageClass, node, source }) };
}

type Source = Pick<PersistentVolumeSpec, "csi" | "local">;

function localSource(name: string, { parameters = {} }: StorageClass): Source | string {
  const { path } = parameters;
  if (path === undefined)
    return { csi: { driver: DOCKER_VOLUME_DRIVER, volumeHandle: name, volumeAttributes: {} } };
  if (!path.startsWith("/") || path.split("/").includes(".."))
    return `parameters.path must be an absolute path without "..", not "${path}"`;
  return { local: { path: `${path.replace(/\/+$/, "")}/${name}` } };
}

function pluginSource(name: string, { parameters = {} }: StorageClass): Source | string {
  const { driver } = parameters;
  if (driver === undefined || driver === "")
    return `parameters.driver must name a volume plugin of the Docker Engine`;
  const options = Object.entries(parameters).filter(([key]) => key.startsWith(OPTION_PREFIX));
  const volumeAttributes = { [DRIVER_ATTRIBUTE]: driver, ...Object.fromEntries(options) };
  return { csi: { driver: DOCKER_VOLUME_DRIVER, volumeHandle: name, volumeAttributes } };
}

/** A plugin's volume is reachable from everywhere when its class says `shared: "true"`. */
function isBoundToNode({ provisioner, parameters }: StorageClass): boolean {
  return provisioner === LOCAL_PROVISIONER || parameters?.["shared"] !== "true";
}

function newVolume(
  name: string,
  from: {
    readonly claim: PersistentVolumeClaim;
    readonly storageClass: StorageClass;
    readonly node: Node | undefined;
    readonly source: Source;
  },
): PersistentVolume {
  const { claim, storageClass, node, source } = from;
  const { namespace = "", uid } = claim.metadata;
  invariant(uid !== undefined, "a claim of the store has a uid");
  const hostname = node?.metadata.labels?.[HOSTNAME_LABEL] ?? node?.metadata.name;
  const isPinned = hostname !== undefined && isBoundToNode(storageClass);
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: {
      name,
      ...(node === undefined ? {} : { labels: { [VOLUME_NODE_LABEL]: node.metadata.name } }),
      annotations: {
        [PROVISIONED_BY_ANNOTATION]: storageClass.provisioner,
        [BOUND_BY_ANNOTATION]: "yes",
      },
      finalizers: [VOLUME_FINALIZER],
    },
    spec: {
      ...source,
      capacity: { storage: claim.spec.resources?.requests?.["storage"] ?? "0" },
      accessModes: claim.spec.accessModes ?? ["ReadWriteOnce"],
      volumeMode: "Filesystem",
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy,
      storageClassName: storageClass.metadata.name,
      ...(storageClass.mountOptions === undefined
        ? {}
        : { mountOptions: storageClass.mountOptions }),
      claimRef: {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        namespace,
        name: claim.metadata.name,
        uid,
      },
      ...(isPinned
        ? {
            nodeAffinity: {
              required: {
                nodeSelectorTerms: [
                  {
                    matchExpressions: [
                      { key: HOSTNAME_LABEL, operator: "In" as const, values: [hostname] },
                    ],
                  },
                ],
              },
            },
          }
        : {}),
    },
    status: { phase: "Pending" },
  };
}
