import { chmod, lstat, mkdir, open, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, normalize, sep } from "node:path";
import { pathRefusal, volumeRefusal, type NodePolicy } from "./node-policy.ts";
import type { WantedMount } from "./pod-volumes.ts";
import type { MountSpec, VolumeSpec } from "./runtime.ts";

/** A mount's source is not as the pod needs it. */
export class MountError extends Error {
  override readonly name = "MountError";
}

/** The node's policy forbids a mount. */
export class MountRefusedError extends Error {
  override readonly name = "MountRefusedError";
}

/** Where the host keeps a Docker volume. */
export type FindVolume = (name: string) => Promise<string>;
/** Has the Engine make a volume that outlives pods, unless it is there, and says where the host keeps it. */
export type MakeVolume = (volume: VolumeSpec) => Promise<string>;

/** Finds, or makes where the pod asks for it, the host's side of each mount. */
export async function resolveMounts(
  wanted: readonly WantedMount[],
  {
    findVolume,
    makeVolume,
    policy = {},
  }: {
    readonly findVolume: FindVolume;
    readonly makeVolume: MakeVolume;
    readonly policy?: NodePolicy | undefined;
  },
): Promise<readonly MountSpec[]> {
  const mounts: MountSpec[] = [];
  for (const mount of wanted) {
    switch (mount.kind) {
      case "volume":
      case "bind":
        mounts.push(mount);
        break;
      case "host-path": {
        const path = await allowedPath(mount.path, policy);
        await ensureHostPath(path, mount.type, mount.mode);
        const source = mount.subPath === "" ? path : await partOf(path, mount.subPath, true);
        mounts.push(toBind(mount, source));
        break;
      }
      case "claim": {
        const { volume, subPath, target, readOnly, propagation } = mount;
        const refused = volume.plugin && volumeRefusal(policy, volume.plugin);
        if (refused !== undefined) throw new MountRefusedError(refused);
        if (!isPlain(volume) && (subPath !== "" || propagation !== undefined))
          throw new MountError(
            `volume "${volume.name}" of driver "${volume.plugin?.driver ?? ""}" is mounted only while a container ` +
              "uses it, so that neither a subPath nor mountPropagation can be had of it: mount it as a whole",
          );
        const root = await makeVolume(volume);
        if (subPath === "" && propagation === undefined)
          mounts.push({ kind: "volume", volume: volume.name, target, readOnly });
        else mounts.push(toBind(mount, await partOf(root, subPath, true)));
        break;
      }
      case "volume-part": {
        const root = await findVolume(mount.volume);
        const source = await partOf(root, mount.subPath, mount.make);
        mounts.push(toBind(mount, source));
        break;
      }
    }
  }
  return mounts;
}

/** A folder of the node that is there whether or not a container uses it. */
function isPlain({ plugin }: VolumeSpec): boolean {
  return (
    plugin === undefined || (plugin.driver === "local" && Object.keys(plugin.options).length === 0)
  );
}

/** The path, or where the policy names paths, what it leads to with all links followed. Throws `MountRefusedError`. */
async function allowedPath(path: string, policy: NodePolicy): Promise<string> {
  if (policy.hostPaths === undefined && policy.devices === undefined) return path;
  const found = await followLinks(path);
  const stats = await statOrNone(found);
  const isDevice = stats !== undefined && (stats.isCharacterDevice() || stats.isBlockDevice());
  const refused = pathRefusal(policy, found, isDevice);
  if (refused === undefined) return found;
  const way = found === path ? "" : ` ("${path}" leads there)`;
  throw new MountRefusedError(`${refused}${way}`);
}

/** Where a path leads; what is not there yet keeps its name below the nearest folder that is. */
async function followLinks(path: string): Promise<string> {
  const missing: string[] = [];
  let nearest = normalize(path);
  while ((await lstat(nearest).catch(() => undefined)) === undefined) {
    missing.unshift(basename(nearest));
    nearest = dirname(nearest);
  }
  const found = await realpath(nearest).catch((error: unknown) => {
    throw new MountError(`host path "${nearest}" is a link that leads nowhere`, { cause: error });
  });
  return join(found, ...missing);
}

function toBind(
  { target, readOnly, propagation }: Exclude<WantedMount, MountSpec>,
  source: string,
): MountSpec {
  const spread = propagation === undefined ? {} : { propagation };
  return { kind: "bind", source, target, readOnly, ...spread };
}

type Stats = Awaited<ReturnType<typeof stat>>;

const HOST_PATH_CHECKS: Readonly<
  Record<string, { readonly is: (stats: Stats) => boolean; readonly what: string }>
> = {
  Directory: { is: (stats) => stats.isDirectory(), what: "directory" },
  DirectoryOrCreate: { is: (stats) => stats.isDirectory(), what: "directory" },
  File: { is: (stats) => stats.isFile(), what: "file" },
  FileOrCreate: { is: (stats) => stats.isFile(), what: "file" },
  Socket: { is: (stats) => stats.isSocket(), what: "socket" },
  CharDevice: { is: (stats) => stats.isCharacterDevice(), what: "character device" },
  BlockDevice: { is: (stats) => stats.isBlockDevice(), what: "block device" },
};

async function ensureHostPath(path: string, type: string, mode?: number): Promise<void> {
  let found = await statOrNone(path);
  if (found === undefined && (type === "" || type === "DirectoryOrCreate")) {
    await mkdir(path, { recursive: true, mode: 0o755 });
    if (mode !== undefined) await chmod(path, mode);
    return;
  }
  if (found === undefined && type === "FileOrCreate") {
    await (await open(path, "a", 0o644)).close();
    found = await statOrNone(path);
  }
  const check = HOST_PATH_CHECKS[type];
  if (check === undefined) return;
  if (found === undefined || !check.is(found)) {
    throw new MountError(`hostPath type check failed: ${path} is not a ${check.what}`);
  }
}

/**
 * A path below `root`, whatever links a container may have left there: what leads out of it is refused. Folders that
 * are missing are made when `make` says so.
 */
async function partOf(root: string, subPath: string, make: boolean): Promise<string> {
  const parts = subPath.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new MountError(`subPath "${subPath}" must not contain ".."`);
  const base = await realpath(root);
  const wanted = join(base, ...parts);
  if (make && (await statOrNone(wanted)) === undefined) {
    await refuseEscape(base, dirname(wanted), subPath);
    await mkdir(wanted, { recursive: true, mode: 0o750 });
  }
  if ((await statOrNone(wanted)) === undefined) {
    throw new MountError(`subPath "${subPath}" is not in the volume`);
  }
  const found = await realpath(wanted);
  if (found !== base && !found.startsWith(base + sep)) {
    throw new MountError(`subPath "${subPath}" leads out of the volume`);
  }
  return found;
}

/** Refuses when the nearest ancestor that is there lies outside of `base`. */
async function refuseEscape(base: string, path: string, subPath: string): Promise<void> {
  let ancestor = path;
  while (ancestor !== base && (await lstat(ancestor).catch(() => undefined)) === undefined) {
    ancestor = dirname(ancestor);
  }
  const found = await realpath(ancestor);
  if (found !== base && !found.startsWith(base + sep)) {
    throw new MountError(`subPath "${subPath}" leads out of the volume`);
  }
}

async function statOrNone(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    const isAbsent =
      error instanceof Error &&
      "code" in error &&
      (error.code === "ENOENT" || error.code === "ENOTDIR");
    if (isAbsent) return undefined;
    throw error;
  }
}
