import { Option } from "commander";
import type { Command } from "commander";
import { dataDirAt } from "../data-dir.ts";
import { ROOT_APP } from "../root-app.ts";
import { err, out, withDataDir } from "./options.ts";
import type { Common } from "./options.ts";

interface RollbackFlags extends Common {
  readonly to?: string;
  readonly commit?: string;
  readonly message?: string;
  readonly plan: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
}

/** `rollback`, `approve`. */
export function releaseCommands(program: Command, signal: AbortSignal): void {
  withDataDir(program.command("rollback"))
    .summary("make and push the commit that undoes the last release")
    .description(
      "Makes the revert commit of the App's newest commit, or the one back to --to, in the App's folder only. Git stays the truth.",
    )
    .argument("[app]", "name of the App", ROOT_APP)
    .option("--to <commit>", "go back to the content of this commit")
    .addOption(
      new Option("--commit <commit>", "undo this one commit, wherever it is").conflicts("to"),
    )
    .option("-m, --message <text>", "message of the commit, in place of one made from the change")
    .option(
      "--plan",
      "only show what the commit would do in the cluster; exit codes as of plan",
      false,
    )
    .option("--dry-run", "only say which files the commit would change", false)
    .option("-y, --yes", "ask nothing", false)
    .action(async (app: string, flags: RollbackFlags) => {
      const { rollback } = await import("../rollback.ts");
      const { dataDir, to, commit, message, dryRun, yes } = flags;
      const isColoured = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
      process.exitCode = await rollback(
        dataDirAt(dataDir),
        { app, to, commit, message, dryRun, plan: flags.plan, yes, isColoured },
        { out, err },
        signal,
      );
    });

  withDataDir(program.command("approve"))
    .summary("let a held release go on")
    .argument("[app]", "name of the App", ROOT_APP)
    .action(async (app: string, { dataDir }: Common) => {
      const { approve } = await import("../approve.ts");
      await approve(dataDirAt(dataDir), app, out, signal);
    });
}
