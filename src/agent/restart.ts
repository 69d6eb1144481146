import { unreachable } from "../base/assert.ts";
import { backoffMs, type BackoffPolicy } from "../base/backoff.ts";
import type { Millis } from "../base/clock.ts";
import type { PodSpec } from "../model/kinds.gen.ts";
import type { ContainerRole, PodContainer } from "./pod-view.ts";

/** Kubelet's: at once, then after 10, 20, 40 … at most 300 seconds. */
export const CRASH_BACKOFF: BackoffPolicy = { baseMs: 10_000, maxMs: 300_000 };
/** A container that ran this long begins anew. */
export const CALM_AFTER_MS: Millis = 600_000;

/** Whether a dead container is to be started again. Pure. */
export function mustRestart(
  policy: PodSpec["restartPolicy"],
  role: ContainerRole,
  exitCode: number,
): boolean {
  if (role === "init") return exitCode !== 0 && policy !== "Never";
  switch (policy) {
    case "Always":
      return true;
    case "OnFailure":
      return exitCode !== 0;
    case "Never":
      return false;
    default:
      return unreachable(policy);
  }
}

export interface Restart {
  /** The wait after its death. */
  readonly delayMs: Millis;
  /** Not before. */
  readonly at: Millis;
  /** The `crashes` of the next one. */
  readonly crashes: number;
}

/** The daemon notes the ends of containers that it found dead at its start one after the other. */
const SAME_END_MS: Millis = 10_000;

/**
 * Whether a container went down with its sandbox, as all do when the container host or the machine is restarted: that
 * is not its failure. Pure.
 */
export function endedWithSandbox(dead: PodContainer, containers: readonly PodContainer[]): boolean {
  const sandbox = containers.find(({ id }) => id === dead.sandboxId);
  if (sandbox?.diedAt === undefined || dead.diedAt === undefined) return false;
  return dead.startedAt !== undefined && sandbox.diedAt <= dead.diedAt + SAME_END_MS;
}

/** When a dead container may be started again. All of it is in its labels and its times, so it outlives the agent. Pure. */
export function nextRestart(dead: PodContainer, withSandbox: boolean): Restart {
  const diedAt = dead.diedAt ?? 0;
  const ranMs = dead.startedAt === undefined ? 0 : diedAt - dead.startedAt;
  const crashes = ranMs >= CALM_AFTER_MS ? 0 : dead.crashes;
  if (withSandbox) return { delayMs: 0, at: diedAt, crashes };
  const delayMs = backoffMs(CRASH_BACKOFF, crashes);
  return { delayMs, at: diedAt + delayMs, crashes: crashes + 1 };
}
