import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { GitError } from "./git.ts";
import { authorizationOf, redactCredentials, type Remote } from "./git-url.ts";
import { sshCommand } from "./remote-files.ts";
import type { Layout } from "./repository-layout.ts";

export interface GitCommand {
  readonly args: readonly string[];
  readonly input?: string | Uint8Array;
  /** More output than this ends the command with "too-large". */
  readonly maxBytes?: number;
  /** Gives the credentials of this remote to the command, through its environment. */
  readonly remote?: Remote;
  /** How long it may take; default `LOCAL_TIMEOUT_MS`. */
  readonly timeoutMs?: number;
}

export interface GitResult {
  readonly code: number;
  readonly stdout: Buffer;
  /** Without credentials. */
  readonly stderr: string;
}

/** Commands without a network take milliseconds; a hung file system must not hold a caller for ever. */
export const LOCAL_TIMEOUT_MS = 60_000;
/** The first fetch of a large repository takes minutes; a stalled one is ended by `http.lowSpeedTime`. */
export const REMOTE_TIMEOUT_MS = 600_000;
/** What a command may print unless it says otherwise. */
const MAX_OUTPUT_BYTES = 64_000_000;
const MAX_STDERR_BYTES = 64_000;
/** Git removes its lock files on SIGTERM; what is still there after this gets SIGKILL. */
const KILL_GRACE_MS = 2000;
/** Configuration through the environment (GIT_CONFIG_COUNT, GIT_CONFIG_GLOBAL) came with 2.32. */
const MIN_VERSION = [2, 32] as const;

/** A stranger's configuration may name programs to run; none of them is ours to start. */
const CONFIG: readonly (readonly [string, string])[] = [
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["core.sshCommand", "false"],
  ["core.askPass", ""],
  ["credential.helper", ""],
  ["gc.autoDetach", "false"],
  ["maintenance.autoDetach", "false"],
  ["http.lowSpeedLimit", "1000"],
  ["http.lowSpeedTime", "30"],
  ["safe.directory", "*"],
];
/** Proxies and certificates of the machine; everything else of the environment stays outside. */
const PASSED_ENV = [
  "PATH",
  "http_proxy",
  "https_proxy",
  "HTTPS_PROXY",
  "all_proxy",
  "ALL_PROXY",
  "no_proxy",
  "NO_PROXY",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "GIT_SSL_CAINFO",
  "SystemRoot",
];

/** The `git` binary bound to one repository. Never a shell; never a prompt; no hooks, no user's configuration. */
export class Git {
  readonly #layout: Pick<Layout, "repo" | "gitDir" | "workTree" | "owner">;

  constructor(layout: Pick<Layout, "repo" | "gitDir" | "workTree" | "owner">) {
    this.#layout = layout;
  }

