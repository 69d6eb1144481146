import { stat } from "node:fs/promises";
import { join, normalize } from "node:path";
import type { Problem } from "../model/problem.ts";
import { MAX_FILE_BYTES } from "../schema/load-file.ts";
import type { SourceFile } from "../schema/manifest.ts";
import { readFolder } from "../sync/read-folder.ts";
import { asCliError } from "./check-source.ts";
import { CliError } from "./cli-error.ts";

/** What stands in place of a path for the standard input, and how it is called in messages. */
const STDIN = "-";
/** Its name ends as that of a manifest. */
const STDIN_NAME = "stdin.yaml";

export interface ReadManifests {
  /** Their paths are as the user would write them. */
  readonly files: readonly SourceFile[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** The manifests of files and folders, and of the standard input where a path is `-`. A file is read once. */
export async function readManifests(
  paths: readonly string[],
  stdin: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<ReadManifests> {
  const files = new Map<string, SourceFile>();
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  for (const path of new Set(paths)) {
    if (path === STDIN) {
      files.set(STDIN_NAME, { path: STDIN_NAME, content: await readAll(stdin, signal) });
      continue;
    }
    const folder = await readFolder(path, signal).catch((error: unknown) => {
      throw asCliError(error);
    });
    const isSingle = (await stat(path)).isFile();
    const named = (file: string): string => (isSingle ? normalize(path) : join(path, file));
    for (const file of folder.files) {
      const name = named(file.path);
      files.set(name, { path: name, content: file.content });
    }
    const placed = (problem: Problem): Problem => ({
      ...problem,
      at: { ...problem.at, file: named(problem.at.file) },
    });
    problems.push(...folder.problems.map(placed));
    warnings.push(...folder.warnings.map(placed));
  }
  return { files: [...files.values()], problems, warnings };
}

async function readAll(stdin: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    signal.throwIfAborted();
    bytes += chunk.length;
    if (bytes > MAX_FILE_BYTES) {
      const cure = "split it into files, and name their folder";
      throw new CliError(`Cannot read more than ${MAX_FILE_BYTES} bytes from the standard input`, {
        cure,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
