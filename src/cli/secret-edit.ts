import { spawn } from "node:child_process";
import {
  access,
  constants,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  writeFile,
} from "node:fs/promises";
import { basename, join } from "node:path";
import { CliError } from "./cli-error.ts";

/** Folders that live in memory: what is written there never comes to a disk. */
const MEMORY_FOLDERS = (env: NodeJS.ProcessEnv): readonly string[] =>
  ["/dev/shm", env["XDG_RUNTIME_DIR"] ?? ""].filter((folder) => folder !== "");
/** Asked again so often when the text cannot be encrypted. */
const MAX_ROUNDS = 10;

export interface EditOptions {
  /** Names the file for the editor. */
  readonly file: string;
  readonly text: string;
  readonly env: NodeJS.ProcessEnv;
  /** Encrypts the text; a `CliError` says why that cannot be. */
  readonly close: (text: string) => Promise<string>;
  /** Whether to open the editor again after this error. */
  readonly again: (error: CliError) => Promise<boolean>;
}

/** Lets the person's editor change a text that stands in memory only, and gives what it comes to encrypted. */
export async function editInMemory(options: EditOptions, signal: AbortSignal): Promise<string> {
  const { file, text, env, close, again } = options;
  const folder = await mkdtemp(join(await memoryFolder(env), "berth-"));
  try {
    const path = join(folder, basename(file));
    await writeFile(path, text, { mode: 0o600 });
    for (let round = 1; ; round++) {
      await runEditor(env, path, signal);
      try {
        return await close(await readFile(path, "utf8"));
      } catch (error) {
        if (!(error instanceof CliError) || round === MAX_ROUNDS || !(await again(error)))
          throw error;
      }
    }
  } finally {
    await shred(folder);
  }
}

async function memoryFolder(env: NodeJS.ProcessEnv): Promise<string> {
  for (const folder of MEMORY_FOLDERS(env)) {
    const isWritable = await access(folder, constants.W_OK).then(
      () => true,
      () => false,
    );
    if (isWritable) return folder;
  }
  throw new CliError(
    "Cannot edit: there is no folder in memory, and plain text must not come to a disk",
    {
      cure: "set XDG_RUNTIME_DIR to a folder of a tmpfs that only you may read",
    },
  );
}

async function runEditor(env: NodeJS.ProcessEnv, path: string, signal: AbortSignal): Promise<void> {
  const editor = env["VISUAL"] ?? env["EDITOR"] ?? "vi";
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // The editor's name may have arguments; the file is an argument, never part of the text that the shell reads.
  const child = spawn("/bin/sh", ["-c", `${editor} "$1"`, "sh", path], {
    stdio: "inherit",
    env,
    signal,
  });
  child.once("error", reject);
  child.once("exit", (code) => {
    if (code === 0) resolve();
    else
      reject(
        new CliError(`Cannot edit: the editor "${editor}" ended with code ${code ?? "none"}`, {
          cure: "nothing was changed; set $EDITOR to an editor that waits until the file is closed",
        }),
      );
  });
  await promise;
}

/** Also what the editor left beside the file. */
async function shred(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    try {
      await using file = await open(join(folder, name), "r+");
      const { size } = await file.stat();
      await file.write(Buffer.alloc(size), 0, size, 0);
    } catch {
      // A folder, or gone already: it is removed next.
    }
  }
  await rm(folder, { recursive: true, force: true });
}
