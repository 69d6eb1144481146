import { readdir, readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Millis } from "../base/clock.ts";
import { http } from "../client/builtin-http.ts";
import type { StdioRequest } from "../model/tunnel.ts";
import { toRuntimeError, type DockerConnection } from "./docker-connection.ts";
import { inspectExec, readExitCode } from "./docker-exec.ts";
import { demuxOutput } from "./log-demux.ts";
import {
  RuntimeError,
  type ExecStreamOptions,
  type ProcessStream,
  type TerminalSize,
} from "./runtime.ts";

const DIAL_LIMIT_MS: Millis = 120_000;
/** Of the daemon's refusal. */
const MAX_REFUSAL_CHARS = 16_384;
/** What a process that has lost its client gets to end by itself, before it is killed. */
const HANG_UP_GRACE_MS: Millis = 5_000;
const HANG_UP_LOOK_MS: Millis = 250;
/** A process that was started runs within this, many times over. */
const RESIZE_TRIES = 40;
const RESIZE_WAIT_MS: Millis = 100;
/**
 * Docker lets go of a terminal when it reads these keys; Kubernetes never does. There must be some: these nobody
 * types by accident.
 */
const DETACH_KEYS = "ctrl-@,ctrl-_,ctrl-@,ctrl-^,ctrl-@,ctrl-_,ctrl-@,ctrl-^";

/** Starts a command in a running container, with its streams at hand. */
export async function openDockerExec(
  docker: DockerConnection,
  id: string,
  options: ExecStreamOptions,
  signal: AbortSignal,
): Promise<ProcessStream> {
  const purpose = `run a command in container "${id}"`;
  const made = await docker.call<{ readonly Id: string }>(
    {
      method: "POST",
      path: `/containers/${id}/exec`,
      body: {
        Cmd: options.command,
        Tty: options.tty,
        AttachStdin: options.stdin,
        AttachStdout: options.stdout,
        AttachStderr: options.stderr && !options.tty,
        DetachKeys: DETACH_KEYS,
      },
      purpose,
    },
    signal,
  );
  if (made === undefined) throw new RuntimeError("failed", `Cannot ${purpose}`);
  const path = `/exec/${made.Id}`;
  const { size } = options;
  // Engines before API 1.42 do not know of the size at the start: they are told right after it.
  const consoleSize = size === undefined ? {} : { ConsoleSize: [size.rows, size.columns] };
  const body = { Detach: false, Tty: options.tty, ...consoleSize };
  const socket = await hijack(docker, { path: `${path}/start`, body, purpose }, signal);
  const terminal = new DockerTerminal(docker, path);
  // Its output does not wait for it.
  if (size !== undefined) terminal.resize(size, signal).catch(() => undefined);
  return {
    ...overSocket(socket, options),
    resize: (size, within) => terminal.resize(size, within),
    exitCode: (within) => readExitCode(docker, made.Id, purpose, within),
    hangUp: async () => {
      socket.destroy();
      await endExec(docker, made.Id, purpose, options.tty);
    },
  };
}

/** Joins the streams of a container's first process. */
export async function attachDocker(
  docker: DockerConnection,
  id: string,
  options: StdioRequest,
  signal: AbortSignal,
): Promise<ProcessStream> {
  const purpose = `attach to container "${id}"`;
  const path = `/containers/${id}`;
  const query = new URLSearchParams({ stream: "1", detachKeys: DETACH_KEYS });
  for (const name of ["stdin", "stdout", "stderr"] as const) {
    if (options[name]) query.set(name, "1");
  }
  const socket = await hijack(
    docker,
    { path: `${path}/attach?${query.toString()}`, body: undefined, purpose },
    signal,
  );
  // Docker lets whoever attaches to a container that is over wait until it is started again, which ours never are.
  const found = await docker.call<{ readonly State: { readonly Running: boolean } }>(
    { method: "GET", path: `${path}/json`, purpose },
    signal,
  );
  if (found?.State.Running !== true) {
    socket.destroy();
    throw new RuntimeError("failed", `Cannot ${purpose}: it is over`);
  }
  const terminal = new DockerTerminal(docker, path);
  return {
    ...overSocket(socket, options),
    resize: (size, within) => terminal.resize(size, within),
    exitCode: () => Promise.resolve(undefined),
    hangUp: () => {
      socket.destroy();
      return Promise.resolve();
    },
  };
}

function overSocket(
  socket: Duplex,
  { tty }: StdioRequest,
): Pick<ProcessStream, "output" | "write" | "endInput"> {
  // What breaks is told by the reading side; a process that is gone reads nothing.
  socket.on("error", () => undefined);
  return {
    output: tty ? rawOutput(socket) : demuxOutput(socket),
    write: async (chunk) => {
      if (!socket.writable) return;
      await new Promise<void>((resolve) => {
        // Also called, with an error, when the connection breaks.
        socket.write(chunk, () => resolve());
      });
    },
    endInput: () => {
      if (socket.writable) socket.end();
    },
  };
}

