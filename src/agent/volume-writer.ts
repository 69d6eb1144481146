import {
  access,
  chmod,
  chown,
  mkdir,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { SANDBOX_VOLUMES } from "./pod-volumes.ts";
import type { ContainerRuntime } from "./runtime.ts";
import { packTar, type TarEntry } from "./tar.ts";
import { DATA_LINK, versionEntries, visibleLinks, type VolumeContent } from "./volume-files.ts";

export interface SandboxHandle {
  readonly id: string;
  readonly pid: number;
}

const NEXT_LINK = "..data_next";

/**
 * Brings the files of in-memory volumes into the sandbox that holds them. A version is a folder of its own; one link
 * is put in place of the old one by a rename, so that readers see all of the old files or all of the new.
 */
export async function writeVolumes(
  runtime: ContainerRuntime,
  sandbox: SandboxHandle,
  contents: readonly VolumeContent[],
  signal: AbortSignal,
): Promise<void> {
  const changes = await Promise.all(
    contents.map(async (content) => ({
      content,
      folder: hostFolder(sandbox, content),
      current: await currentVersion(hostFolder(sandbox, content)),
    })),
  );
  const changed = changes.filter(({ content, current }) => content.version !== current);
  if (changed.length === 0) return;
  const entries = changed.flatMap(({ content, current }): readonly TarEntry[] => [
    ...versionEntries(content),
    ...(current === undefined ? linkEntries(content) : []),
  ]);
  const isNear = (await Promise.all(changed.map(({ folder }) => isThere(folder)))).every(Boolean);
  // The daemon takes some 80 ms for an archive, whatever is in it.
  if (isNear) await writeEntries(hostRoot(sandbox), entries);
  else await runtime.putArchive(sandbox.id, SANDBOX_VOLUMES, packTar(entries), signal);
  for (const { content, folder, current } of changed) {
    if (current !== undefined) await switchVersion(folder, content);
  }
}

/** The folder of the sandbox's mount, as the host reaches it. Members mount it read-only: nobody else writes there. */
function hostFolder(sandbox: SandboxHandle, { volume }: VolumeContent): string {
  return join(hostRoot(sandbox), volume);
}

function hostRoot({ pid }: SandboxHandle): string {
  return join("/proc", String(pid), "root", SANDBOX_VOLUMES);
}

/** Whether the host reaches the sandbox's mount: not where the agent has a view of processes of its own. */
async function isThere(folder: string): Promise<boolean> {
  return await access(folder).then(
    () => true,
    () => false,
  );
}

/** In their order: folders stand before what is in them, links after what they lead to. May be repeated. */
async function writeEntries(root: string, entries: readonly TarEntry[]): Promise<void> {
  for (const entry of entries) {
    const path = join(root, entry.path);
    if (entry.kind === "symlink") {
      await rm(path, { force: true });
      await symlink(entry.target, path);
      continue;
    }
    if (entry.kind === "directory") await mkdir(path, { recursive: true });
    else await writeFile(path, entry.content);
    if (entry.gid !== undefined) await chown(path, 0, entry.gid);
    // Last: whatever the mask of this process, and what a change of the group takes away.
    if (entry.mode !== undefined) await chmod(path, entry.mode);
  }
}

async function currentVersion(folder: string): Promise<string | undefined> {
  try {
    return await readlink(join(folder, DATA_LINK));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function linkEntries(content: VolumeContent): readonly TarEntry[] {
  const link = (name: string, target: string): TarEntry => ({
    kind: "symlink",
    path: `${content.volume}/${name}`,
    target,
  });
  return [
    link(DATA_LINK, content.version),
    ...[...visibleLinks(content)].map(([name, target]) => link(name, target)),
  ];
}

async function switchVersion(folder: string, content: VolumeContent): Promise<void> {
  const links = visibleLinks(content);
  await rm(join(folder, NEXT_LINK), { force: true });
  await symlink(content.version, join(folder, NEXT_LINK));
  await rename(join(folder, NEXT_LINK), join(folder, DATA_LINK));
  const present = new Set(await readdir(folder));
  for (const [name, target] of links) {
    if (!present.has(name)) await symlink(target, join(folder, name));
  }
  const kept = new Set([DATA_LINK, content.version, ...links.keys()]);
  for (const name of present) {
    if (!kept.has(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}
