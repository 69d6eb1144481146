import { rm, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { dirname } from "node:path";
import { REMOTE_TIMEOUT_MS } from "./git-process.ts";

/** How often a fetch waits for another process of ours that fetches into the same mirror: about ten seconds in all. */
export const MAX_LOCK_WAITS = 100;
const WAIT_MS = 100;

/**
 * Whether it was a lock file of another process that stopped Git, waited for a moment. A lock that is older than any
 * fetch may last belongs to a process that was killed: it is removed. Only in a mirror, which is ours alone.
 */
export async function waitForLock(
  said: string,
  gitDir: string,
  signal: AbortSignal,
): Promise<boolean> {
  const path = /Unable to create '([^']+\.lock)': File exists/.exec(said)?.[1];
  const isRefLock = /cannot lock ref/.test(said);
  if (path === undefined && !isRefLock) return false;
  if (path !== undefined && dirname(path).startsWith(gitDir) && (await isStale(path))) {
    await rm(path, { force: true });
    return true;
  }
  await sleep(WAIT_MS, undefined, { signal });
  return true;
}

async function isStale(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > REMOTE_TIMEOUT_MS;
  } catch {
    return false;
  }
}
