import { shortHash } from "../base/hash.ts";
import type { StringMap } from "../model/meta.ts";
import type { Container, Pod, Volume, VolumeMount } from "../model/kinds.gen.ts";
import { LABELS } from "../model/instance.ts";
import { memoryBytes } from "../model/quantity.ts";
import { volumeName } from "./names.ts";
import { claimNameOf } from "../model/storage.ts";
import { nfsOptions, type NfsShare } from "./nfs-volume.ts";
import type { ClaimVolume } from "./pod-claims.ts";
import { expand } from "./env.ts";
import type { MountPropagation, MountSpec, VolumeSpec } from "./runtime.ts";

/** Where the sandbox mounts what is in memory: as long as it lives, the contents do. */
export const SANDBOX_VOLUMES = "/berth";
/** Room for two versions of the largest object. Memory is used only for what is written. */
const CONFIG_VOLUME_BYTES = 16 * 1024 * 1024;
/** As kubelet makes an emptyDir: whoever the container runs as may write. */
const EMPTY_DIR_MODE = 0o777;
const EMPTY_DIR_GROUP_MODE = 0o2777;

/** The Docker volumes of a pod. Pure. */
export function podVolumes(pod: Pod, clusterId: string, labels: StringMap): readonly VolumeSpec[] {
  const gid = pod.spec.securityContext?.fsGroup;
  const uid = pod.metadata.uid ?? "";
  return (pod.spec.volumes ?? []).flatMap((volume): readonly VolumeSpec[] => {
    const base = {
      name: volumeName(clusterId, uid, volume.name),
      labels,
      ...(gid === undefined ? {} : { gid }),
    };
    if (isConfigVolume(volume)) {
      return [{ ...base, tmpfs: { sizeBytes: CONFIG_VOLUME_BYTES, mode: "0755" } }];
    }
    if (volume.emptyDir === undefined) return [];
    const mode = gid === undefined ? EMPTY_DIR_MODE : EMPTY_DIR_GROUP_MODE;
    if (volume.emptyDir.medium !== "Memory") return [{ ...base, mode }];
    const sizeBytes = memoryBytes(volume.emptyDir.sizeLimit ?? "");
    const size = sizeBytes === undefined || sizeBytes === 0 ? {} : { sizeBytes };
    return [{ ...base, tmpfs: { ...size, mode: gid === undefined ? "0777" : "2777" } }];
  });
}

/** What the sandbox mounts, so that it outlives each of the containers. Pure. */
export function sandboxMounts(pod: Pod, clusterId: string): readonly MountSpec[] {
  return (pod.spec.volumes ?? [])
    .filter((volume) => isConfigVolume(volume) || volume.emptyDir?.medium === "Memory")
    .map((volume) => ({
      kind: "volume",
      volume: volumeName(clusterId, pod.metadata.uid ?? "", volume.name),
      target: `${SANDBOX_VOLUMES}/${volume.name}`,
      readOnly: false,
    }));
}

/** A mount of a container whose source the shell must still find, or make, on the host. */
export type WantedMount =
  | MountSpec
  | {
      readonly kind: "host-path";
      readonly path: string;
      readonly type: string;
      /** Of a folder that is made. */
      readonly mode?: number;
      readonly subPath: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly propagation?: MountPropagation;
    }
  /** A volume that is not the pod's own: made where the Engine does not have it yet. */
  | {
      readonly kind: "claim";
      readonly volume: VolumeSpec;
      readonly subPath: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly propagation?: MountPropagation;
    }
  | {
      readonly kind: "volume-part";
      readonly volume: string;
      readonly subPath: string;
      /** Whether a part that is not there is made, as a folder. */
      readonly make: boolean;
      readonly target: string;
      readonly readOnly: boolean;
      readonly propagation?: MountPropagation;
    };

export type MountsResult =
  | { readonly kind: "mounts"; readonly mounts: readonly WantedMount[] }
  | { readonly kind: "missing"; readonly message: string };

export interface MountSources {
  readonly clusterId: string;
  /** Of volumes that go with the pod. */
  readonly labels?: StringMap | undefined;
  /** The pod's claims, by the name of the volume. */
  readonly claims?: ReadonlyMap<string, ClaimVolume>;
  /** The container's variables, which subPathExpr may name. */
  readonly env?: ReadonlyMap<string, string>;
}

/** What a container mounts. Pure. */
export function containerMounts(
  pod: Pod,
  container: Container,
  sources: MountSources,
): MountsResult {
  const mounts: WantedMount[] = [];
  for (const mount of container.volumeMounts ?? []) {
    const volume = pod.spec.volumes?.find((candidate) => candidate.name === mount.name);
    if (volume === undefined) {
      return {
        kind: "missing",
        message: `volume "${mount.name}" of container "${container.name}" is not among the pod's volumes`,
      };
    }
    const part = subPathOf(mount, sources.env ?? new Map());
    if (part.kind === "missing") return part;
    const isPrivileged = container.securityContext?.privileged === true;
    if (mount.mountPropagation === "Bidirectional" && !isPrivileged)
      return {
        kind: "missing",
        message: `mountPropagation Bidirectional of volume "${mount.name}" is available only to privileged containers`,
      };
    const wanted = wantedMount(pod, volume, { sources, mount, subPath: part.subPath });
    if (wanted.kind === "missing") return wanted;
    mounts.push(wanted);
  }
  return { kind: "mounts", mounts };
}

