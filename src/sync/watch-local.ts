import { dirname, join } from "node:path";
import { type FSWatcher, watch } from "chokidar";
import { setTimeout as delay } from "node:timers/promises";
import { findLayout, type Layout } from "./repository-layout.ts";

/** One commit touches several files within a few ms: one callback at once, one more when all is quiet. */
const QUIET_MS = 25;
/** How soon a repository that vanished is looked for again. */
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 30_000;

interface Watch {
  close(): Promise<void>;
}

/**
 * Calls back when the branches of a local repository may have changed: at the first sign, and once more after the
 * last. A repository that vanishes calls back too, and is watched again when it is there again. Never throws later.
 */
export async function watchLocal(repo: string, listener: () => void): Promise<() => Promise<void>> {
  const stop = new AbortController();
  const calls = new LeadingAndLast(listener, QUIET_MS);
  let current = await open(await findLayout(repo), calls, onLost);
  let reviving: Promise<void> = Promise.resolve();

  function onLost(): void {
    if (!stop.signal.aborted) reviving = reviving.then(() => revive());
  }

  async function revive(): Promise<void> {
    await current.close();
    calls.notify();
    const watcher = await retry(
      async () => open(await findLayout(repo), calls, onLost),
      stop.signal,
    );
    if (watcher === undefined) return;
    current = watcher;
    calls.notify();
  }

  return async () => {
    stop.abort();
    calls.close();
    await reviving;
    await current.close();
  };
}

async function open(layout: Layout, calls: LeadingAndLast, onLost: () => void): Promise<Watch> {
  const { repo, gitDir, commonDir } = layout;
  const heads = join(commonDir, "refs/heads");
  const refs = watch(
    [heads, join(commonDir, "packed-refs"), join(commonDir, "reftable"), join(gitDir, "HEAD")],
    { ignoreInitial: true, atomic: false, ignored: (path) => path.endsWith(".lock") },
  );
  // A folder that is moved away tells its parent, not those who watch what is in it.
  const parent = dirname(repo);
  const place = watch(parent, {
    ignoreInitial: true,
    depth: 0,
    ignored: (path) => path !== parent && path !== repo,
  });
  refs.on("all", () => calls.notify());
  for (const watcher of [refs, place]) {
    watcher.on("unlinkDir", (path) => {
      if (path === heads || path === repo) onLost();
    });
    watcher.on("error", onLost);
  }
  await Promise.all([ready(refs), ready(place)]);
  return {
    close: async () => {
      await Promise.all([refs.close(), place.close()]);
    },
  };
}

function ready(watcher: FSWatcher): Promise<void> {
  return new Promise((resolve) => watcher.once("ready", resolve));
}

/** Calls at the first notice, and for all that come within `quietMs` after a call once more: the last is never lost. */
class LeadingAndLast {
  readonly #call: () => void;
  readonly #quietMs: number;
  #timer: NodeJS.Timeout | undefined;
  #owed = false;
  #closed = false;

  constructor(call: () => void, quietMs: number) {
    this.#call = call;
    this.#quietMs = quietMs;
  }

  notify(): void {
    if (this.#closed) return;
    if (this.#timer !== undefined) {
      this.#owed = true;
      return;
    }
    this.#timer = setTimeout(() => this.#settle(), this.#quietMs);
    this.#call();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #settle(): void {
    this.#timer = undefined;
    if (!this.#owed) return;
    this.#owed = false;
    this.notify();
  }
}

/** Repeats, later and later, until it succeeds; `undefined` when aborted first. */
async function retry<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  for (let waitMs = FIRST_RETRY_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, MAX_RETRY_MS)) {
    await delay(waitMs, undefined, { signal }).catch(() => undefined); // Told to stop: the loop ends.
    try {
      if (!signal.aborted) return await work();
    } catch {
      // Not there yet.
    }
  }
  return undefined;
}
