import { Agent, request as httpsRequest } from "node:https";
import type { IncomingMessage } from "node:http";
import type { ApiObject } from "../model/meta.ts";
import { ApiError } from "./client.ts";

/** Where the API is and how to prove who asks. PEM texts. */
export interface ApiCredentials {
  /** For instance `https://127.0.0.1:6443`. */
  readonly server: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Is told each warning that comes with a good answer. */
  readonly onWarning?: (text: string) => void;
}

/** A short call, from its first byte to its last: as long as Kubernetes' own clients grant. */
const CALL_LIMIT_MS = 30_000;
/** Largest answer that is read whole. */
const MAX_ANSWER_BYTES = 512 * 1024 * 1024;
/** Connections kept for short calls; watches have one each beside these. */
const MAX_SOCKETS = 16;

interface Agents {
  readonly calls: Agent;
  readonly streams: Agent;
}

function openAgents({ ca, cert, key }: ApiCredentials): Agents {
  const tls = { ca, cert, key, minVersion: "TLSv1.3", keepAlive: true } as const;
  return { calls: new Agent({ ...tls, maxSockets: MAX_SOCKETS }), streams: new Agent(tls) };
}

/** HTTPS to one API server, with connections kept open. */
export class Transport {
  readonly #credentials: () => ApiCredentials;
  readonly #origin: URL;
  #used: ApiCredentials;
  #agents: Agents;

  /** A function is asked before each call: from other credentials on there are other connections. */
  constructor(credentials: ApiCredentials | (() => ApiCredentials)) {
    this.#credentials = typeof credentials === "function" ? credentials : () => credentials;
    this.#used = this.#credentials();
    this.#origin = new URL(this.#used.server);
    this.#agents = openAgents(this.#used);
  }

  /** The connections of the credentials as of now. What runs over older ones runs on. */
  #current(): Agents {
    const wanted = this.#credentials();
    if (wanted !== this.#used) {
      this.#used = wanted;
      for (const agent of [this.#agents.calls, this.#agents.streams]) {
        for (const sockets of Object.values(agent.freeSockets)) {
          for (const socket of sockets ?? []) socket.destroy();
        }
      }
      this.#agents = openAgents(wanted);
    }
    return this.#agents;
  }

  /** The whole answer as JSON. Throws `ApiError`, within 30 s. */
  async call<T>(call: Call, signal?: AbortSignal): Promise<T> {
    const limit = AbortSignal.timeout(CALL_LIMIT_MS);
    const both = signal === undefined ? limit : AbortSignal.any([signal, limit]);
    try {
      const answer = await send(this.#origin, this.#current().calls, call, both);
      const text = await readAll(answer, MAX_ANSWER_BYTES);
      if (!isSuccess(answer)) throw toApiError(answer.statusCode ?? 0, text);
      for (const warning of warningsOf(answer)) call.onWarning?.(warning);
      return (text === "" ? undefined : JSON.parse(text)) as T;
    } catch (error) {
      if (limit.aborted && signal?.aborted !== true) {
        throw new ApiError(
          0,
          "Timeout",
          `${call.method} ${call.path} took over ${CALL_LIMIT_MS} ms`,
        );
      }
      throw unreachableError(this.#origin, error, signal);
    }
  }

  /** The answer as a stream, once its headers are there. It lasts until `signal` aborts or the server ends it. */
  async stream(call: Call, signal: AbortSignal): Promise<IncomingMessage> {
    try {
      const answer = await send(this.#origin, this.#current().streams, call, signal);
      if (isSuccess(answer)) return answer;
      throw toApiError(answer.statusCode ?? 0, await readAll(answer, MAX_ANSWER_BYTES));
    } catch (error) {
      throw unreachableError(this.#origin, error, signal);
    }
  }

  close(): void {
    this.#agents.calls.destroy();
    this.#agents.streams.destroy();
  }
}

/** The `ApiError` that a failed answer stands for: its `Status`, or what can be said without one. Pure. */
export function toApiError(code: number, text: string): ApiError {
  try {
    const status = JSON.parse(text) as Partial<ApiObject> & {
      readonly reason?: string;
      readonly message?: string;
    };
    if (status.kind === "Status") {
      return new ApiError(code, status.reason ?? "Unknown", status.message ?? `HTTP ${code}`);
    }
  } catch {
    // Not JSON: something else than the API has answered.
  }
  return new ApiError(code, "Unknown", `HTTP ${code}: ${text.slice(0, 200).trim()}`);
}

/** What came between us and the API, as an `ApiError` with code 0; an abort by the caller stays what it is. */
export function unreachableError(
  origin: URL,
  error: unknown,
  signal: AbortSignal | undefined,
): unknown {
  if (error instanceof ApiError) return error;
  if (signal?.aborted === true) return signal.reason;
  const why = error instanceof Error ? error.message : String(error);
  return new ApiError(0, "Unreachable", `Cannot reach the API at ${origin.origin}: ${why}`, {
    cause: error,
  });
}

function send(
  origin: URL,
  agent: Agent,
  { method, path, body, contentType, headers: more }: Call,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const content = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const headers: Record<string, string | number> = { Accept: "application/json", ...more };
  if (content !== undefined) {
    headers["Content-Type"] = contentType ?? "application/json";
    headers["Content-Length"] = content.length;
  }
  return new Promise((resolve, reject) => {
    const { hostname, port } = origin;
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    const request = httpsRequest({ host, port, method, path, agent, headers, signal });
    request.on("response", resolve);
    request.on("error", reject);
    request.setNoDelay(true);
    request.end(content);
  });
}

async function readAll(answer: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new ApiError(0, "TooLarge", `The answer is larger than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The texts of `Warning: 299 - "…"` headers, which come joined into one. */
function warningsOf({ headers }: IncomingMessage): readonly string[] {
  const found = (headers.warning ?? "").matchAll(/299 - "((?:[^"\\]|\\.)*)"/g);
  return [...found].map(([, text = ""]) => text.replaceAll(/\\(.)/g, "$1"));
}

function isSuccess(answer: IncomingMessage): boolean {
  const code = answer.statusCode ?? 0;
  return code >= 200 && code < 300;
}
