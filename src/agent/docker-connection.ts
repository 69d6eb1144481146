import type { Agent } from "node:http";
import { addAbortSignal, type Readable } from "node:stream";
import type { Millis } from "../base/clock.ts";
import { http } from "../client/builtin-http.ts";
import { DockerAnswerError, dialDocker } from "./docker-dial.ts";
import { RuntimeError, type RuntimeErrorCode } from "./runtime.ts";

export interface DockerRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE" | "HEAD";
  /** Without the version, for instance `/containers/json`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  /** Sent as it is, in place of a body. */
  readonly archive?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the call is for: the message of an error begins with "Cannot" and this. */
  readonly purpose: string;
  /** Statuses that are no error beside 2xx: the call gives `undefined` then. */
  readonly alreadySo?: readonly number[];
  /** Ends the call with "timeout": 2 min for a call, none for a stream, which has none once it is open anyway. */
  readonly limitMs?: Millis;
}

/** A call that should be over at once; dockerd itself may take its time under load. */
const CALL_LIMIT_MS = 120_000;
/** Listings wait for nothing else: they say whether the daemon is in order. */
const LISTS_AT_A_TIME = 8;
/** Looks at single things: one per container of a full node may hang, and the rest still get through. */
const LOOKS_AT_A_TIME = 256;
/** Calls that change something; how many containers start at a time is the agent's to limit. */
const CHANGES_AT_A_TIME = 256;
const PULLS_AT_A_TIME = 4;
/** Connections kept after a burst: the daemon never closes an idle one. */
const KEPT = { keepAlive: true, maxFreeSockets: 4 } as const;
/** Largest answer that is read whole: a listing of thousands of containers stays far below. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
export type DockerLane = "list" | "look" | "change" | "pull" | "stream";

/** Paths whose answers tell of everything. */
const LISTINGS: readonly string[] = ["/containers/json", "/volumes", "/images/json", "/info"];

/** Connections to one Docker Engine: listings, looks, changes, pulls and streams each have their own, so that none waits for another. */
export class DockerConnection {
  readonly #agents: Readonly<Record<DockerLane, Agent>>;
  readonly #socketPath: string;
  /** For instance `1.41`. */
  readonly apiVersion: string;

  readonly #callLimitMs: Millis;

  constructor(socketPath: string, apiVersion: string, callLimitMs: Millis = CALL_LIMIT_MS) {
    this.#socketPath = socketPath;
    this.#callLimitMs = callLimitMs;
    this.apiVersion = apiVersion;
    this.#agents = {
      list: new http.Agent({ ...KEPT, maxSockets: LISTS_AT_A_TIME }),
      look: new http.Agent({ ...KEPT, maxSockets: LOOKS_AT_A_TIME }),
      change: new http.Agent({ ...KEPT, maxSockets: CHANGES_AT_A_TIME }),
      pull: new http.Agent({ maxSockets: PULLS_AT_A_TIME }),
      stream: new http.Agent({}),
    };
  }

  /** The answer, parsed if it is JSON; `undefined` for a status of `alreadySo`. */
  async call<T>(wanted: DockerRequest, signal: AbortSignal): Promise<T | undefined> {
    const limit = AbortSignal.timeout(wanted.limitMs ?? this.#callLimitMs);
    const bounded = AbortSignal.any([signal, limit]);
    try {
      const answer = await this.#dial(laneOf(wanted), wanted, bounded);
      return (await readAnswer(answer, wanted.purpose, bounded)) as T;
    } catch (error) {
      return this.#settle(wanted, error, signal, limit);
    }
  }

  /** The open body of the answer. Whoever takes it must destroy it. */
  async stream(
    lane: DockerLane,
    wanted: DockerRequest,
    signal: AbortSignal,
  ): Promise<Readable | undefined> {
    const late = new AbortController();
    const timer =
      wanted.limitMs === undefined ? undefined : setTimeout(() => late.abort(), wanted.limitMs);
    try {
      return await this.#dial(lane, wanted, AbortSignal.any([signal, late.signal]));
    } catch (error) {
      return this.#settle(wanted, error, signal, late.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Where the daemon listens. */
  get socketPath(): string {
    return this.#socketPath;
  }

  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }

  async #dial(lane: DockerLane, wanted: DockerRequest, signal: AbortSignal): Promise<Readable> {
    try {
      return await this.#dialOnce(lane, wanted, signal);
    } catch (error) {
      // The daemon closed an idle connection just as it was taken: every call may be repeated.
      if (codeOf(error) !== "ECONNRESET" || signal.aborted) throw error;
      return await this.#dialOnce(lane, wanted, signal);
    }
  }

  #dialOnce(lane: DockerLane, wanted: DockerRequest, signal: AbortSignal): Promise<Readable> {
    signal.throwIfAborted();
    const { apiVersion } = this;
    const place = { socketPath: this.#socketPath, apiVersion, agent: this.#agents[lane] };
    return dialDocker(place, wanted, signal);
  }

  #settle(
    wanted: DockerRequest,
    error: unknown,
    signal: AbortSignal,
    limit: AbortSignal | undefined,
  ): undefined {
    if (signal.aborted) throw signal.reason;
    const status = statusOf(error);
    if (status !== undefined && wanted.alreadySo?.includes(status) === true) return undefined;
    if (limit?.aborted === true) {
      throw new RuntimeError(
        "timeout",
        `Cannot ${wanted.purpose}: the Docker Engine did not answer in time`,
        { cause: error },
      );
    }
    throw toRuntimeError(wanted.purpose, this.#socketPath, error);
  }
}

