import type { Command } from "commander";
import { dataDirAt } from "../data-dir.ts";
import { ROOT_APP } from "../root-app.ts";
import { out, withDataDir, withOutput } from "./options.ts";
import type { Common, OutputFlag } from "./options.ts";

/** `history`, `rollback`, `approve`. */
export function releaseCommands(program: Command, signal: AbortSignal): void {
  withOutput(withDataDir(program.command("history")))
    .summary("list the releases of an App with their outcome, newest first")
    .argument("[app]", "name of the App", ROOT_APP)
    .action(async (app: string, { dataDir, output }: Common & OutputFlag) => {
      const { withClient } = await import("../connect.ts");
      const { formatHistory, readHistory } = await import("../history.ts");
      const releases = await withClient(dataDirAt(dataDir), (client) =>
        readHistory(client, app, signal),
      );
      out(output === "json" ? JSON.stringify(releases, null, 2) : formatHistory(releases));
    });

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
