import { readdir, readlink, rename, rm, symlink } from "node:fs/promises";
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
  await runtime.putArchive(sandbox.id, SANDBOX_VOLUMES, packTar(entries), signal);
  for (const { content, folder, current } of changed) {
    if (current !== undefined) await switchVersion(folder, content);
  }
}

/** The folder of the sandbox's mount, as the host reaches it. Members mount it read-only: nobody else writes there. */
function hostFolder({ pid }: SandboxHandle, { volume }: VolumeContent): string {
  return join("/proc", String(pid), "root", SANDBOX_VOLUMES, volume);
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