  /** Runs a command to its end and gives its exit code; throws only when it could not run or was stopped. */
  run(command: GitCommand, signal: AbortSignal): Promise<GitResult> {
    return collect(this.spawn(command.args, command.remote), command, this.#layout.repo, signal);
  }

  /** Runs a command that must succeed. */
  async output(command: GitCommand, signal: AbortSignal): Promise<Buffer> {
    const result = await this.run(command, signal);
    if (result.code === 0) return result.stdout;
    const [verb] = command.args;
    throw new GitError(
      "io",
      `Cannot read repository "${redactCredentials(this.#layout.repo)}": git ${verb} failed: ${lastLine(result.stderr)}`,
    );
  }

  /** Starts a command whose streams the caller serves. */
  spawn(args: readonly string[], remote?: Remote): ChildProcess {
    const { gitDir, workTree, owner } = this.#layout;
    const env = environment(remote);
    env["GIT_DIR"] = gitDir;
    if (workTree !== undefined) env["GIT_WORK_TREE"] = workTree;
    const options: SpawnOptions = {
      cwd: "/",
      env,
      stdio: ["pipe", "pipe", "pipe"],
      detached: true, // A process group of its own, so that helpers of Git are ended with it.
    };
    // As root, act as the repository's owner: its configuration runs nothing as root, its files stay the owner's.
    if (process.getuid?.() === 0 && owner.uid !== 0) {
      options.uid = owner.uid;
      options.gid = owner.gid;
    }
    return spawn("git", args, options);
  }
}

/** The version of the `git` binary when there is one that is new enough. */
export async function findGit(signal: AbortSignal): Promise<string | undefined> {
  const child = spawn("git", ["--version"], {
    env: environment(),
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  try {
    const { code, stdout } = await collect(child, { args: ["--version"] }, "", signal);
    const match = /git version (\d+)\.(\d+)\S*/.exec(stdout.toString());
    if (code !== 0 || match === null) return undefined;
    const [major, minor] = [Number(match[1]), Number(match[2])];
    const enough = major > MIN_VERSION[0] || (major === MIN_VERSION[0] && minor >= MIN_VERSION[1]);
    return enough ? match[0] : undefined;
  } catch (error) {
    if (error instanceof GitError) return undefined;
    throw error;
  }
}

/** Ends a process and its helpers: asks first, insists after `KILL_GRACE_MS`. */
export function endProcess(child: ChildProcess): void {
  signalGroup(child, "SIGTERM");
  const insist = setTimeout(() => signalGroup(child, "SIGKILL"), KILL_GRACE_MS);
  child.once("close", () => clearTimeout(insist));
}

/** The last line of Git's complaint, which names the cause. Pure. */
export function lastLine(stderr: string): string {
  const lines = stderr
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const told = lines.findLast((line) => /^(?:fatal|error): /.test(line)) ?? lines.at(-1);
  return told?.replace(/^(?:fatal|error): /, "") ?? "no reason given";
}

async function collect(
  child: ChildProcess,
  command: GitCommand,
  repo: string,
  signal: AbortSignal,
): Promise<GitResult> {
  const timeout = AbortSignal.timeout(command.timeoutMs ?? LOCAL_TIMEOUT_MS);
  const either = AbortSignal.any([signal, timeout]);
  const stop = (): void => endProcess(child);
  const stdout = gather(child, "stdout", command.maxBytes ?? MAX_OUTPUT_BYTES, stop);
  const stderr = gather(child, "stderr", MAX_STDERR_BYTES, () => undefined);
  if (either.aborted) stop();
  else either.addEventListener("abort", stop, { once: true });
  child.stdin?.on("error", () => undefined); // It ended before it read all: its exit code tells why.
  child.stdin?.end(command.input);
  try {
    const code = await exitCode(child, repo);
    signal.throwIfAborted();
    if (timeout.aborted) throw timedOut(command, repo);
    if (stdout.overflown()) throw tooMuch(command, repo);
    return {
      code,
      stdout: stdout.content(),
      stderr: redactCredentials(stderr.content().toString()),
    };
  } finally {
    either.removeEventListener("abort", stop);
  }
}

function gather(
  child: ChildProcess,
  name: "stdout" | "stderr",
  maxBytes: number,
  onOverflow: () => void,
): { content: () => Buffer; overflown: () => boolean } {
  const chunks: Buffer[] = [];
  let size = 0;
  child[name]?.on("data", (chunk: Buffer) => {
    const before = size;
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else if (before <= maxBytes) onOverflow();
  });
  return { content: () => Buffer.concat(chunks), overflown: () => size > maxBytes };
}

function exitCode(child: ChildProcess, repo: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.once("error", (cause) => reject(cannotStart(repo, cause)));
  child.once("close", (code) => resolve(code ?? -1));
  return promise;
}

/** Why the binary did not start, for people. */
export function cannotStart(repo: string, cause: Error): GitError {
  const code = "code" in cause ? String(cause.code) : cause.message;
  const cure =
    code === "ENOENT"
      ? "install git, or use the embedded engine"
      : "Berth runs git as the owner of the repository; give it the right to, or change the owner";
  return new GitError(
    "io",
    `Cannot run git for repository "${redactCredentials(repo)}": ${code}; ${cure}`,
    { cause },
  );
}

function environment(remote?: Remote): Record<string, string> {
  const env: Record<string, string> = {
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_LITERAL_PATHSPECS: "1",
    GIT_ALLOW_PROTOCOL: "http:https",
    GIT_COMMITTER_NAME: "Berth",
    GIT_COMMITTER_EMAIL: "berth@localhost",
  };
  for (const name of PASSED_ENV) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  const config = [...CONFIG];
  const authorization = remote === undefined ? undefined : authorizationOf(remote);
  if (remote !== undefined && authorization !== undefined) {
    const origin = new URL(remote.url).origin;
    config.push([`http.${origin}/.extraHeader`, `Authorization: ${authorization}`]);
  }
  const { ca, identity } = remote?.files ?? {};
  // In place of the machine's own, which the environment may name.
  if (ca !== undefined) env["GIT_SSL_CAINFO"] = ca;
  if (remote?.files !== undefined && identity !== undefined) {
    env["GIT_SSH_COMMAND"] = sshCommand(remote.files);
    env["GIT_SSH_VARIANT"] = "ssh";
    env["GIT_ALLOW_PROTOCOL"] = "ssh";
  }
  env["GIT_CONFIG_COUNT"] = String(config.length);
  config.forEach(([key, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = key;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return env;
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    child.kill(signal); // The group is gone already, or is not ours to signal.
  }
}

function timedOut(command: GitCommand, repo: string): GitError {
  const seconds = (command.timeoutMs ?? LOCAL_TIMEOUT_MS) / 1000;
  return new GitError(
    command.remote === undefined ? "io" : "unreachable",
    `Cannot read repository "${redactCredentials(repo)}": git ${command.args[0]} took longer than ${seconds} s; check the disk and the network`,
  );
}

function tooMuch(command: GitCommand, repo: string): GitError {
  return new GitError(
    "too-large",
    `Cannot read repository "${redactCredentials(repo)}": git ${command.args[0]} gave more than ${command.maxBytes ?? MAX_OUTPUT_BYTES} bytes; give a smaller folder as the path`,
  );
}
