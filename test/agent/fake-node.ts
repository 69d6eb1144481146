import { AddressPool } from "../../src/agent/address-pool.ts";
import type { PodNetwork } from "../../src/agent/pod-network.ts";
import type { HostView } from "../../src/agent/resources/open-resources.ts";
import { FakeRuntime } from "../support/fake-runtime.ts";
import { ManualClock, settle } from "../support/manual-clock.ts";
import { AgentHarness } from "./agent-harness.ts";

/** A pod network that only keeps count. */
export class FakeNetwork implements PodNetwork {
  /** Pod uid → pid of the sandbox. */
  readonly wires: Map<string, number> = new Map();
  readonly #podCidr: string;
  readonly #clock: ManualClock;
  #pool: AddressPool;

  constructor(podCidr: string, clock: ManualClock) {
    this.#podCidr = podCidr;
    this.#clock = clock;
    this.#pool = new AddressPool(podCidr, clock);
  }

  /** As a new agent opens it: what runs must say again which addresses it has. */
  reopen(): PodNetwork {
    this.#pool = new AddressPool(this.#podCidr, this.#clock, this.#pool.remember());
    return this;
  }

  reserve(podUid: string, wanted?: string): string {
    return this.#pool.reserve(podUid, wanted);
  }

  attach(podUid: string, sandboxPid: number): Promise<void> {
    this.wires.set(podUid, sandboxPid);
    return Promise.resolve();
  }

  detach(podUid: string): Promise<void> {
    this.wires.delete(podUid);
    return Promise.resolve();
  }

  release(podUid: string): void {
    this.#pool.release(podUid);
  }

  sweep(podUids: readonly string[]): Promise<ReadonlySet<string>> {
    for (const uid of this.wires.keys()) if (!podUids.includes(uid)) this.wires.delete(uid);
    return Promise.resolve(new Set(this.wires.keys()));
  }
}

/** An agent on a host in memory, with a clock that stands still. */
export interface FakeNode {
  readonly harness: AgentHarness;
  readonly runtime: FakeRuntime;
  readonly clock: ManualClock;
  readonly network: FakeNetwork;
  /** Lets everything run, files included, until `check` holds. The clock stands still. */
  reach(what: string, check: () => boolean): Promise<void>;
  /** The same for a status that only says what is waited for: the clock moves on by the time that it is held back. */
  reachHeld(what: string, check: () => boolean): Promise<void>;
  /** Moves the clock on, second by second, until `check` holds. */
  passUntil(what: string, check: () => boolean): Promise<void>;
  /** Moves the clock on and lets everything run. */
  pass(ms: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Files are read and written for real: they get this much of real time. */
const LIMIT_MS = 4_000;
/** First look at the clock when a held status is waited for; then after twice as long each time. */
const HOLD_TURN_MS = 4;
/** A little more than a status that only says "waiting" is held back. */
const HOLD_MS = 110;

export async function openFakeNode(host?: HostView): Promise<FakeNode> {
  const clock = new ManualClock();
  const runtime = new FakeRuntime(clock);
  runtime.images.set("app:1", { id: "sha256:app", user: "", sizeBytes: 1 });
  const podCidr = "10.1.2.0/24";
  const network = new FakeNetwork(podCidr, clock);
  const harness = await AgentHarness.open({
    runtime,
    clock,
    clusterId: "fake01",
    podCidr,
    nodeIp: "192.168.0.1",
    openNetwork: () => Promise.resolve(network.reopen()),
    ...(host === undefined ? {} : { host }),
  });
  const reach = async (what: string, check: () => boolean, isHeld = false): Promise<void> => {
    const began = performance.now();
    let nextHold = isHeld ? HOLD_TURN_MS : Infinity;
    while (!check()) {
      const spent = performance.now() - began;
      if (spent > LIMIT_MS) {
        const statuses = harness.api
          .pods()
          .map((pod) => pod.status?.containerStatuses ?? pod.status);
        throw new Error(
          `${what} did not come about; running: ${runtime.running().join(" ")}; calls: ${runtime.calls.slice(-8).join(", ")}; ${JSON.stringify(statuses)}`,
        );
      }
      await settle();
      if (spent < nextHold) continue;
      await clock.advance(HOLD_MS);
      nextHold = spent * 2;
    }
  };
  const pass = async (ms: number): Promise<void> => {
    await clock.advance(ms);
    for (let turn = 0; turn < 200; turn += 1) await settle();
  };
  return {
    harness,
    runtime,
    clock,
    network,
    reach,
    reachHeld: (what, check) => reach(what, check, true),
    pass,
    async passUntil(what, check) {
      const limit = performance.now() + LIMIT_MS;
      while (!check() && performance.now() < limit) await pass(1_000);
      if (!check()) await reach(what, check);
    },
    async [Symbol.asyncDispose]() {
      await harness.close();
    },
  };
}