async function* rawOutput(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly stderr: boolean; readonly bytes: Uint8Array }> {
  for await (const bytes of source) yield { stderr: false, bytes };
}

/** The terminal of a process. The daemon refuses its size until the process runs: it is told again then. */
class DockerTerminal {
  readonly #docker: DockerConnection;
  readonly #path: string;
  #wanted: TerminalSize | undefined;
  #isBusy = false;

  constructor(docker: DockerConnection, path: string) {
    this.#docker = docker;
    this.#path = path;
  }

  async resize(size: TerminalSize, signal: AbortSignal): Promise<void> {
    this.#wanted = size;
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      for (let tries = 0; tries < RESIZE_TRIES && !signal.aborted; tries += 1) {
        const wanted: TerminalSize = this.#wanted;
        const isDone = await this.#tell(wanted, signal);
        if (isDone && wanted === this.#wanted) return;
        if (!isDone) await new Promise((resolve) => setTimeout(resolve, RESIZE_WAIT_MS));
      }
    } finally {
      this.#isBusy = false;
    }
  }

  async #tell({ columns, rows }: TerminalSize, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#docker.call(
        {
          method: "POST",
          path: `${this.#path}/resize`,
          query: { w: columns, h: rows },
          purpose: "resize a terminal",
        },
        signal,
      );
      return true;
    } catch (error) {
      // It does not run yet, or not any more.
      if (error instanceof RuntimeError) return false;
      throw error;
    }
  }
}

/**
 * Ends what an exec has left running: as a terminal that hangs up, and for good a little later. The Engine cannot end
 * an exec, so its processes are found by their session, which runc makes a new one for each.
 */
async function endExec(
  docker: DockerConnection,
  execId: string,
  purpose: string,
  tty: boolean,
): Promise<void> {
  const found = await inspectExec(docker, execId, purpose, AbortSignal.timeout(DIAL_LIMIT_MS));
  if (found === undefined || !found.Running || found.Pid <= 1) return;
  const session = found.Pid;
  signalAll(await processesOf(session), tty ? "SIGHUP" : "SIGTERM");
  for (let waited = 0; waited < HANG_UP_GRACE_MS; waited += HANG_UP_LOOK_MS) {
    await new Promise((resolve) => setTimeout(resolve, HANG_UP_LOOK_MS));
    if ((await processesOf(session)).length === 0) return;
  }
  signalAll(await processesOf(session), "SIGKILL");
}

function signalAll(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (error) {
      // Gone meanwhile.
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }
}

/** The processes of a session that live. */
async function processesOf(session: number): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
      // pid (any name) state ppid pgrp session
      const [state, , , sid] = text.slice(text.lastIndexOf(")") + 2).split(" ");
      return Number(sid) === session && state !== "Z" && state !== "X" ? Number(pid) : undefined;
    }),
  );
  return found.filter((pid) => pid !== undefined);
}

interface Hijack {
  readonly path: string;
  readonly body: unknown;
  readonly purpose: string;
}

/** A call whose connection becomes a stream in both directions. Whoever takes it must destroy it. */
async function hijack(
  { socketPath, apiVersion }: DockerConnection,
  { path, body, purpose }: Hijack,
  signal: AbortSignal,
): Promise<Socket> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(DIAL_LIMIT_MS)]);
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const content = body === undefined ? "" : JSON.stringify(body);
  const call = http.request({
    socketPath,
    path: `/v${apiVersion}${path}`,
    method: "POST",
    agent: false,
    headers: {
      Host: "docker",
      Connection: "Upgrade",
      Upgrade: "tcp",
      "Content-Type": "application/json",
      "Content-Length": Buffer.byteLength(content),
    },
  });
  const abort = (): void => void call.destroy();
  bounded.addEventListener("abort", abort, { once: true });
  call.on("upgrade", (_answer, socket: Socket, head) => {
    if (head.length > 0) socket.unshift(head);
    resolve(socket);
  });
  call.on("response", (answer) => {
    let text = "";
    answer.setEncoding("utf8").on("data", (part: string) => {
      text = (text + part).slice(0, MAX_REFUSAL_CHARS);
    });
    answer.on("close", () => {
      call.destroy();
      const refusal = Object.assign(new Error(messageOf(text)), {
        statusCode: answer.statusCode ?? 500,
      });
      reject(toRuntimeError(purpose, socketPath, refusal));
    });
  });
  call.on("error", (error) => reject(toRuntimeError(purpose, socketPath, error)));
  call.end(content);
  try {
    bounded.throwIfAborted();
    return await promise;
  } finally {
    bounded.removeEventListener("abort", abort);
  }
}

function messageOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    return typeof message === "string" ? message : text;
  } catch {
    return text;
  }
}
