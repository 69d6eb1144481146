/**
 * Gives pods addresses, and their sandboxes a wire. Every method may be repeated; a pod is named by its uid.
 */
export interface PodNetwork {
  /** The pod's address: the one that it has, else `wanted` if that is free, else another. Throws when none is left. */
  reserve(podUid: string, wanted?: string): string;
  /** Wires the network namespace of process `sandboxPid` with the reserved address. Replaces an older wire. */
  attach(podUid: string, sandboxPid: number, signal: AbortSignal): Promise<void>;
  /** Takes the wire away; the address stays reserved. */
  detach(podUid: string, signal: AbortSignal): Promise<void>;
  /** Gives the address back. */
  release(podUid: string): void;
  /** Takes away the wires of all pods but these, and says which of these are wired. */
  sweep(podUids: readonly string[], signal: AbortSignal): Promise<ReadonlySet<string>>;
}

/** The host said no. */
export class PodNetworkError extends Error {
  override readonly name = "PodNetworkError";
}
