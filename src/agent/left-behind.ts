import { readlinkSync } from "node:fs";
import { LABELS } from "../model/instance.ts";
import type { ObservedContainer } from "./runtime.ts";

/** What Docker itself says of a container whose end nobody saw. */
export const RESTARTED_EXIT_CODE = 255;

/**
 * Whether it is a sandbox that was started again behind the agent's back: its network is new and empty then, and
 * members that still run are in the old one.
 */
export function isLeftBehind(
  sandbox: ObservedContainer,
  containers: readonly ObservedContainer[],
): boolean {
  if (sandbox.labels[LABELS.role] !== "sandbox" || sandbox.pid === undefined) return false;
  const own = networkOf(sandbox.pid);
  return containers.some((member) => {
    if (member.labels[LABELS.sandbox] !== sandbox.id || member.pid === undefined) return false;
    const other = networkOf(member.pid);
    return own !== undefined && other !== undefined && own !== other;
  });
}

/** The network namespace of a process; `undefined` when it is gone. */
function networkOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}
