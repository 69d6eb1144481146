import { backendKey } from "./choose-backends.ts";
import type { Backend } from "./choose-backends.ts";

export type Protocol = "TCP" | "UDP";

/** An address and port of one protocol. */
export interface Place {
  /** `undefined`: every address of the node but the loopback ones. */
  readonly address: string | undefined;
  readonly protocol: Protocol;
  readonly port: number;
}

/** Clients that came once go on to the same backend. */
export interface Affinity {
  /** What frontends have in common that know clients together: one port of one Service. */
  readonly group: string;
  /** How long a client is known after its last connection. */
  readonly seconds: number;
}

/** One address and port that the node answers for, and what stands behind it. */
export interface Frontend extends Place {
  /** `namespace/name` of the Service. */
  readonly service: string;
  /** By slot. Empty: connections are refused. */
  readonly backends: readonly Backend[];
  /** Called by clients outside the cluster too, whose address is hidden from backends on other nodes. */
  readonly isOutside: boolean;
  /** Where clients outside get to others than pods and the node itself: those. Empty: they are not answered. */
  readonly outside?: readonly Backend[];
  /** Not answered at all, rather than refused: other nodes have backends. */
  readonly isMuted?: boolean;
  readonly affinity?: Affinity;
  /** Backends are told the client's address first: by the user-space proxy alone. */
  readonly proxyProtocol?: "v1" | "v2";
  /** Only these networks may call, beside the node itself. */
  readonly sources?: readonly string[];
}

/** `TCP/10.96.0.5/80`, or `TCP//30080` for a port of the node. Pure. */
export function frontendKey({ protocol, address, port }: Place): string {
  return `${protocol}/${address ?? ""}/${port}`;
}

/** All backends that a frontend sends to, for whichever client. Pure. */
export function allBackends({ backends, outside = [] }: Frontend): readonly Backend[] {
  if (outside.length === 0) return backends;
  const keys = new Set(backends.map(backendKey));
  return [...backends, ...outside.filter((backend) => !keys.has(backendKey(backend)))];
}

/** The backends that traffic to `previous` may still reach and that `next` does not have. Pure. */
export function lostBackends(
  previous: Frontend | undefined,
  next: Frontend | undefined,
): readonly Backend[] {
  if (previous === undefined) return [];
  const kept = new Set((next === undefined ? [] : allBackends(next)).map(backendKey));
  return allBackends(previous).filter((backend) => !kept.has(backendKey(backend)));
}
