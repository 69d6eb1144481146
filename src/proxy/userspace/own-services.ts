import type { CommandResult, RunCommand } from "../run-command.ts";

/** Makes the whole service network the node's own, so that sockets can have its addresses. May be repeated. */
export function ownServices(
  run: RunCommand,
  serviceCidr: string,
  signal: AbortSignal,
): Promise<CommandResult> {
  return run("ip", ["route", "replace", ...localRoute(serviceCidr)], { signal });
}

/** Takes that back; none is fine. */
export async function disownServices(
  run: RunCommand,
  serviceCidr: string,
  signal: AbortSignal,
): Promise<void> {
  await run("ip", ["route", "delete", ...localRoute(serviceCidr)], { signal });
}

function localRoute(serviceCidr: string): readonly string[] {
  return ["local", serviceCidr, "dev", "lo"];
}
