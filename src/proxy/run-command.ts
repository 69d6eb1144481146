import { spawn } from "node:child_process";
import type { ChildProcessByStdio, ChildProcessWithoutNullStreams } from "node:child_process";
import type { Readable, Writable } from "node:stream";
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

/** A program that is spoken to for a while; what it prints is not read, only what it complains about. */
export type HostProcess = ChildProcessByStdio<Writable, null, Readable>;

/** Starts such a program; a missing one is an `error` event. */
export type OpenCommand = (command: string, args: readonly string[]) => HostProcess;

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

/** Starts programs directly on this host. They end with this process: their input does. */
export const openOnHost: OpenCommand = (command, args) => {
  const child = spawn(command, [...args], {
    // Tools that keep what they were told find no place for it.
    env: { ...process.env, LC_ALL: "C", PATH: searchPath(), HOME: "/dev/null" },
    stdio: ["pipe", "ignore", "pipe"],
  });
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  return child;
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
