import type { ChildProcess } from "node:child_process";
import { GitError } from "./git.ts";
import { cannotStart, endProcess, type Git } from "./git-process.ts";

export interface ObjectHead {
  readonly id: string;
  readonly kind: "commit" | "tree" | "blob" | "tag";
  readonly size: number;
}

export interface GitObject extends ObjectHead {
  readonly content: Uint8Array;
}

interface Waiter {
  readonly resolve: (found: GitObject | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** A process that nobody asked for so long is ended; the next question starts another. */
const IDLE_MS = 30_000;
/** Commits and manifests are small; an object beyond this is never taken into memory. */
const MAX_OBJECT_BYTES = 20_000_000;

/**
 * A long-lived `git cat-file`: answers "what is this object" in microseconds instead of a process each.
 * With `contents` false it gives heads only, and no content is read by anyone.
 */
export class CatFile {
  readonly #git: Git;
  readonly #repo: string;
  readonly #contents: boolean;
  #child: ChildProcess | undefined;
  /** In the order of the questions, which is the order of the answers. */
  #waiters: Waiter[] = [];
  #idle: NodeJS.Timeout | undefined;

  constructor(git: Git, repo: string, options: { readonly contents: boolean }) {
    this.#git = git;
    this.#repo = repo;
    this.#contents = options.contents;
  }

  /** The object that a name of Git's means now; `undefined` when there is none. The name has no line end in it. */
  ask(name: string, signal: AbortSignal): Promise<GitObject | undefined> {
    signal.throwIfAborted();
    const child = (this.#child ??= this.#start());
    const answer = Promise.withResolvers<GitObject | undefined>();
    const abort = (): void => answer.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#waiters.push(answer);
    clearTimeout(this.#idle);
    child.stdin?.write(`${name}\n`);
    return answer.promise.finally(() => signal.removeEventListener("abort", abort));
  }

  close(): void {
    clearTimeout(this.#idle);
    const child = this.#child;
    this.#child = undefined;
    if (child !== undefined) endProcess(child);
    this.#fail(new GitError("io", `Cannot read repository "${this.#repo}": it was closed`));
  }

  #start(): ChildProcess {
    const child = this.#git.spawn(["cat-file", this.#contents ? "--batch" : "--batch-check"]);
    const parser = new BatchParser(this.#contents);
    child.stdin?.on("error", () => undefined); // The exit tells why.
    child.stderr?.resume();
    child.stdout?.on("data", (chunk: Buffer) => {
      const answers = parser.push(chunk);
      if (answers === "too-large") this.#drop(child, this.#tooLarge());
      else for (const answer of answers) this.#waiters.shift()?.resolve(answer);
      if (this.#waiters.length === 0) this.#rest(child);
    });
    child.once("error", (cause) => this.#drop(child, cannotStart(this.#repo, cause)));
    child.once("close", () => {
      this.#drop(
        child,
        new GitError("io", `Cannot read repository "${this.#repo}": git cat-file ended`),
      );
    });
    return child;
  }

  #rest(child: ChildProcess): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      if (this.#child !== child || this.#waiters.length > 0) return;
      this.#child = undefined;
      endProcess(child);
    }, IDLE_MS);
    this.#idle.unref();
  }

  #drop(child: ChildProcess, error: GitError): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    endProcess(child);
    this.#fail(error);
  }

  #fail(error: GitError): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }

  #tooLarge(): GitError {
    return new GitError(
      "too-large",
      `Cannot read an object of repository "${this.#repo}": it has more than ${MAX_OBJECT_BYTES} bytes`,
    );
  }
}

/** Reads what `cat-file --batch` prints, however it is cut into chunks. */
export class BatchParser {
  readonly #contents: boolean;
  /** The start of a head whose line end has not come yet. */
  #line = "";
  #head: ObjectHead | undefined;
  #parts: Buffer[] = [];
  /** Bytes of the current content that are still to come, with its closing line end. */
  #missing = 0;

  constructor(contents: boolean) {
    this.#contents = contents;
  }

  /** The answers that this chunk completes, in order; "too-large" ends the reading. */
  push(chunk: Buffer): readonly (GitObject | undefined)[] | "too-large" {
    const answers: (GitObject | undefined)[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#head === undefined) {
        const end = chunk.indexOf(10, at);
        this.#line += chunk.toString("utf8", at, end < 0 ? chunk.length : end);
        if (end < 0) return answers;
        at = end + 1;
        const head = parseHead(this.#line);
        this.#line = "";
        if (head === undefined || !this.#contents) {
          answers.push(head && { ...head, content: new Uint8Array() });
          continue;
        }
        if (head.size > MAX_OBJECT_BYTES) return "too-large";
        this.#head = head;
        this.#missing = head.size + 1;
      }
      const part = chunk.subarray(at, at + this.#missing);
      at += part.length;
      this.#missing -= part.length;
      this.#parts.push(part);
      if (this.#missing === 0) answers.push(this.#finish(this.#head));
    }
    return answers;
  }

  #finish(head: ObjectHead): GitObject {
    const content = Buffer.concat(this.#parts, head.size); // A copy: a slice would hold the whole chunk.
    this.#parts = [];
    this.#head = undefined;
    return { ...head, content };
  }
}

function parseHead(line: string): ObjectHead | undefined {
  const match = /^([0-9a-f]{40}) (commit|tree|blob|tag) (\d+)$/.exec(line);
  if (match === null) return undefined; // "missing" and "ambiguous".
  const [, id = "", kind = "blob", size] = match;
  return { id, kind: kind as ObjectHead["kind"], size: Number(size) };
}
