import type { ServiceTable } from "./service-table.ts";

/** Carries Services on this node: in the kernel, or in a thread of this process. */
export interface ServiceProxy {
  /** Resolves once new connections follow `table`. Open ones go on. Throws a `ProxyError`; to be called again then. */
  apply(table: ServiceTable, signal: AbortSignal): Promise<void>;
  /** Whether Services are served already, as before a restart. */
  isServing(signal: AbortSignal): Promise<boolean>;
  /** Keeps what was applied in force, whatever others do to it. Until `signal` aborts. */
  guard(signal: AbortSignal): Promise<void>;
}
