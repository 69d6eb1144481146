import { once } from "node:events";
import { Socket } from "node:net";
import type { Clock, Millis } from "../base/clock.ts";
import { ProxyError } from "./proxy-error.ts";
import type { HostProcess, OpenCommand } from "./run-command.ts";

export interface NftSessionOptions {
  readonly open: OpenCommand;
  /** Beside `-i`. */
  readonly args: readonly string[];
  readonly clock: Clock;
}

/** It reads letter by letter: a longer script is faster by a process of its own. */
export const MAX_SESSION_CHARS = 8000;

/** It keeps a history of what it was told: a new one takes over after so many scripts. */
const MAX_SCRIPTS = 500;

const ANSWER_MS: Millis = 10_000;

/**
 * An `nft` that is told one script after the other. What a process of its own costs, as its start and the kernel's wait
 * for all processors when it ends after it has removed something, falls away.
 */
export class NftSession {
  readonly #options: NftSessionOptions;
  #process: HostProcess | undefined;
  #said = "";
  #heard: () => void = () => undefined;
  #scripts = 0;

  constructor(options: NftSessionOptions) {
    this.#options = options;
  }

  /**
   * What nft says about `script`, whose lines are one transaction: empty when it was taken. One call at a time. Throws a
   * `ProxyError` when it gives no answer; whether it has taken the script is not known then.
   */
  async ask(script: string, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    if (this.#scripts >= MAX_SCRIPTS) this.close();
    const child = (this.#process ??= this.#start());
    this.#scripts += 1;
    // A word that nft does not know: its complaint tells that all before was done.
    const mark = `berthdone${this.#scripts}`;
    const line = script.trim().split("\n").join("; ");
    this.#said = "";
    child.stdin.write(`${line}\n${mark}\n`);
    try {
      return await this.#until(child, new RegExp(`Error: [^\\n]*\\n${mark}\\n *\\^+\\n`), signal);
    } catch (error) {
      this.close();
      signal.throwIfAborted();
      const said = this.#said.trim().slice(0, 300);
      const message = `Cannot change the nftables rules: nft gave no answer (it said "${said}")`;
      throw new ProxyError("refused", message, { cause: error });
    }
  }

  /** Ends the process, if there is one; the next script starts another. */
  close(): void {
    this.#process?.kill("SIGKILL");
    this.#process = undefined;
    this.#scripts = 0;
  }

  async #until(child: HostProcess, answer: RegExp, signal: AbortSignal): Promise<string> {
    const enough = new AbortController();
    const waiting = AbortSignal.any([signal, enough.signal]);
    const ended = once(child, "close", { signal: waiting }).then(() => {
      throw new Error("nft ended");
    });
    const late = this.#options.clock.sleep(ANSWER_MS, waiting).then(() => {
      throw new Error(`nft was silent for ${ANSWER_MS} ms`);
    });
    ended.catch(() => undefined);
    late.catch(() => undefined);
    hold(child, "ref");
    try {
      for (;;) {
        const found = answer.exec(this.#said);
        if (found !== null) return this.#said.slice(0, found.index);
        const heard = Promise.withResolvers<void>();
        this.#heard = heard.resolve;
        await Promise.race([heard.promise, ended, late]);
      }
    } finally {
      enough.abort();
      hold(child, "unref");
    }
  }

  #start(): HostProcess {
    const child = this.#options.open("nft", ["-i", ...this.#options.args]);
    child.once("close", () => {
      if (this.#process === child) this.close();
    });
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text: string) => {
      if (this.#process !== child) return;
      this.#said += text;
      this.#heard();
    });
    return child;
  }
}

/** A process that is not spoken to keeps nobody from ending. */
function hold(child: HostProcess, how: "ref" | "unref"): void {
  child[how]();
  for (const pipe of [child.stdin, child.stderr]) if (pipe instanceof Socket) pipe[how]();
}
