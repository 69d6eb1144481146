import type { Frontend } from "../frontend.ts";

/** How the thread is started. */
export interface UserspaceWorkerData {
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** The node answers names there: no port of the node is opened on it. */
  readonly dnsIp: string;
}

/** To the thread: frontends by their key; those of `gone` are closed. */
export interface UserspaceUpdate {
  readonly sequence: number;
  readonly set: readonly (readonly [string, Frontend])[];
  readonly gone: readonly string[];
}

/** From the thread, once an update is in force. */
export interface UserspaceAnswer {
  readonly sequence: number;
  /** What could not be opened, and is tried again by itself. */
  readonly failures: readonly string[];
}
