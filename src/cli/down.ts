import { rm } from "node:fs/promises";
import type { Clock } from "../base/clock.ts";
import { removeNodeState } from "../agent/remove-node.ts";
import { removeNodeNetwork } from "../proxy/remove-network.ts";
import { openRuntime } from "./node-parts.ts";
import { CliError } from "./cli-error.ts";
import { readConfig, type DataDir } from "./data-dir.ts";
import { findSupervisor } from "./find-supervisor.ts";
import { lockCommands } from "./lock.ts";
import { startTimeOf } from "./process-identity.ts";

/** How long the processes may take to end before they are killed. */
const STOP_MS = 15_000;
const LOOK_MS = 50;

export interface DownOptions {
  readonly volumes: boolean;
}

/** Removes everything that Berth made for this data directory; volumes only when told. Safe to repeat. */
export async function down(
  dir: DataDir,
  options: DownOptions,
  print: (line: string) => void,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const config = await readConfig(dir);
  if (config === undefined) {
    print(`nothing to do: no cluster in ${dir.root}`);
    return;
  }
  await using lock = await lockCommands(dir, clock, signal);
  void lock;
  const pid = await findSupervisor(dir);
  if (pid !== undefined) await stopProcess(pid, clock, signal);
  print(pid === undefined ? "processes: none were running" : "processes: ended");
  const runtime = await openRuntime(signal);
  const removed = await removeNodeState(
    runtime,
    { clusterId: config.clusterId, volumes: options.volumes },
    signal,
  );
  print(
    `containers: ${removed.containers} removed; links: ${removed.links}; volumes: ${removed.volumes}`,
  );
  await removeNodeNetwork(config, signal);
  print("network: removed");
  await rm(dir.root, { recursive: true, force: true });
  print(`state: ${dir.root} removed; the repository stays as it is`);
}

async function stopProcess(pid: number, clock: Clock, signal: AbortSignal): Promise<void> {
  const identity = startTimeOf(pid);
  const isRunning = (): boolean => identity !== undefined && startTimeOf(pid) === identity;
  if (!isRunning()) return;
  process.kill(pid, "SIGTERM");
  const deadline = clock.monotonic() + STOP_MS;
  while (isRunning()) {
    if (clock.monotonic() > deadline) {
      throw new CliError(
        `Cannot end the supervisor (process ${pid}): it still runs after ${STOP_MS / 1000} s`,
        {
          cure: `end it by hand (kill -9 ${pid}) and run \`berth down\` again`,
        },
      );
    }
    await clock.sleep(LOOK_MS, signal);
  }
}
