import { resolve } from "node:path";
import type { Command } from "commander";
import { dataDirAt } from "../data-dir.ts";
import { out, withDataDir, type Common } from "./options.ts";

interface DryRun {
  readonly dryRun: boolean;
}

/** Where joining leaves what a node needs. */
const JOIN_DIR = "/var/lib/berth";

/** `install`, `uninstall`, `agent install`, `agent uninstall`. */
export function serviceCommands(program: Command, signal: AbortSignal): void {
  withDryRun(withDataDir(program.command("install")))
    .summary("have systemd run the cluster of this machine")
    .description(
      "Makes a service of what `berth up` has started: control plane and node. It starts with the machine, and again whenever it ends.",
    )
    .action(async ({ dataDir, dryRun }: Common & DryRun) => {
      const { installCluster } = await import("../agent-install.ts");
      await installCluster(dataDirAt(dataDir), { print: dryRun }, out, signal);
    });
  program
    .command("uninstall")
    .summary("end the service that `berth install` made; containers run on")
    .action(async () => {
      const { uninstall } = await import("../agent-install.ts");
      await uninstall("berth", out);
    });
  const agent = program
    .command("agent")
    .summary("the service of a machine that has joined a cluster");
  withDryRun(agent.command("install"))
    .summary("have systemd run the node of this machine")
    .option(
      "--join-dir <folder>",
      "what joining left: cluster.json, ca.crt, node.crt, node.key",
      JOIN_DIR,
    )
    .action(async ({ joinDir, dryRun }: DryRun & { readonly joinDir: string }) => {
      const { installAgent } = await import("../agent-install.ts");
      await installAgent(resolve(joinDir), { print: dryRun }, out);
    });
  agent
    .command("join")
    .summary("make this machine a node of a cluster")
    .description(
      "Takes the line that `berth token create` has printed. Trusts no other cluster than the token's; the key of the node never leaves this machine.",
    )
    .argument("<server>", "where the cluster's API is, for instance https://192.0.2.10:6443")
    .requiredOption("--token <token>", "what lets this machine in")
    .option("--node-name <name>", "name of this node (default: the host's name)")
    .option("--join-dir <folder>", "where the node keeps its certificate and state", JOIN_DIR)
    .option("--no-start", "only join; start the node later: berth agent install")
    .action(async (server: string, flags: JoinOptions) => {
      const { joinCluster } = await import("../join.ts");
      await joinCluster({ nodeName: undefined, ...flags, server }, out, signal);
    });
  agent
    .command("uninstall")
    .summary("end that service; containers run on")
    .action(async () => {
      const { uninstall } = await import("../agent-install.ts");
      await uninstall("berth-agent", out);
    });
}

interface JoinOptions {
  readonly token: string;
  readonly nodeName?: string;
  readonly joinDir: string;
  readonly start: boolean;
}

function withDryRun(command: Command): Command {
  return command.option("--dry-run", "only print the unit that it would write", false);
}
