import { ApiError, type ApiClient } from "../client/client.ts";
import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../model/kinds.gen.ts";
import type { StringMap } from "../model/meta.ts";
import type { NfsShare } from "./nfs-volume.ts";
import type { ObjectMemory } from "./node-memory.ts";
import {
  claimNameOf,
  DOCKER_VOLUME_DRIVER,
  DRIVER_ATTRIBUTE,
  OPTION_PREFIX,
  PROVISIONED_BY_ANNOTATION,
} from "../model/storage.ts";

/** What a claim of a pod comes to on its node. */
export type ClaimVolume =
  | {
      readonly kind: "docker-volume";
      readonly name: string;
      /** Absent: the Engine's own, a folder on the node. */
      readonly driver?: string;
      readonly options: StringMap;
    }
  | { readonly kind: "nfs"; readonly share: NfsShare }
  | {
      readonly kind: "path";
      readonly path: string;
      /** As of a hostPath: what must be there, or is made. */
      readonly type: string;
    };

/** A claim of a pod cannot be mounted: not bound, gone, or of a kind that no node can mount. */
export class ClaimError extends Error {
  override readonly name = "ClaimError";
}

/** Finds what the claims of pods come to. */
export interface ClaimSource {
  /** By the name of the pod's volume. Throws `ClaimError`. */
  find(pod: Pod, signal: AbortSignal): Promise<ReadonlyMap<string, ClaimVolume>>;
}

/** Asks the API, and remembers on disk what it said, for when it is away: a bound claim never comes to another volume. */
export function apiClaimSource(client: ApiClient, onDisk: ObjectMemory): ClaimSource {
  async function findOne(wanted: WantedClaim, signal: AbortSignal): Promise<ClaimVolume> {
    const { namespace, name } = wanted;
    const key = `PersistentVolumeClaim/${namespace}/${name}`;
    try {
      const found = await readClaim(client, wanted, signal);
      onDisk.set(key, found);
      return found;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code === 404) onDisk.delete(key);
      const known = onDisk.get(key) as ClaimVolume | undefined;
      if (known !== undefined) return known;
      throw new ClaimError(`Cannot read claim "${name}": ${error.message}`, { cause: error });
    }
  }
  return {
    async find(pod, signal) {
      const namespace = pod.metadata.namespace ?? "";
      const found = await Promise.all(
        (pod.spec.volumes ?? []).map(async (volume) => {
          const name = claimNameOf(pod, volume);
          if (name === undefined) return [];
          const owner = volume.ephemeral === undefined ? undefined : pod;
          return [[volume.name, await findOne({ namespace, name, owner }, signal)] as const];
        }),
      );
      return new Map(found.flat());
    },
  };
}

interface WantedClaim {
  readonly namespace: string;
  readonly name: string;
  /** The pod that the claim must be made for. */
  readonly owner: Pod | undefined;
}

async function readClaim(
  client: ApiClient,
  { namespace, name, owner }: WantedClaim,
  signal: AbortSignal,
): Promise<ClaimVolume> {
  const kind = "PersistentVolumeClaim";
  const claim = await client.get<PersistentVolumeClaim>(
    { apiVersion: "v1", kind, namespace, name },
    signal,
  );
  const owners = claim.metadata.ownerReferences ?? [];
  if (owner !== undefined && !owners.some(({ uid }) => uid === owner.metadata.uid))
    throw new ClaimError(
      `PVC ${namespace}/${name} was not created for pod ${namespace}/${owner.metadata.name} (pod is not owner)`,
    );
  const { volumeName } = claim.spec;
  if (volumeName === undefined || claim.status?.phase !== "Bound")
    throw new ClaimError(`persistentvolumeclaim "${name}" is not bound to a volume yet`);
  const volume = await client.get<PersistentVolume>(
    { apiVersion: "v1", kind: "PersistentVolume", name: volumeName },
    signal,
  );
  if (volume.spec.claimRef?.uid !== claim.metadata.uid)
    throw new ClaimError(`volume "${volumeName}" is bound to another claim than "${name}"`);
  return toClaimVolume(volume);
}

/** What a PersistentVolume comes to on a node. Throws `ClaimError` for what no node can mount. Pure. */
export function toClaimVolume({ metadata, spec }: PersistentVolume): ClaimVolume {
  const { csi, local, hostPath, nfs, mountOptions = [] } = spec;
  if (nfs !== undefined) return { kind: "nfs", share: { ...nfs, mountOptions } };
  if (csi?.driver === DOCKER_VOLUME_DRIVER) {
    const { [DRIVER_ATTRIBUTE]: driver, ...rest } = csi.volumeAttributes ?? {};
    const options = Object.entries(rest)
      .filter(([key]) => key.startsWith(OPTION_PREFIX))
      .map(([key, value]) => [key.slice(OPTION_PREFIX.length), value] as const);
    return {
      kind: "docker-volume",
      name: csi.volumeHandle,
      ...(driver === undefined ? {} : { driver }),
      options: Object.fromEntries(options),
    };
  }
  if (local !== undefined) {
    const isOurs = metadata.annotations?.[PROVISIONED_BY_ANNOTATION] !== undefined;
    return { kind: "path", path: local.path, type: isOurs ? "DirectoryOrCreate" : "Directory" };
  }
  if (hostPath !== undefined)
    return { kind: "path", path: hostPath.path, type: hostPath.type ?? "" };
  throw new ClaimError(
    `volume "${metadata.name}" has a source that cannot be mounted on a Docker host: use local, hostPath, nfs, or csi ` +
      `with driver "${DOCKER_VOLUME_DRIVER}"`,
  );
}