function laneOf({ method, path }: DockerRequest): DockerLane {
  if (method !== "GET" && method !== "HEAD") return "change";
  return LISTINGS.includes(path) ? "list" : "look";
}

/** The whole answer: parsed if it is JSON, `undefined` if it is empty. Throws when it is cut off or not what it says. */
async function readAnswer(
  answer: Readable & { readonly headers?: Readonly<Record<string, unknown>> },
  purpose: string,
  signal: AbortSignal,
): Promise<unknown> {
  addAbortSignal(signal, answer);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES)
      throw new RuntimeError(
        "failed",
        `Cannot ${purpose}: the answer is over ${MAX_ANSWER_BYTES} bytes`,
      );
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  const type = answer.headers?.["content-type"];
  const isJson = typeof type === "string" && type.startsWith("application/json");
  if (!isJson || text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RuntimeError(
      "failed",
      `Cannot ${purpose}: what the Docker Engine answered is not JSON`,
      { cause: error },
    );
  }
}

/** HTTP status of the daemon's answer, when there was one. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof DockerAnswerError ? error.statusCode : undefined;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

const BY_STATUS: Readonly<Record<number, RuntimeErrorCode>> = { 404: "not-found", 409: "conflict" };

export function toRuntimeError(purpose: string, socketPath: string, error: unknown): RuntimeError {
  if (error instanceof RuntimeError) return error;
  const options = { cause: error };
  switch (codeOf(error)) {
    case "ENOENT":
    case "ECONNREFUSED":
    case "ENOTSOCK":
      return new RuntimeError(
        "unavailable",
        `Cannot ${purpose}: no Docker Engine listens at "${socketPath}"; start it (systemctl start docker) or install it (Debian, Ubuntu: apt-get install docker.io)`,
        options,
      );
    case "EACCES":
    case "EPERM":
      return new RuntimeError(
        "forbidden",
        `Cannot ${purpose}: this user may not open "${socketPath}"; run Berth as root`,
        options,
      );
    case "ECONNRESET":
    case "EPIPE":
      return new RuntimeError(
        "unavailable",
        `Cannot ${purpose}: the Docker Engine at "${socketPath}" closed the connection`,
        options,
      );
    default:
  }
  const status = statusOf(error);
  const code = (status === undefined ? undefined : BY_STATUS[status]) ?? "failed";
  return new RuntimeError(code, `Cannot ${purpose}: ${messageOf(error)}`, options);
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim();
}
