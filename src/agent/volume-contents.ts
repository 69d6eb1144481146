import type { ConfigMap, Secret } from "../model/kinds.gen.ts";
import { ConfigUnavailableError } from "./config-source.ts";
import type { ConfigReference } from "./env.ts";
import { ActionError, type PodHandle } from "./pod-services.ts";
import { isConfigVolume } from "./pod-volumes.ts";
import {
  volumeContent,
  volumeFiles,
  volumeReferences,
  type VolumeContent,
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
  const { allocatable } = services.node;
  const sources = { pod, allocatable, object: (ref: ConfigReference) => objects.get(keyOf(ref)) };
  return volumes.map((volume) => {
    const found = volumeFiles(volume, sources, gid);
    if (found.kind === "missing") {
      throw new ActionError(
        "FailedMount",
        `MountVolume.SetUp failed for volume "${volume.name}" : ${found.message}`,
      );
    }
    return volumeContent(volume.name, found.files, gid);
  });
}
