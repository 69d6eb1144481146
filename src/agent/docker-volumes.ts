import { chmod, chown, readdir } from "node:fs/promises";
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
        Driver: spec.plugin?.driver ?? "local",
        Labels: spec.labels,
        ...driverOptions(spec),
      },
      purpose,
    },
    signal,
  );
  if (made === undefined) throw new RuntimeError("failed", `Cannot ${purpose}`);
  // The daemon makes the folder for root only, whoever the container runs as.
  if (spec.mode !== undefined && (await isToBePrepared(spec, made.Mountpoint))) {
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

function driverOptions(spec: VolumeSpec): { readonly DriverOpts?: StringMap } {
  if (spec.tmpfs !== undefined) return { DriverOpts: tmpfsOptions(spec) };
  return spec.plugin === undefined ? {} : { DriverOpts: spec.plugin.options };
}

/** Whether the volume's root is ours to give a mode: a pod's own, or a lasting one on disk that nobody wrote to yet. */
async function isToBePrepared(spec: VolumeSpec, mountpoint: string): Promise<boolean> {
  if (spec.tmpfs !== undefined) return false;
  if (spec.plugin === undefined) return true;
  const isPlain = spec.plugin.driver === "local" && Object.keys(spec.plugin.options).length === 0;
  return isPlain && (await readdir(mountpoint)).length === 0;
}

function tmpfsOptions(spec: VolumeSpec): StringMap {
  const options = [
    ...(spec.tmpfs?.sizeBytes === undefined ? [] : [`size=${spec.tmpfs.sizeBytes}`]),
    `mode=${spec.tmpfs?.mode ?? "0755"}`,
    ...(spec.gid === undefined ? [] : [`gid=${spec.gid}`]),
  ];
  return { type: "tmpfs", device: "tmpfs", o: options.join(",") };
}
