import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { systemClock } from "../base/system-clock.ts";
import { CliError } from "./cli-error.ts";
import { writeFileAtomic, type DataDir } from "./data-dir.ts";
import { findSupervisor } from "./find-supervisor.ts";
import { readJoinDir } from "./join-dir.ts";
import { formatUnit, type ServiceUnit } from "./service-unit.ts";
import { mainModule } from "./supervise.ts";

export interface InstallOptions {
  /** Only shows what would be written. */
  readonly print: boolean;
}

type Print = (line: string) => void;

/** Where administrators' units stand. */
const UNITS = "/etc/systemd/system";
/** There while systemd is process 1. */
const SYSTEMD_RUNS = "/run/systemd/system";
const SUPERVISOR_END_MS = 30_000;
const LOOK_MS = 200;

/** Control plane and node of a data directory, as one service. */
export function clusterUnit(dir: DataDir): ServiceUnit {
  return {
    name: "berth",
    description: "Berth: control plane and node",
    command: [...program(), "supervise", "--data-dir", dir.root],
  };
}

/** The node of a machine that has joined a cluster. */
export function agentUnit(joinDir: string): ServiceUnit {
  return {
    name: "berth-agent",
    description: "Berth: node",
    command: [...program(), "node", "--join-dir", joinDir],
  };
}

/** Makes a service of the cluster that `berth up` has started. What runs in containers, runs on. */
export async function installCluster(
  dir: DataDir,
  options: InstallOptions,
  print: Print,
  signal: AbortSignal,
): Promise<void> {
  if (!options.print && !existsSync(dir.config))
    throw new CliError(`Cannot install a service: there is no cluster in "${dir.root}"`, {
      cure: "start one first: berth up",
    });
  await install(clusterUnit(dir), options, print, () => endSupervisor(dir, signal));
}

/** Makes a service of the node that a folder describes. */
export async function installAgent(
  joinDir: string,
  options: InstallOptions,
  print: Print,
): Promise<void> {
  if (!options.print) await readJoinDir(joinDir);
  await install(agentUnit(joinDir), options, print, () => Promise.resolve());
}

/** Ends the service and removes its unit. Containers run on, and so does what is in the data directory. */
export async function uninstall(name: ServiceUnit["name"], print: Print): Promise<void> {
  const file = join(UNITS, `${name}.service`);
  if (!existsSync(file)) {
    print(`${name}: no service is installed`);
    return;
  }
  requireSystemd(`remove the service "${name}"`, `remove "${file}"`);
  await systemctl("disable", "--now", `${name}.service`);
  await rm(file, { force: true });
  await systemctl("daemon-reload");
  print(`${name}: ended, and ${file} removed; containers run on`);
}

async function install(
  unit: ServiceUnit,
  options: InstallOptions,
  print: Print,
  makeWay: () => Promise<void>,
): Promise<void> {
  const text = formatUnit(unit);
  if (options.print) {
    print(text.trimEnd());
    return;
  }
  requireSystemd(
    `install the service "${unit.name}"`,
    `have your init system run this as root, and start it again whenever it ends: ${unit.command.join(" ")}`,
  );
  const file = join(UNITS, `${unit.name}.service`);
  await mkdir(UNITS, { recursive: true });
  await writeFileAtomic(file, text);
  await chmod(file, 0o644);
  await systemctl("daemon-reload");
  await makeWay();
  await systemctl("enable", `${unit.name}.service`);
  // Also one that runs already takes what has changed.
  await systemctl("restart", `${unit.name}.service`);
  print(`${unit.name}: installed as ${file}, and started; its log: journalctl -u ${unit.name}`);
}

/** Whether systemd is process 1 here. */
export function systemdRuns(): boolean {
  return existsSync(SYSTEMD_RUNS);
}

function requireSystemd(purpose: string, cure: string): void {
  if (process.getuid?.() !== 0)
    throw new CliError(`Cannot ${purpose}: only root may`, { cure: "run it with sudo" });
  if (!systemdRuns())
    throw new CliError(`Cannot ${purpose}: systemd does not run on this machine`, { cure });
}

async function systemctl(...args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)("systemctl", [...args]);
  } catch (error) {
    const text =
      error instanceof Error && "stderr" in error && typeof error.stderr === "string"
        ? error.stderr.trim()
        : String(error);
    throw new CliError(`Cannot run "systemctl ${args.join(" ")}": ${text}`, { cause: error });
  }
}

/** The one that `berth up` left in the background makes way for the service. */
async function endSupervisor(dir: DataDir, signal: AbortSignal): Promise<void> {
  const pid = await findSupervisor(dir);
  if (pid === undefined) return;
  process.kill(pid, "SIGTERM");
  const until = systemClock.monotonic() + SUPERVISOR_END_MS;
  while ((await findSupervisor(dir)) !== undefined) {
    if (systemClock.monotonic() > until)
      throw new CliError(`Cannot take over from process ${pid}: it does not end`, {
        cure: `end it (kill ${pid}), then run this again`,
      });
    await systemClock.sleep(LOOK_MS, signal);
  }
}

/** How this very Berth is run. */
function program(): readonly string[] {
  return [process.execPath, mainModule()];
}
