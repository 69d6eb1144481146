import type { LogRequest } from "../model/tunnel.ts";

/** Reads the end of a container's log from its node; empty where there is none. */
export type ReadLog = (
  node: string,
  request: LogRequest & { readonly limitBytes: number },
  signal: AbortSignal,
) => Promise<string>;
