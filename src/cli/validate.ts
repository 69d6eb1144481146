import { loadManifests } from "../schema/load-manifests.ts";
import { printProblems } from "../schema/print-problems.ts";
import { readFolder } from "../sync/read-folder.ts";
import { asCliError } from "./check-source.ts";
import { CliError } from "./cli-error.ts";

export interface ValidateOptions {
  readonly path: string;
  readonly namespace: string;
  readonly output: "text" | "json";
}

export interface Output {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

/** Checks the manifests of a file or folder; resolves with the exit code: 0 when all are valid, else 1. */
export async function validate(
  options: ValidateOptions,
  { out, err }: Output,
  signal: AbortSignal,
): Promise<number> {
  const folder = await readFolder(options.path, signal).catch((error: unknown) => {
    throw asCliError(error);
  });
  const { files } = folder;
  const loaded = loadManifests(files, { namespace: options.namespace });
  const { manifests } = loaded;
  const problems = [...folder.problems, ...loaded.problems];
  if (manifests.length + problems.length === 0) {
    throw new CliError(`Cannot find a manifest in "${options.path}"`, {
      cure: "name a .yaml, .yml or .json file that declares an object, or a folder that has some",
    });
  }
  const warnings = [...folder.warnings, ...loaded.warnings];
  if (options.output === "json") {
    out(
      JSON.stringify(
        { valid: problems.length === 0, objects: manifests.length, problems, warnings },
        null,
        2,
      ),
    );
    return problems.length === 0 ? 0 : 1;
  }
  const textOf = (path: string): string | undefined => {
    const file = files.find((candidate) => candidate.path === path);
    return file === undefined ? undefined : new TextDecoder().decode(file.content);
  };
  if (warnings.length > 0) err(`${printProblems(warnings, textOf, "warning")}\n`);
  if (problems.length > 0) {
    err(printProblems(problems, textOf));
    err(
      `\n${problems.length} problem${problems.length === 1 ? "" : "s"} in ${files.length} file${files.length === 1 ? "" : "s"}`,
    );
    return 1;
  }
  out(
    `${manifests.length} object${manifests.length === 1 ? "" : "s"} in ${files.length} file${files.length === 1 ? "" : "s"}: all valid`,
  );
  return 0;
}
