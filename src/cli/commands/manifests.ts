import { Option } from "commander";
import type { Command } from "commander";
import type { ValidateOptions } from "../validate.ts";
import { err, out } from "./options.ts";

/** `validate`, `explain`. */
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
}
