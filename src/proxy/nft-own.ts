import type { Backend } from "./choose-backends.ts";
import type { Frontend } from "./frontend.ts";
import { sharedVerdict } from "./nft-elements.ts";

/**
 * What a frontend has for itself, because clients are known or kept out: a few chains, and a set of known clients for
 * each backend, which all frontends of the same port of the Service share.
 */
export interface OwnParts {
  /** Where the frontend is handled; `undefined` when it refuses. */
  readonly verdict: string | undefined;
  /** The rules of each chain. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** For each set of clients: seconds until one is forgotten. */
  readonly clients: ReadonlyMap<string, number>;
}

const NONE: Omit<OwnParts, "verdict"> = { chains: new Map(), clients: new Map() };

/** More clients than these are sent to any backend. */
export const MAX_KNOWN_CLIENTS = 65_536;

/** The parts of a frontend in force. `podCidr` tells pods from clients outside. Pure. */
export function ownParts(frontend: Frontend, podCidr: string): OwnParts {
  const { affinity, sources, backends, outside } = frontend;
  const shared = sharedVerdict(frontend);
  if (
    shared === undefined ||
    shared === "drop" ||
    (affinity === undefined && sources === undefined)
  )
    return { verdict: shared, ...NONE };
  const id = idOf(frontend);
  const chains = new Map<string, readonly string[]>();
  const clients = new Map<string, number>();
  const rules: string[] = [];
  if (sources !== undefined)
    rules.push(
      `ip saddr != { ${withoutOverlaps(sources).join(", ")} } fib saddr type != local drop`,
    );
  if (affinity === undefined) rules.push(shared);
  else {
    for (const backend of [...backends, ...(outside ?? [])]) {
      const set = clientSet(affinity.group, backend);
      clients.set(set, affinity.seconds);
      chains.set(backendChain(id, backend), [
        `update @${set} { ip saddr }`,
        `meta l4proto ${frontend.protocol.toLowerCase()} dnat ip to ${backend.address}:${backend.port}`,
      ]);
    }
    const all = `known-${id}`;
    chains.set(all, spreadKnown(id, affinity.group, backends));
    if (outside !== undefined) {
      const away = `known-outside-${id}`;
      chains.set(away, spreadKnown(id, affinity.group, outside));
      rules.push(`ip saddr ${podCidr} goto ${all}`, `fib saddr type local goto ${all}`);
      rules.push(`goto ${away}`);
    } else rules.push(`goto ${all}`);
  }
  chains.set(`own-${id}`, rules);
  return { verdict: `goto own-${id}`, chains, clients };
}

/** Whoever is known goes where he was; others go anywhere and are known from then on. */
function spreadKnown(id: string, group: string, backends: readonly Backend[]): readonly string[] {
  const [only] = backends;
  if (only === undefined) return ["drop"];
  if (backends.length === 1) return [`goto ${backendChain(id, only)}`];
  const verdicts = backends.map((backend, slot) => `${slot} : goto ${backendChain(id, backend)}`);
  return [
    ...backends.map(
      (backend) => `ip saddr @${clientSet(group, backend)} goto ${backendChain(id, backend)}`,
    ),
    `numgen random mod ${backends.length} vmap { ${verdicts.join(", ")} }`,
  ];
}

function idOf({ address, protocol, port }: Frontend): string {
  return `${protocol.toLowerCase()}/${address ?? "node"}/${port}`;
}

function backendChain(id: string, { address, port }: Backend): string {
  return `to-${id}/${address}/${port}`;
}

function clientSet(group: string, { address, port }: Backend): string {
  return `clients-${group}/${address}/${port}`;
}

/** nft refuses a range within another one. */
function withoutOverlaps(ranges: readonly string[]): readonly string[] {
  const parsed = ranges.map((range) => {
    const [address = "", bits = "32"] = range.split("/");
    const size = 2 ** (32 - Number(bits));
    const value = address.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
    return { range, start: Math.floor(value / size) * size, size };
  });
  const sorted = parsed.toSorted((a, b) => a.start - b.start || b.size - a.size);
  let end = -1;
  return sorted.flatMap(({ range, start, size }) => {
    if (start + size <= end) return [];
    end = start + size;
    return [range];
  });
}
