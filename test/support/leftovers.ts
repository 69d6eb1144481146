import { readFile, readdir } from "node:fs/promises";
import Docker from "dockerode";
import {
  LABELS,
  bridgeName,
  ruleComment,
  tableName,
  vethPrefix,
} from "../../src/model/instance.ts";
import { mustRun, runCommand } from "./command.ts";

export const docker: Docker = new Docker();

/** What a cluster still has on this machine, one line each. Empty after `berth down`. */
export async function leftoversOf(clusterId: string, dataDir: string): Promise<string[]> {
  const [containers, links, tables, rules, routes, processes] = await Promise.all([
    containersOf(clusterId),
    linksOf(clusterId),
    mustRun("nft", ["list", "tables"]),
    mustRun("nft", ["list", "ruleset"]),
    mustRun("ip", ["-4", "route", "show", "table", "all"]),
    processesOf(dataDir),
  ]);
  const named = (text: string, name: string): string[] =>
    text.split("\n").filter((line) => line.includes(name));
  return [
    ...containers.map(({ Id, State }) => `container ${Id.slice(0, 12)} (${State})`),
    ...links.map((name) => `link ${name}`),
    ...named(tables, tableName(clusterId)),
    ...named(rules, ruleComment(clusterId)),
    ...named(routes, bridgeName(clusterId)),
    ...processes.map(({ pid, command }) => `process ${pid}: ${command}`),
  ];
}

/** All containers of a cluster, sandboxes too, running or not. */
export function containersOf(clusterId: string): Promise<Docker.ContainerInfo[]> {
  const filters = { label: [`${LABELS.cluster}=${clusterId}`] };
  return docker.listContainers({ all: true, filters });
}

async function linksOf(clusterId: string): Promise<string[]> {
  const links: unknown = JSON.parse(await mustRun("ip", ["-json", "link", "show"]));
  const names = (links as readonly { readonly ifname: string }[]).map(({ ifname }) => ifname);
  const ours = [bridgeName(clusterId), vethPrefix(clusterId)];
  return names.filter((name) => ours.some((prefix) => name.startsWith(prefix)));
}

export interface RunningProcess {
  readonly pid: number;
  readonly command: string;
  /** From /proc: tells the process from a later one with its number. */
  readonly startTime: string;
}

/** The processes that were started for a data directory. */
export async function processesOf(dataDir: string): Promise<RunningProcess[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map((pid) => describeProcess(pid)));
  return found.filter(
    (process) => process !== undefined && process.command.split(" ").includes(dataDir),
  ) as RunningProcess[];
}

async function describeProcess(pid: number): Promise<RunningProcess | undefined> {
  try {
    const [line, stat] = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, "utf8"),
      readFile(`/proc/${pid}/stat`, "utf8"),
    ]);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const command = line.replaceAll("\0", " ").trim();
    return fields[0] === "Z" ? undefined : { pid, command, startTime: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}

/** Ends what a cluster whose `berth down` failed has left, so that one failure does not spoil the tests after it. */
export async function removeByForce(clusterId: string, dataDir: string): Promise<void> {
  for (const { pid } of await processesOf(dataDir)) process.kill(pid, "SIGKILL");
  for (const { Id } of await containersOf(clusterId))
    await docker.getContainer(Id).remove({ force: true, v: true });
  for (const name of await linksOf(clusterId)) await runCommand("ip", ["link", "delete", name]);
  await runCommand("nft", ["delete", "table", "ip", tableName(clusterId)]);
}
