import { spawn } from "node:child_process";

export interface CommandResult {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program is not on the machine, or may not be run. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

const LIMIT_MS = 20_000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Runs a program with `input` on its stdin. It is killed when `signal` aborts or it takes too long. */
export async function runCommand(
  command: string,
  args: readonly string[],
  input: string,
  signal: AbortSignal,
): Promise<CommandResult> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  return await new Promise((resolve, reject) => {
    const child = spawn(command, args, { signal: bounded, killSignal: "SIGKILL" });
    const output = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8");
      child[name].on("data", (text: string) => {
        if (output[name].length < MAX_OUTPUT_BYTES) output[name] += text;
      });
    }
    // It may end before it has read all.
    child.stdin.on("error", () => undefined);
    child.on("error", (error) => {
      if (signal.aborted) reject(signal.reason instanceof Error ? signal.reason : error);
      else if (bounded.aborted) {
        reject(new CommandError(`Cannot run "${command}": no end within ${LIMIT_MS / 1000} s`));
      } else {
        reject(
          new CommandError(`Cannot run "${command}": ${error.message}; install its package`, {
            cause: error,
          }),
        );
      }
    });
    child.on("close", (code) => resolve({ exitCode: code ?? undefined, ...output }));
    child.stdin.end(input);
  });
}
