import { Agent, request as httpRequest } from "node:http";
import type { Readable } from "node:stream";
import { inspect } from "node:util";
import Docker from "dockerode";
import type { Millis } from "../base/clock.ts";
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
  /** Ends the call with "timeout"; a stream has none once it is open. */
  readonly limitMs?: Millis;
}

/** A call that should be over at once; dockerd itself may take its time under load. */
const SHORT_CALL_LIMIT_MS = 120_000;
/** Connections for short calls: enough that a few hanging ones leave room for the rest. */
const SHORT_CALLS_AT_A_TIME = 32;
const PULLS_AT_A_TIME = 4;
const PING_LIMIT_MS = 10_000;
const OLDEST_API = "1.41";
/** Newer daemons are spoken to in this version. */
const NEWEST_API = "1.52";
const SUCCESS: Readonly<Record<string, true>> = {
  200: true,
  201: true,
  202: true,
  204: true,
};

export type DockerLane = "short" | "pull" | "stream";

/** Connections to one Docker Engine: short calls, pulls and streams each have their own, so that none waits for another. */
export class DockerConnection {
  readonly #lanes: Readonly<Record<DockerLane, Docker>>;
  readonly #agents: readonly Agent[];
  readonly #socketPath: string;

  constructor(socketPath: string, apiVersion: string) {
    this.#socketPath = socketPath;
    const agents = {
      short: quietAgent({ keepAlive: true, maxSockets: SHORT_CALLS_AT_A_TIME }),
      pull: quietAgent({ maxSockets: PULLS_AT_A_TIME }),
      stream: quietAgent({}),
    };
    const lane = (agent: Agent): Docker =>
      new Docker(withAgent({ socketPath, version: `v${apiVersion}` }, agent));
    this.#agents = Object.values(agents);
    this.#lanes = {
      short: lane(agents.short),
      pull: lane(agents.pull),
      stream: lane(agents.stream),
    };
  }

  /** The answer, parsed if it is JSON; `undefined` for a status of `alreadySo`. */
  async call<T>(wanted: DockerRequest, signal: AbortSignal): Promise<T | undefined> {
    const limit = AbortSignal.timeout(wanted.limitMs ?? SHORT_CALL_LIMIT_MS);
    const bounded = AbortSignal.any([signal, limit]);
    try {
      return (await this.#dial("short", wanted, false, bounded)) as T;
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
    try {
      return (await this.#dial(lane, wanted, true, signal)) as Readable;
    } catch (error) {
      return this.#settle(wanted, error, signal, undefined);
    }
  }

  close(): void {
    for (const agent of this.#agents) agent.destroy();
  }

  async #dial(
    lane: DockerLane,
    wanted: DockerRequest,
    isStream: boolean,
    signal: AbortSignal,
  ): Promise<unknown> {
    try {
      return await this.#dialOnce(lane, wanted, isStream, signal);
    } catch (error) {
      // The daemon closed an idle connection just as it was taken: every call may be repeated.
      if (codeOf(error) !== "ECONNRESET" || signal.aborted) throw error;
      return await this.#dialOnce(lane, wanted, isStream, signal);
    }
  }

  #dialOnce(
    lane: DockerLane,
    wanted: DockerRequest,
    isStream: boolean,
    signal: AbortSignal,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      this.#lanes[lane].modem.dial(
        {
          path: wanted.query === undefined ? wanted.path : `${wanted.path}?`,
          method: wanted.method,
          options: { _query: wanted.query ?? {}, _body: wanted.body ?? {} },
          ...(wanted.archive === undefined ? {} : { file: Buffer.from(wanted.archive) }),
          ...(wanted.headers === undefined ? {} : { headers: { ...wanted.headers } }),
          abortSignal: signal,
          isStream,
          statusCodes: SUCCESS,
        },
        (error: unknown, answer: unknown) => {
          if (error === null || error === undefined) resolve(answer);
          else reject(error);
        },
      );
    });
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

/** The version to speak with the daemon at the socket. Throws what is wrong and what cures it. */
export async function negotiateVersion(socketPath: string, signal: AbortSignal): Promise<string> {
  const purpose = `reach the Docker Engine at "${socketPath}"`;
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(PING_LIMIT_MS)]);
  const offered = await new Promise<string>((resolve, reject) => {
    const call = httpRequest(
      { socketPath, path: "/_ping", method: "GET", signal: bounded },
      (answer) => {
        answer.resume();
        const version = answer.headers["api-version"];
        if (typeof version === "string") resolve(version);
        else
          reject(
            new RuntimeError(
              "unsupported",
              `Cannot ${purpose}: what answers there is not a Docker Engine`,
            ),
          );
      },
    );
    call.on("error", (error) => {
      if (signal.aborted) reject(signal.reason instanceof Error ? signal.reason : error);
      else reject(toRuntimeError(purpose, socketPath, error));
    });
    call.end();
  });
  if (compareVersions(offered, OLDEST_API) < 0) {
    throw new RuntimeError(
      "unsupported",
      `Cannot ${purpose}: it offers API ${offered} and Berth needs ${OLDEST_API} or newer; upgrade to Docker 20.10 or newer`,
    );
  }
  return compareVersions(offered, NEWEST_API) > 0 ? NEWEST_API : offered;
}

function compareVersions(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split(".").map(Number);
  const [bMajor = 0, bMinor = 0] = b.split(".").map(Number);
  return aMajor === bMajor ? aMinor - bMinor : aMajor - bMajor;
}

/** HTTP status of the daemon's answer, when there was one. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Error && "statusCode" in error && typeof error.statusCode === "number"
    ? error.statusCode
    : undefined;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

/** What the daemon said, without the HTTP around it. */
export function daemonMessage(error: unknown): string {
  if (error instanceof Error && "json" in error) {
    const { json } = error;
    if (typeof json === "object" && json !== null && "message" in json) return String(json.message);
  }
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^\(HTTP code \d+\) .*? - /, "").trim();
}

const BY_STATUS: Readonly<Record<number, RuntimeErrorCode>> = { 404: "not-found", 409: "conflict" };

function toRuntimeError(purpose: string, socketPath: string, error: unknown): RuntimeError {
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
  return new RuntimeError(code, `Cannot ${purpose}: ${daemonMessage(error)}`, options);
}

/** docker-modem takes an agent; its types do not know. */
function withAgent(
  options: Docker.DockerOptions,
  agent: Agent,
): Docker.DockerOptions & { readonly agent: Agent } {
  return { ...options, agent };
}

/** docker-modem formats its whole options for a debug log on every call, even when that log is off: keep it short. */
function quietAgent(options: ConstructorParameters<typeof Agent>[0]): Agent {
  return Object.assign(new Agent(options), { [inspect.custom]: () => "Agent" });
}
