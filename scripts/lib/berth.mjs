import { BERTH } from "./paths.mjs";
import { Stop } from "./progress.mjs";
import { attempt } from "./run.mjs";

const COMMAND_TIMEOUT_MS = 120_000;

/** Runs the `berth` command and resolves with what it printed; its own message is what a failure says. */
export async function berth(args) {
  const { code, output } = await attempt(process.execPath, [BERTH, ...args], {
    timeoutMs: COMMAND_TIMEOUT_MS,
  });
  if (code === 0) return output;
  throw new Stop(output.trim() || `"berth ${args.join(" ")}" ended with ${code}`);
}

/** `berth status`, or `undefined` when no cluster answers. */
export async function berthStatus(args) {
  const { code, output } = await attempt(
    process.execPath,
    [BERTH, "status", "--output", "json", ...args],
    { timeoutMs: COMMAND_TIMEOUT_MS },
  );
  if (code !== 0) return undefined;
  const start = output.indexOf("{");
  return start === -1 ? undefined : JSON.parse(output.slice(start));
}
