import { ruleComment } from "../model/instance.ts";
import { runTool } from "./host-tool.ts";
import { ProxyError } from "./proxy-error.ts";
import type { RunCommand } from "./run-command.ts";

/** Lists the tables of the older, "legacy" kernel interface that are in use. */
const LEGACY_TABLES = "/proc/net/ip_tables_names";

/** Seconds to wait for another program that holds iptables' lock. */
const LOCK_SECONDS = "5";

export interface ForwardRulesOptions {
  readonly clusterId: string;
  readonly podCidr: string;
  readonly run: RunCommand;
}

/**
 * Accepts the pods' traffic where the host's firewall would drop it: in DOCKER-USER when dockerd has it, else in
 * FORWARD when that ends in a drop. An `accept` in a table of our own could not overrule those. May be repeated.
 * True when a rule had to be added.
 */
export async function ensureForwardRules(
  options: ForwardRulesOptions,
  signal: AbortSignal,
): Promise<boolean> {
  let added = false;
  for (const iptables of await findIptables(options.run, signal)) {
    const chain = await chainFor(options.run, iptables, signal);
    if (chain === undefined) continue;
    for (const direction of ["-s", "-d"]) {
      const rule = [chain, direction, options.podCidr, ...acceptedBy(options.clusterId)];
      const found = await options.run(iptables, ["-w", LOCK_SECONDS, "-C", ...rule], { signal });
      if (found.exitCode === 0) continue;
      await runTool(options.run, iptables, ["-w", LOCK_SECONDS, "-I", ...rule], { signal });
      added = true;
    }
  }
  return added;
}

/** Deletes every rule with our comment, and no other. */
export async function removeForwardRules(
  { clusterId, run }: Omit<ForwardRulesOptions, "podCidr">,
  signal: AbortSignal,
): Promise<void> {
  for (const iptables of await findIptables(run, signal)) {
    for (const rule of ourRules(await listRules(run, iptables, signal), clusterId)) {
      await runTool(run, iptables, ["-w", LOCK_SECONDS, "-D", ...rule], { signal });
    }
  }
}

function acceptedBy(clusterId: string): readonly string[] {
  return ["-m", "comment", "--comment", ruleComment(clusterId), "-j", "ACCEPT"];
}

/** Rules of `iptables -S` with our comment, as arguments for `-D`. Pure. */
export function ourRules(listing: string, clusterId: string): readonly (readonly string[])[] {
  return listing
    .split("\n")
    .map((line) => line.split(" ").map((word) => word.replaceAll('"', "")))
    .filter((words) => words[0] === "-A")
    .filter((words) => words[words.indexOf("--comment") + 1] === ruleComment(clusterId))
    .map((words) => words.slice(1));
}

/** Whether the FORWARD chain, as `iptables -S` prints it, lets packets that no rule accepts fall. Pure. */
export function dropsByDefault(listing: string): boolean {
  return listing
    .split("\n")
    .some((line) => line === "-P FORWARD DROP" || /^-A FORWARD -j (DROP|REJECT)\b/.test(line));
}

async function chainFor(
  run: RunCommand,
  iptables: string,
  signal: AbortSignal,
): Promise<"DOCKER-USER" | "FORWARD" | undefined> {
  const rules = await listRules(run, iptables, signal);
  if (rules.split("\n").includes("-A FORWARD -j DOCKER-USER")) return "DOCKER-USER";
  return dropsByDefault(rules) ? "FORWARD" : undefined;
}

/** All rules, as `iptables -S` prints them. */
async function listRules(run: RunCommand, iptables: string, signal: AbortSignal): Promise<string> {
  const listed = await run(iptables, ["-w", LOCK_SECONDS, "-S"], { signal });
  // The filter table was made by nft itself, in ways that iptables does not know: then it is not for us to edit.
  if (listed.exitCode !== 0 && listed.stderr.includes("is incompatible")) return "";
  if (listed.exitCode === 0) return listed.stdout;
  return runTool(run, iptables, ["-w", LOCK_SECONDS, "-S"], { signal });
}

/**
 * The iptables programs whose rules packets really pass: the host's own, and its sibling of the other kernel
 * interface where that one holds rules too. None when iptables is not installed.
 */
async function findIptables(run: RunCommand, signal: AbortSignal): Promise<readonly string[]> {
  const version = await versionOf(run, "iptables", signal);
  if (version === undefined) return [];
  const legacyTables = await run("cat", [LEGACY_TABLES], { signal });
  const usesLegacy = legacyTables.stdout.split("\n").includes("filter");
  const sibling = version.includes("nf_tables") ? "iptables-legacy" : "iptables-nft";
  if (sibling === "iptables-legacy" && !usesLegacy) return ["iptables"];
  const found = await versionOf(run, sibling, signal);
  return found === undefined ? ["iptables"] : ["iptables", sibling];
}

async function versionOf(
  run: RunCommand,
  command: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { exitCode, stdout } = await run(command, ["--version"], { signal });
    return exitCode === 0 ? stdout : undefined;
  } catch (error) {
    if (error instanceof ProxyError && error.code === "tool-missing") return undefined;
    throw error;
  }
}
