import { request } from "node:https";
import type { Agent } from "node:https";
import type { IncomingHttpHeaders } from "node:http";
import type { ApiCredentials } from "../../src/client/transport.ts";

export interface RawAnswer {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON; `undefined` when it is none. */
  readonly json: unknown;
}

export interface RawRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is; anything else as JSON. */
  readonly body?: unknown;
  /** Keeps connections for further requests. */
  readonly agent?: Agent;
}

/** One HTTPS request just as it is stated, on a connection of its own unless told. Without `key` nobody in particular asks. */
export function rawRequest(
  { server, ca, cert, key }: Pick<ApiCredentials, "server" | "ca"> & Partial<ApiCredentials>,
  { method = "GET", path, headers = {}, body, agent }: RawRequest,
): Promise<RawAnswer> {
  const content = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const { hostname, port } = new URL(server);
  return new Promise((resolve, reject) => {
    const isChunked = headers["Transfer-Encoding"] !== undefined;
    const length =
      content === undefined || isChunked ? {} : { "Content-Length": Buffer.byteLength(content) };
    const outgoing = request({
      host: hostname,
      port,
      method,
      path,
      headers: { ...length, ...headers },
      ca,
      cert,
      key,
      agent: agent ?? false,
    });
    outgoing.on("error", reject);
    outgoing.on("response", (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({
          code: answer.statusCode ?? 0,
          headers: answer.headers,
          text,
          json: toJson(text),
        });
      });
    });
    outgoing.end(content);
  });
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
