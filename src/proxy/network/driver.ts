import { unreachable } from "../../base/assert.ts";
import type { RemoteNode } from "./remote-node.ts";

export type DriverName = "host-gw" | "vxlan" | "wireguard";

/** What `berth up --network-driver` takes. */
export const NETWORK_DRIVERS = ["auto", "host-gw", "vxlan", "wireguard"] as const;
export type NetworkDriverChoice = (typeof NETWORK_DRIVERS)[number];

/** This node, and what its host looks like. */
export interface LocalNode {
  readonly clusterId: string;
  readonly name: string;
  readonly address: string;
  readonly podCidr: string;
  /** Of the link that has `address`. */
  readonly mtu: number;
}

/** A remote node, and how this host would send to it by itself. */
export interface Neighbour extends RemoteNode {
  readonly address: string;
  /** The link through which the host reaches it; absent: it does not. */
  readonly dev: string | undefined;
  /** Whether it hangs on the same Ethernet: no router between. */
  readonly isOnLink: boolean;
}

/** One thing that the kernel shall have. Equal pieces have equal keys. */
export type Piece =
  | {
      readonly kind: "route";
      readonly to: string;
      readonly via: string | undefined;
      readonly dev: string;
      readonly isOnLink: boolean;
    }
  | {
      readonly kind: "neighbour";
      readonly address: string;
      readonly mac: string;
      readonly dev: string;
    }
  | {
      readonly kind: "forwarding";
      readonly mac: string;
      readonly address: string;
      readonly dev: string;
    };

/** A device of ours. `add` is how `ip link add` makes it, after the name. */
export interface Device {
  readonly name: string;
  readonly mtu: number;
  readonly mac: string | undefined;
  readonly add: readonly string[];
  /** Its /32. */
  readonly address: string;
  /** What of `ip -d -j link` must be so; anything else and it is made anew. */
  readonly details: Readonly<Record<string, unknown>>;
  /** For `wg syncconf`. */
  readonly wireguard?: string;
}

/** One way between two nodes. Pure: it says what the kernel needs, others bring it there. */
export interface NetworkDriver {
  readonly name: DriverName;
  /** Bytes that it takes from each packet. */
  readonly overhead: number;
  /** The device that it needs on this node; `undefined` when none. */
  device(local: LocalNode, remotes: readonly Neighbour[]): Device | undefined;
  /** What one remote node needs; `undefined` while that cannot be said. */
  pieces(local: LocalNode, remote: Neighbour): readonly Piece[] | undefined;
}

/** What tells two pieces apart. Pure. */
export function pieceKey(piece: Piece): string {
  switch (piece.kind) {
    case "route":
      return `route ${piece.to} ${piece.via ?? "-"} ${piece.dev} ${piece.isOnLink ? "onlink" : "-"}`;
    case "neighbour":
      return `neighbour ${piece.address} ${piece.mac} ${piece.dev}`;
    case "forwarding":
      return `forwarding ${piece.mac} ${piece.address} ${piece.dev}`;
    default:
      return unreachable(piece);
  }
}
