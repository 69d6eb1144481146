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

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Parses a time such as `90s`, `30m`, `1h` or `7d`, in ms, of at most so many days. */
export function duration(mostDays: number): (text: string) => number {
  return (text) => {
    const [, count = "", unit = ""] = /^([1-9]\d{0,6})([smhd])$/.exec(text) ?? [];
    const ms = Number(count) * (UNIT_MS[unit] ?? 0);
    if (ms > 0 && ms <= mostDays * 86_400_000) return ms;
    throw new InvalidArgumentError(
      `It must be a time such as 30m, 1h or 7d, at most ${mostDays}d.`,
    );
  };
}

/** Parses a whole number within bounds, both included. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}
