import { fork, type ChildProcess } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { backoffMs, type BackoffPolicy } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { writeFileAtomic, type DataDir } from "./data-dir.ts";
import { lockSupervisor } from "./lock.ts";
import { startTimeOf } from "./process-identity.ts";

/** The processes of one machine, each with the command that runs it. */
const PROCESSES = ["control-plane", "node"] as const;
type ProcessName = (typeof PROCESSES)[number];

/**
 * How the engine of each process deals with memory. A node does little and should take little: a small nursery, code
 * that is compiled for size, and the optimising compilers, 6 MB of program, only for what is called 100,000 times. The
 * control plane plans and schedules, where that would cost time.
 */
const NODE_FLAGS: Readonly<Record<ProcessName, readonly string[]>> = {
  "control-plane": [],
  node: ["--max-semi-space-size=1", "--optimize-for-size", "--invocation-count-for-maglev=100000"],
};

/** Few heaps of malloc, which return early what is free: a node's threads allocate next to nothing at a time. */
const MALLOC: Readonly<Record<ProcessName, Readonly<Record<string, string>>>> = {
  "control-plane": {},
  node: { MALLOC_ARENA_MAX: "2", MALLOC_TRIM_THRESHOLD_: "65536" },
};

const RESTART: BackoffPolicy = { baseMs: 200, maxMs: 10_000 };
/** A process that ran this long starts its back-off anew. */
const STEADY_MS = 60_000;
/** How long a process may take to end before it is killed. */
const STOP_MS = 10_000;
/** A log larger than this is set aside when its process starts. */
const MAX_LOG_BYTES = 20_000_000;

export interface SuperviseOptions {
  readonly dir: DataDir;
  /** Prints the logs of the processes too. */
  readonly foreground: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What `supervisor.json` says: which process supervises this data directory. */
export interface SupervisorRecord {
  readonly pid: number;
  /** From /proc: tells the process from a later one with the same pid. */
  readonly startTime: string;
}

/**
 * Keeps control plane and node running until `signal` aborts. Containers never depend on these processes: when one of
 * them ends, what runs on Docker goes on running.
 */
export async function supervise(options: SuperviseOptions, signal: AbortSignal): Promise<void> {
  const { dir, logger } = options;
  await mkdir(dir.logs, { recursive: true, mode: 0o700 });
  const lock = await lockSupervisor(dir);
  if (lock === undefined) {
    logger.warn({}, "another supervisor runs for this data directory");
    return;
  }
  const record: SupervisorRecord = { pid: process.pid, startTime: startTimeOf(process.pid) ?? "" };
  await writeFileAtomic(dir.supervisor, JSON.stringify(record));
  await Promise.all(PROCESSES.map((name) => keepRunning(name, options, signal)));
  await rm(dir.supervisor, { force: true });
  await lock.release();
}

async function keepRunning(
  name: ProcessName,
  options: SuperviseOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clock, logger } = options;
  let failures = 0;
  while (!signal.aborted) {
    const startedAt = clock.monotonic();
    const code = await runOnce(name, options, signal);
    if (signal.aborted) return;
    failures = clock.monotonic() - startedAt > STEADY_MS ? 1 : failures + 1;
    const waitMs = backoffMs(RESTART, failures);
    logger.error({ process: name, code, waitMs }, "process ended, will start it again");
    await clock.sleep(waitMs, signal).catch(() => undefined);
  }
}

async function runOnce(
  name: ProcessName,
  options: SuperviseOptions,
  signal: AbortSignal,
): Promise<string> {
  const { dir, foreground } = options;
  const file = join(dir.logs, `${name}.log`);
  await setLargeLogAside(file);
  const child = fork(mainModule(), [name, "--data-dir", dir.root], {
    execArgv: [...process.execArgv, ...NODE_FLAGS[name]],
    env: { ...process.env, ...MALLOC[name], ...compileCache(dir) },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const log = createWriteStream(file, { flags: "a", mode: 0o600 });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      log.write(chunk);
      if (foreground) process.stdout.write(chunk);
    });
  }
  const stopped = stopOnAbort(child, options.clock, signal);
  const code = await new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (exit, killedBy) => resolve(killedBy ?? String(exit)));
  });
  stopped();
  await new Promise<void>((resolve) => {
    log.end(resolve);
  });
  return code;
}

/** Of a clone: what was made of the sources once need not be made again, for which the compiler alone takes 28 MB. */
function compileCache(dir: DataDir): Readonly<Record<string, string>> {
  return isSource() ? { NODE_COMPILE_CACHE: join(dir.root, "compiled") } : {};
}

/** SIGTERM when `signal` aborts, SIGKILL some time later. Returns how to call it off. */
function stopOnAbort(child: ChildProcess, clock: Clock, signal: AbortSignal): () => void {
  const over = new AbortController();
  const stop = (): void => {
    child.kill("SIGTERM");
    clock.sleep(STOP_MS, over.signal).then(
      () => child.kill("SIGKILL"),
      () => undefined,
    );
  };
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  return () => {
    signal.removeEventListener("abort", stop);
    over.abort();
  };
}

async function setLargeLogAside(file: string): Promise<void> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size > MAX_LOG_BYTES) await rename(file, `${file}.1`);
}

/** The program itself, as source or as built. */
export function mainModule(): string {
  return new URL(`./main.${isSource() ? "ts" : "js"}`, import.meta.url).pathname;
}

function isSource(): boolean {
  return import.meta.url.endsWith(".ts");
}
