import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { lockFolder, type FolderLock } from "../store/folder-lock.ts";
import { StoreError } from "../store/store.ts";
import { CliError } from "./cli-error.ts";
import type { DataDir } from "./data-dir.ts";

/** How long a command waits for another one on the same data directory. */
const WAIT_MS = 90_000;
const LOOK_MS = 100;
const HOST_LOCK = "/run/berth/lock";

/** One command at a time starts or removes the cluster of a data directory; others wait for it. */
export function lockCommands(
  dir: DataDir,
  clock: Clock,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  return waitForFolder(join(dir.root, "lock"), `the cluster in "${dir.root}"`, clock, signal);
}

/** One cluster at a time chooses its networks on this host, so that no two choose the same. */
export function lockHost(clock: Clock, signal: AbortSignal): Promise<AsyncDisposable> {
  return waitForFolder(HOST_LOCK, "a cluster on this host", clock, signal);
}

async function waitForFolder(
  folder: string,
  what: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const deadline = clock.monotonic() + WAIT_MS;
  for (;;) {
    const lock = await tryLock(folder);
    if (lock !== undefined) return { [Symbol.asyncDispose]: () => lock.release() };
    if (clock.monotonic() > deadline) {
      throw new CliError(`Cannot start or remove ${what}: another command does that already`, {
        cure: "wait until it has ended, then run this one again",
      });
    }
    await clock.sleep(LOOK_MS, signal);
  }
}

/** The one supervisor of a data directory; `undefined` while there is another. */
export function lockSupervisor(dir: DataDir): Promise<FolderLock | undefined> {
  return tryLock(join(dir.root, "run"));
}

async function tryLock(folder: string): Promise<FolderLock | undefined> {
  try {
    return await lockFolder(folder);
  } catch (error) {
    if (error instanceof StoreError && error.code === "locked") return undefined;
    throw error;
  }
}
