import type { Millis } from "../../base/clock.ts";
import { backendKey } from "../choose-backends.ts";
import type { Backend } from "../choose-backends.ts";
import type { Frontend } from "../frontend.ts";
import { isInCidr } from "../ipv4.ts";

/** Who calls: an address, and whether it is a pod's or the node's own. */
export interface Caller {
  readonly address: string;
  readonly isPod: boolean;
  readonly isNode: boolean;
}

/** Why a caller gets nothing. */
export type Refusal = "no-backend" | "source-not-allowed";

/** More clients than these are sent to any backend, the oldest first. */
const MAX_KNOWN_CLIENTS = 65_536;

interface Known {
  readonly backend: string;
  readonly until: Millis;
}

/** Chooses backends, and remembers clients where they have affinity. */
export class BackendPicker {
  readonly #known = new Map<string, Map<string, Known>>();
  readonly #random: () => number;

  /** `random` gives numbers from 0 to below 1. */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** The backend for a new connection; `except` were tried already. */
  pick(
    frontend: Frontend,
    caller: Caller,
    now: Millis,
    except: ReadonlySet<string> = new Set(),
  ): Backend | Refusal {
    if (!isAllowed(frontend, caller)) return "source-not-allowed";
    const isNear = caller.isPod || caller.isNode;
    const all = isNear ? frontend.backends : (frontend.outside ?? frontend.backends);
    const list = except.size === 0 ? all : all.filter((one) => !except.has(backendKey(one)));
    const { affinity } = frontend;
    if (affinity === undefined) return this.#any(list) ?? "no-backend";
    const clients = this.#clientsOf(affinity.group);
    const known = clients.get(caller.address);
    const kept =
      known === undefined || known.until <= now
        ? undefined
        : list.find((backend) => backendKey(backend) === known.backend);
    const chosen = kept ?? this.#any(list);
    if (chosen === undefined) return "no-backend";
    clients.delete(caller.address);
    const until = now + affinity.seconds * 1000;
    clients.set(caller.address, { backend: backendKey(chosen), until });
    const [oldest] = clients.keys();
    if (clients.size > MAX_KNOWN_CLIENTS && oldest !== undefined) clients.delete(oldest);
    return chosen;
  }

  /** Forgets clients of backends that went, and all where there is no affinity any more. */
  update(before: Frontend | undefined, after: Frontend | undefined): void {
    const group = before?.affinity?.group;
    if (group === undefined) return;
    if (after?.affinity?.group !== group) {
      this.#known.delete(group);
      return;
    }
    const keys = new Set([...after.backends, ...(after.outside ?? [])].map(backendKey));
    for (const [client, { backend }] of this.#known.get(group) ?? [])
      if (!keys.has(backend)) this.#known.get(group)?.delete(client);
  }

  #clientsOf(group: string): Map<string, Known> {
    const clients = this.#known.get(group) ?? new Map<string, Known>();
    this.#known.set(group, clients);
    return clients;
  }

  #any(list: readonly Backend[]): Backend | undefined {
    return list[Math.floor(this.#random() * list.length)];
  }
}

function isAllowed({ sources }: Frontend, { address, isNode }: Caller): boolean {
  return sources === undefined || isNode || sources.some((range) => isInCidr(address, range));
}
