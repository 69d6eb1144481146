import type { Logger } from "../base/logger.ts";
import { ProxyError } from "./proxy-error.ts";
import type { RunCommand } from "./run-command.ts";
import type { Backend } from "./choose-backends.ts";
import { lostBackends } from "./frontend.ts";
import type { Frontend } from "./frontend.ts";

/** A flow that the kernel may still send to a backend that has left its frontend. */
export interface StaleFlow {
  readonly frontend: Frontend;
  readonly backend: Backend;
}

/** Most flows that one change cleans up, one run of the tool each; the rest ends by the kernel's time-out. */
export const MAX_STALE_FLOWS = 500;

/** The UDP flows that a change leaves behind. TCP needs none of this: its connections end by themselves. Pure. */
export function staleFlows(
  changes: readonly {
    readonly before: Frontend | undefined;
    readonly after: Frontend | undefined;
  }[],
): readonly StaleFlow[] {
  return changes
    .flatMap(({ before, after }) =>
      before?.protocol === "UDP"
        ? lostBackends(before, after).map((backend) => ({ frontend: before, backend }))
        : [],
    )
    .slice(0, MAX_STALE_FLOWS);
}

/**
 * Makes the function that forgets flows, by the `conntrack` tool. The package is optional: without it a UDP client
 * that keeps its port goes on to the old backend until it was silent for the kernel's time-out (30 to 120 seconds).
 */
export function conntrackCleaner(
  run: RunCommand,
  logger: Logger,
): (flows: readonly StaleFlow[], signal: AbortSignal) => Promise<void> {
  let isMissing = false;
  return async (flows, signal) => {
    for (const { frontend, backend } of isMissing ? [] : flows) {
      try {
        // Exit code 1 means that there was no such flow.
        await run("conntrack", deletion(frontend, backend), { signal });
      } catch (error) {
        if (signal.aborted) return;
        isMissing = error instanceof ProxyError && error.code === "tool-missing";
        logger.warn({ error }, "Cannot forget UDP flows: old ones end by their time-out");
        return;
      }
    }
  };
}

function deletion({ address, port }: Frontend, backend: Backend): readonly string[] {
  const to = address === undefined ? [] : ["--orig-dst", address];
  const flow = ["--orig-port-dst", `${port}`, "--reply-src", backend.address];
  return ["-D", "-f", "ipv4", "-p", "udp", ...to, ...flow];
}
