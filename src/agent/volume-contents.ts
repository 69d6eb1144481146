import type {
  ConfigMap,
  Secret,
  ServiceAccountTokenProjection,
  Volume,
} from "../model/kinds.gen.ts";
import { TokenUnavailableError } from "./account-tokens.ts";
import { API_ACCESS_VOLUME, CA_FILE } from "./api-access.ts";
import { ConfigUnavailableError } from "./config-source.ts";
import type { ConfigReference } from "./env.ts";
import { ActionError, type PodHandle } from "./pod-services.ts";
import { isConfigVolume } from "./pod-volumes.ts";
import {
  volumeContent,
  volumeFiles,
  volumeReferences,
  volumeTokens,
  type VolumeContent,
  type VolumeFile,
} from "./volume-files.ts";

/** What the volumes that the agent writes hold as of now. Throws `ActionError` FailedMount when something is missing. */
export async function readVolumeContents({
  services,
  pod,
  signal,
}: PodHandle): Promise<readonly VolumeContent[]> {
  const gid = pod.spec.securityContext?.fsGroup;
  const volumes = (pod.spec.volumes ?? []).filter(isConfigVolume);
  const keyOf = ({ kind, name }: ConfigReference): string => `${kind}/${name}`;
  const refs = new Map(volumes.flatMap(volumeReferences).map((ref) => [keyOf(ref), ref]));
  const objects = new Map<string, ConfigMap | Secret | undefined>();
  await Promise.all(
    [...refs].map(async ([key, ref]) => {
      objects.set(key, await services.config.read(pod.metadata.namespace ?? "", ref, signal));
    }),
  ).catch((error: unknown) => {
    if (!(error instanceof ConfigUnavailableError)) throw error;
    throw new ActionError(error.reason ?? "FailedMount", error.message, { cause: error });
  });
  const tokens = await readTokens({ services, pod, signal }, volumes);
  const { allocatable } = services.node;
  const sources = {
    pod,
    allocatable,
    object: (ref: ConfigReference) => objects.get(keyOf(ref)),
    token: (projection: ServiceAccountTokenProjection) => tokens.get(projection),
  };
  return volumes.map((volume) => {
    const found = volumeFiles(volume, sources, gid);
    if (found.kind === "missing") {
      throw new ActionError(
        "FailedMount",
        `MountVolume.SetUp failed for volume "${volume.name}" : ${found.message}`,
      );
    }
    const files =
      volume.name === API_ACCESS_VOLUME
        ? withAuthority(found.files, services.caBundle)
        : found.files;
    return volumeContent(volume.name, files, gid);
  });
}

/**
 * The tokens that the volumes show. One for the API itself is left out while the API is away, since nobody could use it:
 * a later look brings it. Throws `ActionError` for any other.
 */
async function readTokens(
  { services, pod, signal }: Pick<PodHandle, "services" | "pod" | "signal">,
  volumes: readonly Volume[],
): Promise<ReadonlyMap<ServiceAccountTokenProjection, string>> {
  const { tokens } = services;
  const found = new Map<ServiceAccountTokenProjection, string>();
  if (tokens === undefined) return found;
  const wanted = volumes.flatMap((volume) =>
    volumeTokens(volume).map((projection) => ({ volume, projection })),
  );
  await Promise.all(
    wanted.map(async ({ volume, projection }) => {
      try {
        found.set(projection, await tokens.get(pod, projection, signal));
      } catch (error) {
        if (!(error instanceof TokenUnavailableError)) throw error;
        if (error.isAway && projection.audience === undefined) return;
        const message = `MountVolume.SetUp failed for volume "${volume.name}" : ${error.message}`;
        const reason = error.isAway ? "SecretsUnavailable" : "FailedMount";
        throw new ActionError(reason, message, { cause: error });
      }
    }),
  );
  return found;
}

function withAuthority(
  files: readonly VolumeFile[],
  caBundle: string | undefined,
): readonly VolumeFile[] {
  if (caBundle === undefined) return files;
  const content = new TextEncoder().encode(caBundle);
  return [...files, { path: CA_FILE, content, mode: 0o644 }];
}