interface MountQuestion {
  readonly sources: MountSources;
  readonly mount: VolumeMount;
  readonly subPath: string;
}

function wantedMount(
  pod: Pod,
  volume: Volume,
  { sources: { clusterId, claims, labels }, mount, subPath }: MountQuestion,
): WantedMount | { readonly kind: "missing"; readonly message: string } {
  const { name, mountPath: target } = mount;
  const readOnly = mount.readOnly === true;
  const about = { target, subPath, ...propagationOf(mount) };
  if (volume.hostPath !== undefined) {
    const { path, type } = volume.hostPath;
    return { kind: "host-path", path, type: type ?? "", ...about, readOnly };
  }
  if (volume.nfs !== undefined)
    return shareMount(pod, name, { clusterId, labels }, volume.nfs, { ...about, readOnly });
  if (claimNameOf(pod, volume) !== undefined) {
    const claim = claims?.get(name);
    if (claim === undefined)
      return { kind: "missing", message: `volume "${name}" has no claim that is bound` };
    const isReadOnly = readOnly || volume.persistentVolumeClaim?.readOnly === true;
    if (claim.kind === "nfs")
      return shareMount(pod, name, { clusterId, labels }, claim.share, {
        ...about,
        readOnly: isReadOnly,
      });
    return claimMount(pod, clusterId, claim, { ...about, readOnly: isReadOnly });
  }
  const source = volumeName(clusterId, pod.metadata.uid ?? "", name);
  const isConfig = isConfigVolume(volume);
  const access = { volume: source, readOnly: isConfig || readOnly };
  // Docker gives no volume as such another propagation, but its folder.
  return subPath === "" && about.propagation === undefined
    ? { kind: "volume", ...access, target }
    : { kind: "volume-part", ...access, ...about, make: !isConfig };
}

type SubPath =
  | { readonly kind: "sub-path"; readonly subPath: string }
  | { readonly kind: "missing"; readonly message: string };

/** The part of the volume, with what its expression names; a variable without a value would show another part. */
function subPathOf(
  { subPath, subPathExpr }: VolumeMount,
  env: ReadonlyMap<string, string>,
): SubPath {
  if (subPathExpr === undefined) return { kind: "sub-path", subPath: subPath ?? "" };
  const absent = new Set<string>();
  for (const [, name] of subPathExpr.matchAll(/\$(?:\$|\(([^)]*)\))/g))
    if (name !== undefined && (env.get(name) ?? "") === "") absent.add(name);
  if (absent.size > 0)
    return { kind: "missing", message: `missing value for ${[...absent].toSorted().join(", ")}` };
  const expanded = expand(subPathExpr, env);
  if (!expanded.startsWith("/")) return { kind: "sub-path", subPath: expanded };
  return { kind: "missing", message: `subPath "${expanded}" must not be an absolute path` };
}

const PROPAGATIONS = {
  None: undefined,
  HostToContainer: "rslave",
  Bidirectional: "rshared",
} as const;

function propagationOf({ mountPropagation = "None" }: VolumeMount): {
  readonly propagation?: MountPropagation;
} {
  const propagation = PROPAGATIONS[mountPropagation];
  return propagation === undefined ? {} : { propagation };
}

interface MountAbout {
  readonly target: string;
  readonly subPath: string;
  readonly readOnly: boolean;
  readonly propagation?: MountPropagation;
}

/** A share is mounted by the Engine, for as long as a container uses it; what the Engine knows of it goes with the pod. */
function shareMount(
  pod: Pod,
  name: string,
  { clusterId, labels = {} }: Pick<MountSources, "clusterId" | "labels">,
  share: NfsShare,
  { subPath, ...about }: MountAbout,
): WantedMount | { readonly kind: "missing"; readonly message: string } {
  if (subPath.split("/").includes(".."))
    return { kind: "missing", message: `subPath "${subPath}" must not contain ".."` };
  const part = subPath === "" ? name : `${name}-${shortHash(subPath)}`;
  const volume: VolumeSpec = {
    name: volumeName(clusterId, pod.metadata.uid ?? "", part),
    labels,
    plugin: { driver: "local", options: nfsOptions(share, subPath) },
  };
  const readOnly = about.readOnly || share.readOnly === true;
  return { kind: "claim", volume, subPath: "", ...about, readOnly };
}

function claimMount(
  pod: Pod,
  clusterId: string,
  claim: Exclude<ClaimVolume, { readonly kind: "nfs" }>,
  about: MountAbout,
): WantedMount {
  if (claim.kind === "path") {
    const { path, type } = claim;
    return { kind: "host-path", path, type, mode: EMPTY_DIR_MODE, ...about };
  }
  const { name, driver, options } = claim;
  const gid = pod.spec.securityContext?.fsGroup;
  const volume: VolumeSpec = {
    name,
    // Without the pod's uid: the volume stays when the pod goes.
    labels: { [LABELS.cluster]: clusterId },
    mode: gid === undefined ? EMPTY_DIR_MODE : EMPTY_DIR_GROUP_MODE,
    ...(gid === undefined ? {} : { gid }),
    plugin: { driver: driver ?? "local", options },
  };
  return { kind: "claim", volume, ...about };
}

/** Whether the agent writes the files of a volume, from objects of the API or from the pod itself. Pure. */
export function isConfigVolume(volume: Volume): boolean {
  const { configMap, secret, downwardAPI, projected } = volume;
  return [configMap, secret, downwardAPI, projected].some((source) => source !== undefined);
}
