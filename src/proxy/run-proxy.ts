import { makeParts } from "./proxy-parts.ts";
import type { ProxyOptions } from "./proxy-parts.ts";
import { maintainNodeNetwork, setUpNodeNetwork } from "./node-network.ts";
import { runOnHost } from "./run-command.ts";

/** Beyond this the API counts as away, and what the node remembers is used. */
const FIRST_SYNC_MS = 3000;

/**
 * Carries the cluster's Services on this node until `signal` aborts: network, rules, DNS, then every change.
 * Throws a `ProxyError` when the node cannot do that at all.
 */
export async function runProxy(options: ProxyOptions): Promise<void> {
  const { clusterId, cluster, clock, logger, run = runOnHost } = options;
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  try {
    await setUpNodeNetwork({ clusterId, cluster, logger, run }, signal);
    const parts = await makeParts(options, run, signal);
    try {
      // DNS answers from the first moment on, if only with what was true last.
      const serving = Promise.all([parts.dns.run(signal), parts.memory?.run(signal)]);
      serving.catch((error: unknown) => failed.abort(error));
      if (!(await hasSynced(options, signal))) {
        await parts.recall(signal);
        await untilSynced(options, signal);
      }
      await parts.first(signal);
      await Promise.all([
        serving,
        parts.follow(signal),
        parts.proxy.guard(signal),
        parts.reporter.run(signal),
        maintainNodeNetwork({ clusterId, cluster, logger, run, clock }, signal),
      ]);
    } finally {
      parts.close();
    }
  } catch (error) {
    if (!options.signal.aborted) throw error;
  } finally {
    failed.abort();
  }
}

/** A table from before a restart serves on until everything is known again. */
async function untilSynced(options: ProxyOptions, signal: AbortSignal): Promise<void> {
  const { services, slices, nodes, pods } = options;
  const all = [
    services,
    slices,
    ...(nodes === undefined ? [] : [nodes]),
    ...(pods === undefined ? [] : [pods]),
  ];
  await Promise.all(all.map((informer) => informer.ready(signal)));
}

async function hasSynced(options: ProxyOptions, signal: AbortSignal): Promise<boolean> {
  const enough = new AbortController();
  const waiting = AbortSignal.any([signal, enough.signal]);
  const synced = untilSynced(options, waiting).then(
    () => true,
    () => false,
  );
  const late = options.clock.sleep(FIRST_SYNC_MS, waiting).then(
    () => false,
    () => false,
  );
  const answer = await Promise.race([synced, late]);
  enough.abort();
  signal.throwIfAborted();
  return answer;
}
