import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import type { Millis } from "../base/clock.ts";
import { decodeHealthResponse, encodeHealthRequest } from "./probe-grpc-codec.ts";

export interface HealthQuestion {
  readonly host: string;
  readonly port: number;
  /** Empty asks for the server as a whole. */
  readonly service: string;
  readonly timeoutMs: Millis;
  readonly userAgent: string;
}

/** A health reply has a few bytes; what is longer is none. */
const MAX_REPLY_BYTES = 4096;
const MAX_SESSION_MEGABYTES = 1;
const METHOD = "/grpc.health.v1.Health/Check";
const OK = 0;
const UNIMPLEMENTED = 12;

/** Names of gRPC's codes, as Go prints them. */
const CODES = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
] as const;

/** Asks a server's grpc.health.v1.Health, in clear text. Rejects with why it does not serve, or when `signal` aborts. */
export async function checkHealth(question: HealthQuestion, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { host, port } = question;
  // Loaded by the first such probe: most nodes have none.
  const { connect } = process.getBuiltinModule("node:http2");
  const session = connect(`http://${host.includes(":") ? `[${host}]` : host}:${port}`, {
    maxSessionMemory: MAX_SESSION_MEGABYTES,
    settings: { enablePush: false },
  });
  // The session is held by nothing else: whatever happens, it ends with the probe.
  const onAbort = (): void => session.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await connected(session, `${host}:${port}`);
    judge(await call(session, question));
  } finally {
    signal.removeEventListener("abort", onAbort);
    session.destroy();
  }
}

function connected(session: ClientHttp2Session, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string, cause?: Error): void =>
      reject(new Error(`error: failed to connect service at "${address}": ${why}`, { cause }));
    session.once("connect", () => resolve());
    // Also for errors that come later: the call's own listener tells them.
    session.on("error", (error: Error) => fail(connectMessage(address, error), error));
    session.once("close", () => fail("connection closed"));
  });
}

function connectMessage(address: string, error: Error): string {
  return "code" in error && error.code === "ECONNREFUSED"
    ? `dial tcp ${address}: connect: connection refused`
    : error.message;
}

interface Reply {
  readonly code: number;
  readonly message: string;
  readonly body: Buffer;
}

function call(session: ClientHttp2Session, question: HealthQuestion): Promise<Reply> {
  const stream = session.request({
    ":method": "POST",
    ":path": METHOD,
    "content-type": "application/grpc",
    te: "trailers",
    "user-agent": question.userAgent,
    "grpc-timeout": `${question.timeoutMs}m`,
  });
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let ends: IncomingHttpHeaders = {};
    const fail = (why: string, cause?: Error): void =>
      reject(new Error(`error: health rpc probe failed: ${why}`, { cause }));
    stream.on("response", (headers) => {
      const status = headers[":status"];
      if (status !== 200) fail(`unexpected HTTP status code received from server: ${status}`);
      // A server that answers with an error and no message says so at once.
      ends = headers;
    });
    stream.on("trailers", (trailers) => {
      ends = { ...ends, ...trailers };
    });
    stream.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_REPLY_BYTES) fail(`the reply is longer than ${MAX_REPLY_BYTES} bytes`);
    });
    stream.on("error", (error) => fail(error.message, error));
    stream.on("close", () => {
      const code = Number(ends["grpc-status"] ?? Number.NaN);
      if (Number.isNaN(code)) fail("the server did not say how the call ended");
      else resolve({ code, message: messageOf(ends), body: Buffer.concat(chunks) });
    });
    stream.end(encodeHealthRequest(question.service));
  });
}

function messageOf(headers: IncomingHttpHeaders): string {
  const message = String(headers["grpc-message"] ?? "");
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}

function judge({ code, message, body }: Reply): void {
  if (code === UNIMPLEMENTED) {
    throw new Error(
      `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${message}`,
    );
  }
  if (code !== OK) {
    const name = CODES[code] ?? `Code(${code})`;
    throw new Error(`error: health rpc probe failed: rpc error: code = ${name} desc = ${message}`);
  }
  const status = decodeHealthResponse(body);
  if (status !== "SERVING") throw new Error(`service unhealthy (responded with "${status}")`);
}
