import type { PodNetwork } from "./pod-network.ts";
import { AddressPool } from "./address-pool.ts";
import { runAgent, type AgentOptions } from "./agent.ts";
import type { HollowBehavior } from "./hollow-chance.ts";
import { HollowRuntime } from "./hollow-runtime.ts";
import { AMPLE_HOST } from "./resources/open-resources.ts";

export interface HollowNodeOptions extends Omit<
  AgentOptions,
  "runtime" | "openNetwork" | "host" | "onLogs"
> {
  readonly behavior: HollowBehavior;
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** A node with everything but containers and a network: the same agent on a simulated host, until the signal aborts. */
export async function runHollowNode(options: HollowNodeOptions): Promise<void> {
  const { behavior, clock, cpus, memoryBytes } = options;
  const runtime = new HollowRuntime({ behavior, clock, cpus, memoryBytes });
  try {
    await runAgent({
      ...options,
      runtime,
      host: AMPLE_HOST,
      openNetwork: (podCidr) => Promise.resolve(hollowNetwork(new AddressPool(podCidr, clock))),
    });
  } finally {
    runtime.close();
  }
}

/** Addresses, and no wires. */
function hollowNetwork(pool: AddressPool): PodNetwork {
  const wired = new Set<string>();
  return {
    reserve: (podUid, wanted) => pool.reserve(podUid, wanted),
    release: (podUid) => pool.release(podUid),
    attach: (podUid) => {
      wired.add(podUid);
      return Promise.resolve();
    },
    detach: (podUid) => {
      wired.delete(podUid);
      return Promise.resolve();
    },
    sweep: (podUids) => Promise.resolve(new Set(podUids.filter((uid) => wired.has(uid)))),
  };
}
