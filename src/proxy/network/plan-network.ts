import { compare } from "../../base/order.ts";
import {
  pieceKey,
  type Device,
  type DriverName,
  type LocalNode,
  type Neighbour,
  type NetworkDriver,
  type NetworkDriverChoice,
  type Piece,
} from "./driver.ts";

export interface NetworkPlanInput {
  readonly local: LocalNode;
  readonly remotes: readonly Neighbour[];
  readonly choice: NetworkDriverChoice;
  readonly drivers: Readonly<Record<DriverName, NetworkDriver | undefined>>;
}

/** What this host needs for the pods of the other nodes. */
export interface NetworkPlan {
  readonly devices: readonly Device[];
  readonly pieces: readonly Piece[];
  /** How each remote node is reached; those that are not, with the reason, stand in `missing`. */
  readonly ways: ReadonlyMap<string, DriverName>;
  readonly missing: ReadonlyMap<string, string>;
  /** Addresses of nodes that see our pods' own addresses, since answers come back the same way. */
  readonly directNodes: readonly string[];
  readonly podMtu: number;
}

/**
 * For each remote node the first way that will do: a plain route on the same Ethernet, else VXLAN; or what was chosen.
 * Pure.
 */
export function planNetwork(input: NetworkPlanInput): NetworkPlan {
  const { local, drivers, choice } = input;
  const remotes = input.remotes.toSorted((a, b) => compare(a.name, b.name));
  const ways = new Map<string, DriverName>();
  const missing = new Map<string, string>();
  const pieces = new Map<string, Piece>();
  for (const remote of remotes) {
    const name = chooseDriver(choice, remote);
    const found = drivers[name]?.pieces(local, remote);
    if (found === undefined) {
      missing.set(remote.name, whyMissing(name, drivers[name], remote));
      continue;
    }
    ways.set(remote.name, name);
    for (const piece of found) pieces.set(pieceKey(piece), piece);
  }
  const used = new Set(ways.values());
  // A chosen driver is there from the start: pods get their MTU from it.
  if (choice !== "auto") used.add(choice);
  const inUse = [...used].flatMap((name) => drivers[name] ?? []);
  const via = (driver: NetworkDriver): readonly Neighbour[] =>
    remotes.filter(({ name }) => ways.get(name) === driver.name);
  return {
    devices: inUse.flatMap((driver) => driver.device(local, via(driver)) ?? []),
    pieces: [...pieces.values()],
    ways,
    missing,
    directNodes: remotes
      .filter(({ name }) => ways.get(name) === "host-gw")
      .map(({ address }) => address),
    podMtu: local.mtu - Math.max(0, ...inUse.map(({ overhead }) => overhead)),
  };
}

/** Pure. */
export function chooseDriver(
  choice: NetworkDriverChoice,
  { isOnLink }: Pick<Neighbour, "isOnLink">,
): DriverName {
  if (choice !== "auto") return choice;
  return isOnLink ? "host-gw" : "vxlan";
}

function whyMissing(
  name: DriverName,
  driver: NetworkDriver | undefined,
  { dev }: Neighbour,
): string {
  if (driver === undefined) return `the kernel of this host has no ${name}`;
  if (name !== "host-gw") return `the node has not published its ${name} key yet`;
  return dev === undefined
    ? "this host has no route to the node"
    : "the node is behind a router, where host-gw cannot reach its pods; use --network-driver auto";
}
