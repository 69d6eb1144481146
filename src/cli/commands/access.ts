import type { Command } from "commander";
import { systemClock } from "../../base/system-clock.ts";
import { dataDirAt } from "../data-dir.ts";
import { collect, duration, out, wholeNumber, withDataDir } from "./options.ts";
import type { Common } from "./options.ts";

const HOUR_MS = 3_600_000;
const MONTH_MS = 30 * 24 * HOUR_MS;

/** `kubeconfig`, `token`. */
export function accessCommands(program: Command, signal: AbortSignal): void {
  tokenCommands(program, signal);
  withDataDir(program.command("kubeconfig"))
    .summary("print a kubeconfig for kubectl and other clients")
    .description(
      "The administrator's; with --user one for a person, with a new certificate, whose rights come from RBAC.",
    )
    .option("--user <name>", "for whom")
    .option("--group <name>", "a group of that user; repeatable", collect, [])
    .option("--ttl <time>", "how long the certificate is good: 12h, 30d", duration(365), MONTH_MS)
    .option("--server <url>", "where the API is reached from there")
    .option("--file <path>", "write it there, readable by the owner alone")
    .addHelpText(
      "after",
      "\nExample:\n  berth kubeconfig --user alice --group dev --file alice.yaml",
    )
    .action(async (flags: KubeconfigOptions) => {
      const { kubeconfig } = await import("../kubeconfig.ts");
      const { dataDir, user, group: groups, ttl, server, file } = flags;
      const options = { user, groups, validMs: ttl, server, file };
      await kubeconfig(dataDirAt(dataDir), options, out, systemClock);
    });
}

function tokenCommands(program: Command, signal: AbortSignal): void {
  const token = program.command("token").summary("what lets other machines become nodes");
  withDataDir(token.command("create"))
    .summary("make a token, and print the line to run on the new machine")
    .option("--ttl <time>", "how long it is good: 30m, 1h, 7d", duration(30), HOUR_MS)
    .option("--uses <count>", "how many machines may join by it", wholeNumber(1, 10_000), 1)
    .option("--node <name>", "the only name that may join by it; takes over a node that is gone")
    .option("--labels <key=value,...>", "labels of the nodes; repeatable", collect, [])
    .action(async ({ dataDir, ttl, uses, node, labels }: TokenOptions) => {
      const { createToken } = await import("../join-token.ts");
      const flags = { ttlMs: ttl, uses, node, labels };
      await createToken(dataDirAt(dataDir), flags, out, systemClock, signal);
    });
  withDataDir(token.command("list"))
    .summary("list the tokens that are there")
    .action(async ({ dataDir }: Common) => {
      const { listTokens } = await import("../join-token.ts");
      await listTokens(dataDirAt(dataDir), out, systemClock, signal);
    });
  withDataDir(token.command("delete"))
    .summary("take a token back")
    .argument("<id>", "as `berth token list` shows it")
    .action(async (id: string, { dataDir }: Common) => {
      const { deleteToken } = await import("../join-token.ts");
      await deleteToken(dataDirAt(dataDir), id, out, signal);
    });
}

interface TokenOptions extends Common {
  readonly ttl: number;
  readonly uses: number;
  readonly node?: string;
  readonly labels: readonly string[];
}

interface KubeconfigOptions extends Common {
  readonly user?: string;
  readonly group: readonly string[];
  readonly ttl: number;
  readonly server?: string;
  readonly file?: string;
}
