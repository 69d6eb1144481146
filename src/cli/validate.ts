import type { Problem } from "../model/problem.ts";
import { formatGithub } from "../schema/format-github.ts";
import { formatSarif } from "../schema/format-sarif.ts";
import { loadManifests } from "../schema/load-manifests.ts";
import { printProblems } from "../schema/print-problems.ts";
import { openFiles } from "../sync/sops/open-files.ts";
import { CliError } from "./cli-error.ts";
import { readManifests } from "./read-manifests.ts";
import { VERSION } from "./version.ts";

export interface ValidateOptions {
  /** Files and folders; `-` is the standard input. */
  readonly paths: readonly string[];
  readonly namespace: string;
  readonly output: "text" | "json" | "sarif" | "github";
  /** Whether a warning is as bad as a problem. */
  readonly strict: boolean;
}

export interface Output {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

/** Checks manifests; resolves with the exit code: 0 when all are valid (and, when strict, none is warned of), else 1. */
export async function validate(
  { paths, namespace, output, strict }: ValidateOptions,
  { out, err }: Output,
  { stdin, signal }: { readonly stdin: AsyncIterable<Uint8Array>; readonly signal: AbortSignal },
): Promise<number> {
  const read = await readManifests(paths, stdin, signal);
  // Encrypted files are checked for their form: keys are where they are applied.
  const { files } = await openFiles(read.files, { prefix: "", secrets: undefined });
  const loaded = loadManifests(files, { namespace });
  const found: Found = {
    objects: loaded.manifests.length,
    files: read.files.length,
    problems: [...read.problems, ...loaded.problems],
    warnings: [...read.warnings, ...loaded.warnings],
    textOf: textsOf(read.files),
  };
  if (found.objects + found.problems.length === 0) {
    throw new CliError(`Cannot find a manifest in ${paths.map((path) => `"${path}"`).join(", ")}`, {
      cure: "name a .yaml, .yml or .json file that declares an object, or a folder that has some",
    });
  }
  const isGood = found.problems.length === 0 && !(strict && found.warnings.length > 0);
  PRINT[output](found, { out, err }, isGood);
  return isGood ? 0 : 1;
}

interface Found {
  readonly objects: number;
  readonly files: number;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly textOf: (file: string) => string | undefined;
}

type Print = (found: Found, output: Output, isGood: boolean) => void;

const PRINT: Readonly<Record<ValidateOptions["output"], Print>> = {
  text: printText,
  json: ({ objects, problems, warnings }, { out }, valid) => {
    out(JSON.stringify({ valid, objects, problems, warnings }, null, 2));
  },
  sarif: ({ problems, warnings }, { out }) => {
    out(formatSarif({ problems, warnings, version: VERSION }));
  },
  github: ({ problems, warnings, textOf }, { out }) => {
    for (const problem of problems) out(formatGithub(problem, textOf(problem.at.file), "error"));
    for (const problem of warnings) out(formatGithub(problem, textOf(problem.at.file), "warning"));
  },
};

function printText(found: Found, { out, err }: Output, isGood: boolean): void {
  const { objects, files, problems, warnings, textOf } = found;
  const where = count(files, "file");
  if (warnings.length > 0) err(`${printProblems(warnings, textOf, "warning")}\n`);
  if (problems.length > 0) {
    err(printProblems(problems, textOf));
    err(`\n${count(problems.length, "problem")} in ${where}`);
  } else if (isGood) out(`${count(objects, "object")} in ${where}: all valid`);
  else err(`${count(warnings.length, "warning")} in ${where}, and --strict takes none`);
}

function count(amount: number, word: string): string {
  return `${amount} ${word}${amount === 1 ? "" : "s"}`;
}

/** The text of a file when it is asked for: of thousands, few have problems. */
function textsOf(
  files: readonly { readonly path: string; readonly content: Uint8Array }[],
): Found["textOf"] {
  const byPath = new Map(files.map((file) => [file.path, file.content]));
  return (path) => {
    const content = byPath.get(path);
    return content === undefined ? undefined : new TextDecoder().decode(content);
  };
}
