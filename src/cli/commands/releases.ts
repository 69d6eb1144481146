import type { Command } from "commander";
import { dataDirAt } from "../data-dir.ts";
import { ROOT_APP } from "../root-app.ts";
import { out, withDataDir } from "./options.ts";
import type { Common } from "./options.ts";

/** `rollback`, `approve`. */
export function releaseCommands(program: Command, signal: AbortSignal): void {
  withDataDir(program.command("rollback"))
    .summary("make and push the commit that undoes the last release")
    .description(
      "Makes the revert commit of the App's newest commit, or the one back to --to. Git stays the truth.",
    )
    .argument("[app]", "name of the App", ROOT_APP)
    .option("--to <commit>", "go back to the content of this commit")
    .option("--dry-run", "only say what the commit would change", false)
    .action(
      async (app: string, flags: Common & { readonly to?: string; readonly dryRun: boolean }) => {
        const { rollback } = await import("../rollback.ts");
        await rollback(
          dataDirAt(flags.dataDir),
          { app, to: flags.to, dryRun: flags.dryRun },
          out,
          signal,
        );
      },
    );

  withDataDir(program.command("approve"))
    .summary("let a held release go on")
    .argument("[app]", "name of the App", ROOT_APP)
    .action(async (app: string, { dataDir }: Common) => {
      const { approve } = await import("../approve.ts");
      await approve(dataDirAt(dataDir), app, out, signal);
    });
}
