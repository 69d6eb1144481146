import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Pod } from "../model/kinds.gen.ts";

/** What a node remembers for the time that the API is away: its pods and its network. Never a Secret. */
export interface NodeMemory {
  readonly pods: readonly Pod[];
  readonly podCidr: string | undefined;
  /** Writes it down soon. */
  savePods(pods: () => readonly Pod[]): void;
  savePodCidr(podCidr: string): Promise<void>;
  /** Resolves when nothing is left to be written; soon, once the signal has aborted. */
  flush(): Promise<void>;
}

/** Changes come in bursts: one file for each is enough. */
const SAVE_DELAY_MS: Millis = 500;

export interface NodeMemoryOptions {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Reads what was remembered; a file that cannot be read counts as none. */
export async function openNodeMemory(options: NodeMemoryOptions): Promise<NodeMemory> {
  const { stateDir, clock, logger, signal } = options;
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const podsFile = join(stateDir, "pods.json");
  const nodeFile = join(stateDir, "node.json");
  const pods = await readJson<readonly Pod[]>(podsFile, logger);
  const node = await readJson<{ readonly podCidr?: string }>(nodeFile, logger);
  let saving: Promise<void> | undefined;
  let pending = Promise.resolve();
  return {
    pods: Array.isArray(pods) ? pods : [],
    podCidr: node?.podCidr,
    savePods(current) {
      if (saving !== undefined || signal.aborted) return;
      saving = clock
        .sleep(SAVE_DELAY_MS, signal)
        .catch(() => undefined)
        .then(async () => {
          saving = undefined;
          pending = pending
            .then(() => replaceFile(podsFile, JSON.stringify(current())))
            .catch((error: unknown) => logger.warn({ error }, "Cannot write the node's pods down"));
          await pending;
        });
    },
    savePodCidr: (podCidr) => replaceFile(nodeFile, JSON.stringify({ podCidr })),
    flush: async () => {
      await saving;
      await pending;
    },
  };
}

async function readJson<T>(path: string, logger: Logger): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as T;
  } catch (error) {
    const isAbsent = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!isAbsent)
      logger.warn({ error, path }, "Cannot read what the node remembered: going on without");
    return undefined;
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.next`, text, { mode: 0o600 });
  await rename(`${path}.next`, path);
}
