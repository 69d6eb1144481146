import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Pod } from "../model/kinds.gen.ts";

/** Objects as they were last read, by key. Never a Secret: what is here reaches the disk. */
export interface ObjectMemory {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  delete(key: string): void;
}

/** What a node remembers for the time that the API is away: its pods, what they mount, its network. Never a Secret. */
export interface NodeMemory {
  readonly pods: readonly Pod[];
  readonly podCidr: string | undefined;
  /** ConfigMaps and claims. */
  readonly objects: ObjectMemory;
  /** Writes it down soon. */
  savePods(pods: () => readonly Pod[]): void;
  savePodCidr(podCidr: string): Promise<void>;
  /** Resolves when nothing is left to be written; soon, once the signal has aborted. */
  flush(): Promise<void>;
}

/** Changes come in bursts: one file for each is enough. */
const SAVE_DELAY_MS: Millis = 500;
/** Objects beyond, the oldest first, are read again from the API when they are needed. */
const MAX_OBJECTS = 1000;
const MAX_OBJECT_CHARS = 32 * 1024 * 1024;

export interface NodeMemoryOptions {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Reads what was remembered; a file that cannot be read counts as none. */
export async function openNodeMemory(options: NodeMemoryOptions): Promise<NodeMemory> {
  const { stateDir, logger } = options;
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const podsFile = join(stateDir, "pods.json");
  const nodeFile = join(stateDir, "node.json");
  const objectsFile = join(stateDir, "objects.json");
  const pods = await readJson<readonly Pod[]>(podsFile, logger);
  const objects = await readJson<Readonly<Record<string, unknown>>>(objectsFile, logger);
  const node = await readJson<{ readonly podCidr?: string }>(nodeFile, logger);
  const write = writer(options);
  const savePods = write(podsFile);
  return {
    pods: Array.isArray(pods) ? pods : [],
    podCidr: node?.podCidr,
    objects: objectMemory(objects ?? {}, write(objectsFile)),
    savePods: (current) => savePods(() => JSON.stringify(current())),
    savePodCidr: (podCidr) => replaceFile(nodeFile, JSON.stringify({ podCidr })),
    flush: write.flush,
  };
}

/** Keeps the texts of objects: the same object twice is written down once. */
function objectMemory(
  known: Readonly<Record<string, unknown>>,
  save: (text: () => string) => void,
): ObjectMemory {
  const texts = new Map(Object.entries(known).map(([key, value]) => [key, JSON.stringify(value)]));
  let chars = [...texts.values()].reduce((sum, text) => sum + text.length, 0);
  const drop = (key: string): boolean => {
    chars -= texts.get(key)?.length ?? 0;
    return texts.delete(key);
  };
  const saveAll = (): void => {
    save(() => `{${[...texts].map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(",")}}`);
  };
  return {
    get: (key) => {
      const text = texts.get(key);
      return text === undefined ? undefined : JSON.parse(text);
    },
    set(key, value) {
      const text = JSON.stringify(value);
      const isKnown = texts.get(key) === text;
      drop(key);
      texts.set(key, text);
      chars += text.length;
      for (const oldest of texts.keys()) {
        if (texts.size <= MAX_OBJECTS && chars <= MAX_OBJECT_CHARS) break;
        drop(oldest);
      }
      if (!isKnown) saveAll();
    },
    delete(key) {
      if (drop(key)) saveAll();
    },
  };
}

/** Makes functions that write a file down soon; several changes are one writing. */
function writer({ clock, logger, signal }: NodeMemoryOptions): ((
  path: string,
) => (text: () => string) => void) & {
  readonly flush: () => Promise<void>;
} {
  const saving = new Map<string, Promise<void>>();
  let pending = Promise.resolve();
  const fileAt =
    (path: string) =>
    (text: () => string): void => {
      if (saving.has(path) || signal.aborted) return;
      const work = async (): Promise<void> => {
        await clock.sleep(SAVE_DELAY_MS, signal).catch(() => undefined);
        saving.delete(path);
        pending = pending
          .then(() => replaceFile(path, text()))
          .catch((error: unknown) =>
            logger.warn({ error, path }, "Cannot write down what the node must remember"),
          );
        await pending;
      };
      saving.set(path, work());
    };
  const flush = async (): Promise<void> => {
    await Promise.all(saving.values());
    await pending;
  };
  return Object.assign(fileAt, { flush });
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
