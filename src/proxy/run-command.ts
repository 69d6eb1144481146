import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { ProxyError } from "./proxy-error.ts";

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of the host to its end. A missing program throws a `ProxyError`; a failure is a result. */
export type RunCommand = (
  command: string,
  args: readonly string[],
  options: { readonly stdin?: string; readonly signal: AbortSignal },
) => Promise<CommandResult>;

/** What is kept of each output stream; the rest of it is dropped. */
const MAX_OUTPUT_CHARS = 4_000_000;

/** Longest life of one command: a tool that hangs must not stop the proxy for good. */
const COMMAND_TIMEOUT_MS = 60_000;

/** The package, as Debian and most others call it, in which a program comes. */
const PACKAGES: Readonly<Record<string, string>> = {
  nft: "nftables",
  ip: "iproute2",
  iptables: "iptables",
  conntrack: "conntrack",
};

/** Runs programs directly on this host. */
export const runOnHost: RunCommand = async (command, args, { stdin, signal }) => {
  signal.throwIfAborted();
  const child = spawn(command, [...args], {
    signal,
    timeout: COMMAND_TIMEOUT_MS,
    killSignal: "SIGKILL",
    env: { ...process.env, LC_ALL: "C", PATH: searchPath() },
  });
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const ended = Promise.withResolvers<number>();
  child.once("error", (error) => ended.reject(toProxyError(command, error)));
  child.once("close", (code) => ended.resolve(code ?? -1));
  feed(child, stdin);
  const exitCode = await ended.promise;
  return { exitCode, stdout: stdout(), stderr: stderr() };
};

function feed(child: ChildProcessWithoutNullStreams, stdin: string | undefined): void {
  // A program that ends early closes the pipe; its exit code and its words tell the story.
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    if (text.length < MAX_OUTPUT_CHARS) text += chunk;
  });
  return () => text;
}

/** The tools live in sbin folders, which the PATH of a service often lacks. */
function searchPath(): string {
  return [process.env["PATH"], "/usr/sbin", "/sbin", "/usr/bin", "/bin"].filter(Boolean).join(":");
}

function toProxyError(command: string, error: Error): Error {
  if (!("code" in error) || error.code !== "ENOENT") return error;
  const cure = PACKAGES[command];
  const install = cure === undefined ? "" : `: install the package "${cure}"`;
  return new ProxyError("tool-missing", `Cannot run "${command}", it was not found${install}`, {
    cause: error,
  });
}
