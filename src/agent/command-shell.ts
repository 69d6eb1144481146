import { spawn, type ChildProcessByStdio } from "node:child_process";
import { randomBytes } from "node:crypto";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import type { Millis } from "../base/clock.ts";
import { CommandError } from "./run-command.ts";

export interface ScriptResult {
  readonly exitCode: number;
  /** stdout and stderr. */
  readonly output: string;
}

interface Job {
  readonly script: string;
  readonly done: PromiseWithResolvers<ScriptResult>;
}

const LIMIT_MS: Millis = 20_000;
const MAX_OUTPUT_CHARS = 1_000_000;
/** Scripts that wait for a shell; more are refused. */
const MAX_WAITING = 10_000;

/**
 * A shell that stays, for short commands that are needed often: a process as large as ours takes milliseconds to
 * fork, and nothing else runs meanwhile. Scripts run one after the other. The shell is started at the first one,
 * anew after it died, and ends with this process.
 */
export class CommandShell {
  readonly #waiting: Job[] = [];
  #current: Job | undefined;
  #shell: ChildProcessByStdio<Writable, Readable, null> | undefined;
  #mark = "";
  #output = "";
  #limit: NodeJS.Timeout | undefined;

  /** Scripts that wait or run. */
  get load(): number {
    return this.#waiting.length + (this.#current === undefined ? 0 : 1);
  }

  /** Runs a script to its end. It is not ended by `signal`, which only takes it from the queue: half a wire is none. */
  async run(script: string, signal: AbortSignal): Promise<ScriptResult> {
    signal.throwIfAborted();
    if (this.#waiting.length >= MAX_WAITING) {
      throw new CommandError(`Cannot run a command: ${MAX_WAITING} wait already`);
    }
    const job: Job = { script, done: Promise.withResolvers() };
    this.#waiting.push(job);
    const abort = (): void => {
      const at = this.#waiting.indexOf(job);
      if (at === -1) return;
      this.#waiting.splice(at, 1);
      job.done.reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    this.#next();
    try {
      return await job.done.promise;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  #next(): void {
    if (this.#current !== undefined) return;
    const job = this.#waiting.shift();
    if (job === undefined) return;
    this.#current = job;
    this.#output = "";
    const shell = (this.#shell ??= this.#start());
    this.#limit = setTimeout(() => shell.kill("SIGKILL"), LIMIT_MS);
    shell.stdin.write(
      `{\n${job.script}\n} 2>&1 </dev/null\nprintf '\\n%s %d\\n' ${this.#mark} $?\n`,
    );
  }

  #start(): ChildProcessByStdio<Writable, Readable, null> {
    this.#mark = `end-${randomBytes(8).toString("hex")}`;
    const shell = spawn("/bin/sh", [], { stdio: ["pipe", "pipe", "ignore"] });
    shell.unref();
    for (const pipe of [shell.stdin, shell.stdout]) if (pipe instanceof Socket) pipe.unref();
    shell.stdin.on("error", () => undefined);
    shell.stdout.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    shell.on("error", (error) => this.#died(shell, error));
    shell.on("exit", () => this.#died(shell, undefined));
    return shell;
  }

  #read(text: string): void {
    this.#output = (this.#output + text).slice(-MAX_OUTPUT_CHARS);
    const end = new RegExp(`\\n${this.#mark} (\\d+)\\n$`).exec(this.#output);
    if (end === null) return;
    const output = this.#output.slice(0, end.index);
    this.#finish((job) => job.done.resolve({ exitCode: Number(end[1]), output }));
  }

  #died(shell: ChildProcessByStdio<Writable, Readable, null>, cause: Error | undefined): void {
    if (this.#shell !== shell) return;
    this.#shell = undefined;
    const error = new CommandError("Cannot run a command: its shell died or took too long", {
      cause,
    });
    if (this.#current !== undefined) this.#finish((job) => job.done.reject(error));
  }

  #finish(settle: (job: Job) => void): void {
    clearTimeout(this.#limit);
    const job = this.#current;
    this.#current = undefined;
    if (job !== undefined) settle(job);
    this.#next();
  }
}
