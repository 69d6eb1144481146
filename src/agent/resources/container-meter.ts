import { readFile } from "node:fs/promises";
import type { ReadText } from "../cgroup.ts";
import { cgroupFolders, readCounters, type CgroupFolders, type Counters } from "./counters.ts";

/** Reads the kernel's counters of containers; where they are is looked up once for each. */
export class ContainerMeter {
  readonly #read: ReadText;
  /** By container id and the process that was its first. */
  readonly #folders = new Map<string, CgroupFolders>();

  constructor(read: ReadText = readText) {
    this.#read = read;
  }

  /** `undefined` when it does not run. */
  async read(container: {
    readonly id: string;
    readonly pid?: number;
  }): Promise<{ readonly counters: Counters; readonly path: string } | undefined> {
    const { id, pid } = container;
    if (pid === undefined) return undefined;
    const key = `${id}/${pid}`;
    const folders =
      this.#folders.get(key) ?? cgroupFolders((await this.#read(`/proc/${pid}/cgroup`)) ?? "");
    if (folders === undefined) return undefined;
    const counters = await readCounters(folders, this.#read);
    if (counters === undefined) this.#folders.delete(key);
    else this.#folders.set(key, folders);
    return counters === undefined ? undefined : { counters, path: folders.path };
  }

  /** Forgets all but these. */
  keep(containers: Iterable<{ readonly id: string; readonly pid?: number }>): void {
    const kept = new Set([...containers].map(({ id, pid }) => `${id}/${pid ?? 0}`));
    for (const key of this.#folders.keys()) if (!kept.has(key)) this.#folders.delete(key);
  }
}

export function readText(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}
