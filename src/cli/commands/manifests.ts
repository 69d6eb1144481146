import { Option } from "commander";
import type { Command } from "commander";
import { dataDirAt } from "../data-dir.ts";
import { ROOT_APP } from "../root-app.ts";
import type { ValidateOptions } from "../validate.ts";
import { err, out, withDataDir, withOutput } from "./options.ts";
import type { Common, OutputFlag } from "./options.ts";

/** `validate`, `explain`, `plan`. */
export function manifestCommands(program: Command, signal: AbortSignal): void {
  program
    .command("validate")
    .summary("check manifests; needs no cluster")
    .description("Exit code 0: all are valid, 1: there are problems, or with --strict warnings.")
    .argument("[paths...]", 'files and folders; "-" is the standard input (default: ".")')
    .option("--namespace <name>", "namespace of manifests that name none", "default")
    .option("--strict", "let warnings fail as well", false)
    .addOption(
      new Option("-o, --output <form>", "how to print")
        .choices(["text", "json", "sarif", "github"])
        .default("text"),
    )
    .action(async (given: readonly string[], flags: Omit<ValidateOptions, "paths">) => {
      const { validate } = await import("../validate.ts");
      const paths = given.length === 0 ? ["."] : given;
      const { stdin } = process;
      process.exitCode = await validate({ ...flags, paths }, { out, err }, { stdin, signal });
    });

  program
    .command("explain")
    .summary("say what a kind or one of its fields is; needs no cluster")
    .argument("<kind>", "kind, plural or short name, with fields: deploy.spec.replicas")
    .option("--api-version <version>", "where a kind is in several versions")
    .option("--recursive", "print all fields below, without descriptions", false)
    .action(
      async (
        target: string,
        flags: { readonly apiVersion?: string; readonly recursive: boolean },
      ) => {
        const { explain } = await import("../explain.ts");
        await explain({ target, ...flags }, out);
      },
    );

  withOutput(withDataDir(program.command("plan")))
    .summary("show what a folder or a Git revision would change in the cluster")
    .description(
      "Runs the very planner and scheduler of the control plane. Exit code 0: no change, 2: changes, 1: error.",
    )
    .argument(
      "[target]",
      "a folder, or a revision of the App's repository (default: its working tree)",
    )
    .option("--app <name>", "name of the App", ROOT_APP)
    .action(
      async (target: string | undefined, flags: Common & OutputFlag & { readonly app: string }) => {
        const { plan } = await import("../plan.ts");
        const options = { target, app: flags.app, output: flags.output };
        process.exitCode = await plan(dataDirAt(flags.dataDir), options, { out, err }, signal);
      },
    );
}
