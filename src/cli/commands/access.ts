import type { Command } from "commander";
import { systemClock } from "../../base/system-clock.ts";
import { dataDirAt } from "../data-dir.ts";
import { collect, out, wholeNumber, withDataDir } from "./options.ts";
import type { Common } from "./options.ts";

const HOUR_MS = 3_600_000;

/** `kubeconfig`. */
export function accessCommands(program: Command): void {
  withDataDir(program.command("kubeconfig"))
    .summary("print a kubeconfig for kubectl and other clients")
    .description(
      "The administrator's; with --user one for a person, with a new certificate, whose rights come from RBAC.",
    )
    .option("--user <name>", "for whom")
    .option("--group <name>", "a group of that user; repeatable", collect, [])
    .option("--ttl <hours>", "how long the certificate is good", wholeNumber(1, 8760), 720)
    .option("--server <url>", "where the API is reached from there")
    .option("--file <path>", "write it there, readable by the owner alone")
    .addHelpText(
      "after",
      "\nExample:\n  berth kubeconfig --user alice --group dev --file alice.yaml",
    )
    .action(async (flags: KubeconfigOptions) => {
      const { kubeconfig } = await import("../kubeconfig.ts");
      const { dataDir, user, group: groups, ttl, server, file } = flags;
      const options = { user, groups, validMs: ttl * HOUR_MS, server, file };
      await kubeconfig(dataDirAt(dataDir), options, out, systemClock);
    });
}

interface KubeconfigOptions extends Common {
  readonly user?: string;
  readonly group: readonly string[];
  readonly ttl: number;
  readonly server?: string;
  readonly file?: string;
}
