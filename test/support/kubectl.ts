import { spawn } from "node:child_process";
import { mkdtemp, readdir, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { ROOT } from "./clone.ts";
import { runCommand } from "./command.ts";
import type { CommandOptions, CommandResult } from "./command.ts";
import { eventually } from "./eventually.ts";

/** A real kubectl on this machine. */
export interface KubectlBinary {
  readonly path: string;
  /** For instance `1.33`. */
  readonly minor: string;
}

/** A kubectl with a kubeconfig and a home of its own. */
export interface Kubectl extends AsyncDisposable {
  run(...args: readonly string[]): Promise<CommandResult>;
  /** The same with a text as its standard input. */
  pipe(input: string, ...args: readonly string[]): Promise<CommandResult>;
  /** Standard output of a command that must succeed. */
  text(...args: readonly string[]): Promise<string>;
  /** A command that goes on until it is disposed of. */
  follow(...args: readonly string[]): Following;
}

export interface Following extends AsyncDisposable {
  /** Resolves with all output once it matches. */
  until(pattern: RegExp): Promise<string>;
}

const TIMEOUT_MS = 30_000;
/** The versions that users have, oldest and newest. */
const WANTED_MINORS: readonly string[] = ["1.29", "1.33"];

/**
 * The kubectls to test with: the one in `$BERTH_KUBECTL`, else those of the wanted versions that lie beside the
 * kubectl on the PATH, else the one on the PATH or in `.tools` itself. Throws with the cure when there is none.
 */
export async function findKubectls(): Promise<readonly KubectlBinary[]> {
  const given = process.env["BERTH_KUBECTL"];
  if (given !== undefined && given !== "") return [await inspect(given)];
  const found = await onPath("kubectl");
  if (found === undefined) {
    throw new Error(
      "Cannot find kubectl: run the tests by `npm test`, which gets one, or set BERTH_KUBECTL to its path",
    );
  }
  const folder = dirname(await realpath(found));
  const names = new Set(await readdir(folder));
  const real = WANTED_MINORS.filter((minor) => names.has(`kubectl.${minor}`));
  if (real.length === 0) return [await inspect(found)];
  return real.map((minor) => ({ path: join(folder, `kubectl.${minor}`), minor }));
}

/** A kubectl that talks to the cluster of `kubeconfig`. */
export async function openKubectl(binary: KubectlBinary, kubeconfig: string): Promise<Kubectl> {
  const home = await mkdtemp(join(tmpdir(), "berth-kubectl-"));
  const config = join(home, "kubeconfig");
  await writeFile(config, kubeconfig, { mode: 0o600 });
  const env = { PATH: process.env["PATH"], HOME: home, KUBECONFIG: config };
  const run = (args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> =>
    runCommand(binary.path, args, { env, timeoutMs: TIMEOUT_MS, ...options });
  return {
    run: (...args) => run(args),
    pipe: (input, ...args) => run(args, { input }),
    text: async (...args) => {
      const { code, stdout, output } = await run(args);
      if (code === 0) return stdout;
      throw new Error(`kubectl ${args.join(" ")} ended with ${code}: ${output}`);
    },
    follow: (...args) => follow(binary.path, args, env),
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
  };
}

/** Whether a kubectl is of `minor` (for instance 29) or later. */
export function isAtLeast(binary: KubectlBinary, minor: number): boolean {
  return Number(binary.minor.split(".")[1] ?? 0) >= minor;
}

/** A table as lines of cells: columns have at least three blanks between them, cells two at most. */
export function cells(table: string): readonly (readonly string[])[] {
  return table
    .trimEnd()
    .split("\n")
    .map((line) => line.trim().split(/ {3,}/));
}

function follow(path: string, args: readonly string[], env: NodeJS.ProcessEnv): Following {
  const child = spawn(path, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const closed = new Promise((resolve) => {
    child.once("close", resolve);
  });
  return {
    until: (pattern) =>
      eventually(
        `kubectl ${args.join(" ")} prints ${pattern.source}`,
        () => {
          if (pattern.test(output)) return output;
          throw new Error(output);
        },
        20_000,
      ),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await closed;
    },
  };
}

async function inspect(path: string): Promise<KubectlBinary> {
  const { stdout } = await runCommand(path, ["version", "--client", "-o", "json"]);
  const match = /"gitVersion":\s*"v(\d+\.\d+)/.exec(stdout);
  return { path, minor: match?.[1] ?? "unknown" };
}

async function onPath(name: string): Promise<string | undefined> {
  const tools = [join(ROOT, ".tools", "bin"), join(ROOT, ".tools")];
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...tools];
  for (const folder of folders.filter((item) => item !== "")) {
    const path = join(folder, name);
    if (
      await realpath(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}
