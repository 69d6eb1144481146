import { spawn } from "node:child_process";
import { once } from "node:events";
import { backoffMs, type BackoffPolicy } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";

export interface WatchHostOptions {
  readonly clock: Clock;
  readonly onChange: () => void;
}

const TOOL = "ip";
const BACKOFF: BackoffPolicy = { baseMs: 1000, maxMs: 60_000 };

/**
 * Calls back when links or addresses of the host changed, until `signal` aborts: a card that goes down takes its routes
 * with it. Routes are not listened to, each pod has one. A hint only: when the tool fails, it is started again.
 */
export async function watchHost(
  { clock, onChange }: WatchHostOptions,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    await listen(onChange, signal).catch(() => undefined);
    await clock.sleep(backoffMs(BACKOFF, failures), signal).catch(() => undefined);
  }
}

async function listen(onChange: () => void, signal: AbortSignal): Promise<void> {
  const child = spawn(TOOL, ["-o", "-4", "monitor", "address", "link"], {
    signal,
    killSignal: "SIGKILL",
    stdio: ["ignore", "pipe", "ignore"],
  });
  child.stdout.on("data", onChange);
  await Promise.race([once(child, "close"), once(child, "error")]);
}
