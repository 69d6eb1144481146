import { chmod, chown } from "node:fs/promises";
import type { StringMap } from "../model/meta.ts";
import type { DockerConnection } from "./docker-connection.ts";
import { RuntimeError, type ObservedVolume, type VolumeSpec } from "./runtime.ts";

interface DockerVolume {
  readonly Name: string;
  readonly Mountpoint: string;
  readonly Labels: StringMap | null;
  readonly Options: StringMap | null;
}

/** Docker gives the one of that name that is there already. */
export async function createVolume(
  docker: DockerConnection,
  spec: VolumeSpec,
  signal: AbortSignal,
): Promise<{ readonly mountpoint: string }> {
  const purpose = `create volume "${spec.name}"`;
  const made = await docker.call<DockerVolume>(
    {
      method: "POST",
      path: "/volumes/create",
      body: {
        Name: spec.name,
        Driver: "local",
        Labels: spec.labels,
        ...(spec.tmpfs === undefined ? {} : { DriverOpts: tmpfsOptions(spec) }),
      },
      purpose,
    },
    signal,
  );
  if (made === undefined) throw new RuntimeError("failed", `Cannot ${purpose}`);
  // The daemon makes the folder for root only, whoever the container runs as.
  if (spec.tmpfs === undefined && spec.mode !== undefined) {
    if (spec.gid !== undefined) await chown(made.Mountpoint, 0, spec.gid);
    await chmod(made.Mountpoint, spec.mode);
  }
  return { mountpoint: made.Mountpoint };
}

export async function listVolumes(
  docker: DockerConnection,
  labels: StringMap,
  signal: AbortSignal,
): Promise<readonly ObservedVolume[]> {
  const label = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const found = await docker.call<{ readonly Volumes: readonly DockerVolume[] | null }>(
    { method: "GET", path: "/volumes", query: { filters: { label } }, purpose: "list volumes" },
    signal,
  );
  return (found?.Volumes ?? []).map((volume) => ({
    name: volume.Name,
    labels: volume.Labels ?? {},
    mountpoint: volume.Mountpoint,
    tmpfs: volume.Options?.["type"] === "tmpfs",
  }));
}

export async function removeVolume(
  docker: DockerConnection,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  await docker.call(
    {
      method: "DELETE",
      path: `/volumes/${name}`,
      purpose: `remove volume "${name}"`,
      alreadySo: [404],
    },
    signal,
  );
}

function tmpfsOptions(spec: VolumeSpec): StringMap {
  const options = [
    ...(spec.tmpfs?.sizeBytes === undefined ? [] : [`size=${spec.tmpfs.sizeBytes}`]),
    `mode=${spec.tmpfs?.mode ?? "0755"}`,
    ...(spec.gid === undefined ? [] : [`gid=${spec.gid}`]),
  ];
  return { type: "tmpfs", device: "tmpfs", o: options.join(",") };
}
