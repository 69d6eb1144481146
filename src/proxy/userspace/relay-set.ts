import { networkInterfaces } from "node:os";
import type { Clock } from "../../base/clock.ts";
import { backendKey } from "../choose-backends.ts";
import { allBackends } from "../frontend.ts";
import type { Frontend } from "../frontend.ts";
import { isInCidr } from "../ipv4.ts";
import { BackendPicker } from "./pick-backend.ts";
import type { Caller } from "./pick-backend.ts";
import { startTcpRelay } from "./tcp-relay.ts";
import { startUdpRelay } from "./udp-relay.ts";
import type { UserspaceWorkerData } from "./userspace-messages.ts";

/** A listening address of a frontend. */
interface Relay {
  sweep?(): void;
  close(): void;
}

interface Entry {
  frontend: Frontend;
  readonly relays: Map<string, Relay>;
}

/** How often silent UDP clients are forgotten, and ports opened on addresses that the node got meanwhile. */
const TEND_MS = 5000;

/** Keeps a socket open for every frontend that has backends, on each address where it answers. */
export class RelaySet {
  readonly #entries = new Map<string, Entry>();
  readonly #picker = new BackendPicker();
  readonly #network: UserspaceWorkerData;
  readonly #clock: Clock;
  #own: ReadonlySet<string>;

  constructor(network: UserspaceWorkerData, clock: Clock) {
    this.#network = network;
    this.#clock = clock;
    this.#own = ownAddresses();
  }

  /** Puts a frontend in place of its earlier version. Gives what could not be opened. */
  async set(key: string, frontend: Frontend): Promise<readonly string[]> {
    const known = this.#entries.get(key);
    this.#picker.update(known?.frontend, frontend);
    const entry = known ?? { frontend, relays: new Map<string, Relay>() };
    entry.frontend = frontend;
    this.#entries.set(key, entry);
    for (const relay of entry.relays.values()) relay.sweep?.();
    return this.#open(entry);
  }

  /** Takes no more connections; open ones go on. */
  delete(key: string): void {
    const entry = this.#entries.get(key);
    this.#picker.update(entry?.frontend, undefined);
    for (const relay of entry?.relays.values() ?? []) relay.close();
    this.#entries.delete(key);
  }

  /** Looks after everything now and then, until `signal` aborts. */
  async tend(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(TEND_MS, signal).catch(() => undefined);
      this.#own = ownAddresses();
      for (const entry of this.#entries.values()) {
        for (const relay of entry.relays.values()) relay.sweep?.();
        await this.#open(entry);
      }
    }
  }

  /** Opens and closes sockets until they are those that the frontend shall have. */
  async #open(entry: Entry): Promise<readonly string[]> {
    const wanted = new Set(isServed(entry.frontend) ? this.#addressesOf(entry.frontend) : []);
    for (const [address, relay] of entry.relays) {
      if (wanted.has(address)) continue;
      relay.close();
      entry.relays.delete(address);
    }
    const failures: string[] = [];
    for (const address of wanted) {
      if (entry.relays.has(address)) continue;
      try {
        entry.relays.set(address, await this.#start(entry, address));
      } catch (error) {
        const { protocol, port } = entry.frontend;
        const cause = error instanceof Error && "code" in error ? String(error.code) : "error";
        failures.push(`${protocol.toLowerCase()} ${address}:${port} (${cause})`);
      }
    }
    return failures;
  }

  #addressesOf({ address }: Frontend): readonly string[] {
    if (address === undefined) return [...this.#own].filter((own) => !own.startsWith("169.254."));
    // An address of another node is that node's business.
    const isHere = this.#own.has(address) || isInCidr(address, this.#network.serviceCidr);
    return isHere ? [address] : [];
  }

  #start(entry: Entry, address: string): Promise<Relay> {
    const { port, protocol } = entry.frontend;
    const pick = (client: string, tried?: ReadonlySet<string>) => {
      const now = this.#clock.monotonic();
      const backend = this.#picker.pick(entry.frontend, this.#callerOf(client), now, tried);
      return typeof backend === "string" ? undefined : backend;
    };
    if (protocol === "TCP")
      return startTcpRelay({ address, port, pick, frontend: () => entry.frontend });
    return startUdpRelay({
      address,
      port,
      pick,
      isServing: (key) => allBackends(entry.frontend).some((one) => backendKey(one) === key),
      now: () => this.#clock.monotonic(),
    });
  }

  #callerOf(address: string): Caller {
    const isNode =
      this.#own.has(address) ||
      address.startsWith("127.") ||
      isInCidr(address, this.#network.serviceCidr);
    return { address, isNode, isPod: isInCidr(address, this.#network.podCidr) };
  }
}

/** A socket that nobody listens to refuses at once, which is what a Service without endpoints shall do. */
function isServed(frontend: Frontend): boolean {
  return frontend.isMuted !== true && allBackends(frontend).length > 0;
}

/** The node's addresses, without loopback ones. */
function ownAddresses(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return new Set(
    all
      .filter(({ family, internal }) => family === "IPv4" && !internal)
      .map(({ address }) => address),
  );
}
