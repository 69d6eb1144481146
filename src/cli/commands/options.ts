import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";

/** Flags that all commands with a cluster have. */
export interface Common {
  readonly dataDir?: string;
}

/** The flag of commands that print a view. */
export interface OutputFlag {
  readonly output: "text" | "json";
}

/** Prints one line to the standard output. */
export const out = (line: string): void => void process.stdout.write(`${line}\n`);

/** Prints one line to the standard error. */
export const err = (line: string): void => void process.stderr.write(`${line}\n`);

/** Adds `--data-dir`. */
export function withDataDir(command: Command): Command {
  return command.option(
    "--data-dir <folder>",
    "where the cluster keeps its state (or $BERTH_DATA_DIR)",
  );
}

/** Adds `--output text|json`. */
export function withOutput(command: Command): Command {
  return command.addOption(
    new Option("-o, --output <form>", "how to print").choices(["text", "json"]).default("text"),
  );
}

/** For options that may be given more than once. */
export function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** Parses a whole number within bounds, both included. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}
