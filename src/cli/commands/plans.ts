import { Option } from "commander";
import type { Command } from "commander";
import { dataDirAt } from "../data-dir.ts";
import { collect, err, out, withDataDir } from "./options.ts";
import type { Common } from "./options.ts";

interface PlanFlags extends Common {
  readonly app: readonly string[];
  readonly snapshot?: string;
  readonly repo?: string;
  readonly output: "text" | "markdown" | "json";
  readonly name: string;
}

/** `plan`, `snapshot`. */
export function planCommands(program: Command, signal: AbortSignal): void {
  withDataDir(program.command("plan"))
    .summary("show what a folder or a Git revision would change in the cluster")
    .description(
      "Runs the very planner and scheduler of the control plane. Exit code 0: no change, 2: changes, 1: it would be Rejected, or an error.",
    )
    .argument(
      "[target]",
      "BASE..HEAD, a revision, or a folder (default: the work tree of the App's repository)",
    )
    .option(
      "--app <name>",
      "only this App; repeatable (default: all that the change touches)",
      collect,
      [],
    )
    .option("--snapshot <file>", "plan against this file of `berth snapshot`, not the cluster")
    .option("--repo <folder>", "read revisions from this checkout of the App's repository")
    .option("--name <name>", "tells the comments of several clusters apart", "default")
    .addOption(
      new Option("-o, --output <form>", "how to print")
        .choices(["text", "markdown", "json"])
        .default("text"),
    )
    .action(async (target: string | undefined, flags: PlanFlags) => {
      const { plan } = await import("../plan.ts");
      const { dataDir, app, snapshot, repo, output, name } = flags;
      const options = {
        target,
        apps: app,
        snapshot,
        output,
        name,
        isColoured: isColoured(),
        ...(repo === undefined ? {} : { repo }),
      };
      process.exitCode = await plan(dataDirAt(dataDir), options, { out, err }, signal);
    });

  withDataDir(program.command("snapshot"))
    .summary("print what plans need of the cluster, to plan elsewhere")
    .description("Values of Secrets are left out; digests stand in their place.")
    .action(async ({ dataDir }: Common) => {
      const { printSnapshot } = await import("../plan.ts");
      await printSnapshot(dataDirAt(dataDir), out, signal);
    });
}

/** Only on a terminal, and unless the user wants none: no-color.org. */
function isColoured(): boolean {
  const { NO_COLOR: refused = "" } = process.env;
  return process.stdout.isTTY && refused === "";
}
