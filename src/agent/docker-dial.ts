import type { Agent, IncomingMessage } from "node:http";
import { http } from "../client/builtin-http.ts";

export interface DockerCall {
  readonly method: string;
  /** Without the version, for instance `/containers/json`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  /** A tar that is sent as it is, in place of a body. */
  readonly archive?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface DockerPlace {
  readonly socketPath: string;
  /** For instance `1.41`. */
  readonly apiVersion: string;
  readonly agent: Agent;
}

/** Of the daemon's refusal: a sentence for people. */
const MAX_REFUSAL_BYTES = 16_384;

/** The daemon answered that it will not. `message` is its own. */
export class DockerAnswerError extends Error {
  override readonly name = "DockerAnswerError";
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

/**
 * One call of the Docker Engine. Resolves with the answer once its head is there; whoever takes it must read or destroy
 * it. Throws `DockerAnswerError` for any status but 2xx.
 *
 * Plain HTTP over a socket, without a client library: the usual one brings an SSH and a gRPC implementation along, which
 * are a third of a node's memory.
 */
export function dialDocker(
  place: DockerPlace,
  call: DockerCall,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { socketPath, apiVersion, agent } = place;
  const { content, type } = contentOf(call);
  return new Promise((resolve, reject) => {
    const sent = http.request({
      socketPath,
      agent,
      signal,
      method: call.method,
      path: `/v${apiVersion}${call.path}${formatQuery(call.query)}`,
      headers: {
        host: "docker",
        ...(type === undefined ? {} : { "content-type": type }),
        "content-length": content?.length ?? 0,
        ...call.headers,
      },
    });
    sent.on("error", reject);
    sent.on("response", (answer) => {
      const { statusCode = 0 } = answer;
      if (statusCode >= 200 && statusCode < 300) resolve(answer);
      else
        readRefusal(answer).then((text) => reject(new DockerAnswerError(statusCode, text)), reject);
    });
    sent.end(content);
  });
}

function contentOf({ body, archive }: DockerCall): {
  readonly content?: Uint8Array;
  readonly type?: string;
} {
  if (archive !== undefined) return { content: archive, type: "application/tar" };
  if (body === undefined) return {};
  return { content: Buffer.from(JSON.stringify(body)), type: "application/json" };
}

/** As the Engine reads it: what is no plain value is JSON. Pure. */
export function formatQuery(query: Readonly<Record<string, unknown>> = {}): string {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined)
      parts.append(name, typeof value === "string" ? value : JSON.stringify(value));
  const text = parts.toString();
  return text === "" ? "" : `?${text}`;
}

async function readRefusal(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MAX_REFUSAL_BYTES) chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8").trim();
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found === "object" && found !== null && "message" in found)
      return String(found.message);
  } catch {
    // Not JSON: it is taken as it is.
  }
  return text === "" ? `the answer was ${answer.statusCode ?? 0}` : text;
}
