import { WebSocket } from "ws";
import type { RawData } from "ws";
import { backoffMs } from "../base/backoff.ts";
import type { BackoffPolicy } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { MAX_TUNNEL_CHUNK, TUNNEL_PATH, encodeChunk } from "../model/tunnel.ts";
import type { TunnelControl, TunnelRequest } from "../model/tunnel.ts";
import type { ApiCredentials } from "./transport.ts";

/** One answer on its way back through the tunnel. */
export interface TunnelStream {
  /** Aborts when the reader goes away or the tunnel breaks. */
  readonly signal: AbortSignal;
  /** Resolves when more may be written: waits while the reader is slow. Rejects once `signal` has aborted. */
  write(chunk: Uint8Array): Promise<void>;
}

/** Refuses or ends a request with an HTTP status code and a sentence for people. */
export class TunnelError extends Error {
  override readonly name = "TunnelError";
  /** HTTP status. */
  readonly code: number;

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Answers one request. Its return ends the stream; what it throws is told to the reader. */
export type TunnelHandler = (request: TunnelRequest, stream: TunnelStream) => Promise<void>;

export interface TunnelOptions {
  /** For instance `https://127.0.0.1:6443`. */
  readonly server: string;
  readonly tls: Omit<ApiCredentials, "server">;
  readonly handler: TunnelHandler;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 up to 1: spreads the retries of many nodes. `Math.random` unless told. */
  readonly random?: () => number;
}

const BACKOFF: BackoffPolicy = { baseMs: 250, maxMs: 15_000 };
/** The server pings every 15 s: after three missed pings the line is dead. */
const SILENCE_MS = 45_000;
const HANDSHAKE_LIMIT_MS = 10_000;
/** Answers at a time; more are refused. */
const MAX_STREAMS = 256;
/** Bytes in our socket's queue above which writers wait. */
const HIGH_WATER_BYTES = 1024 * 1024;
const MAX_CONTROL_BYTES = 64 * 1024;

/** Keeps the tunnel to the API open until `signal` aborts; then resolves. */
export async function runTunnel(options: TunnelOptions): Promise<void> {
  const { signal, clock, logger, random = Math.random } = options;
  let failures = 0;
  while (!signal.aborted) {
    const openedAt = await runOnce(options).catch((error: unknown) => {
      logger.warn({ error, failures }, "Cannot keep the tunnel to the API: trying again");
      return undefined;
    });
    if (signal.aborted) break;
    failures = openedAt === undefined ? failures + 1 : 1;
    await clock
      .sleep(backoffMs(BACKOFF, failures) * (0.5 + random() / 2), signal)
      .catch(() => undefined);
  }
}

/** One connection from its start to its end. Resolves with when it was open; rejects when it never was. */
function runOnce(options: TunnelOptions): Promise<number> {
  const { server, tls, signal, clock } = options;
  const url = new URL(TUNNEL_PATH, server);
  url.protocol = "wss:";
  const socket = new WebSocket(url, {
    ...tls,
    minVersion: "TLSv1.3",
    handshakeTimeout: HANDSHAKE_LIMIT_MS,
    maxPayload: MAX_CONTROL_BYTES,
    perMessageDeflate: false,
  });
  const connection = new Connection(socket, options);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const stop = (): void => socket.terminate();
  let openedAt: number | undefined;
  let failure: unknown = new Error("The API closed the tunnel");

  signal.addEventListener("abort", stop, { once: true });
  socket.on("open", () => {
    openedAt = clock.monotonic();
    connection.heard();
  });
  socket.on("ping", () => connection.heard());
  socket.on("message", (data, isBinary) => connection.receive(data, isBinary));
  socket.on("error", (error) => {
    failure = error;
  });
  socket.on("close", () => {
    signal.removeEventListener("abort", stop);
    connection.close();
    if (openedAt === undefined) reject(failure);
    else resolve(openedAt);
  });
  return promise;
}

interface Open {
  readonly controller: AbortController;
  /** Present while the reader asks us to wait. */
  paused: PromiseWithResolvers<void> | undefined;
}

class Connection {
  readonly #socket: WebSocket;
  readonly #options: TunnelOptions;
  readonly #streams = new Map<number, Open>();
  readonly #closed = new AbortController();
  #watchdog = new AbortController();

  constructor(socket: WebSocket, options: TunnelOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  /** The server lives: the watchdog starts anew. */
  heard(): void {
    this.#watchdog.abort();
    this.#watchdog = new AbortController();
    const signal = AbortSignal.any([this.#watchdog.signal, this.#closed.signal]);
    this.#options.clock.sleep(SILENCE_MS, signal).then(
      () => this.#socket.terminate(),
      () => undefined,
    );
  }

  close(): void {
    this.#closed.abort(new Error("The tunnel is closed"));
    for (const id of this.#streams.keys()) this.#cancel(id);
  }

  receive(data: RawData, isBinary: boolean): void {
    if (isBinary) return; // Requests carry no data today.
    const control = parseControl(data);
    if (control === undefined) {
      this.#options.logger.warn({}, "The API sent a malformed message through the tunnel");
      return;
    }
    switch (control.type) {
      case "open":
        void this.#serve(control.id, control.request);
        return;
      case "cancel":
        this.#cancel(control.id);
        return;
      case "pause": {
        const stream = this.#streams.get(control.id);
        if (stream !== undefined) stream.paused ??= Promise.withResolvers();
        return;
      }
      case "resume":
        this.#resume(this.#streams.get(control.id));
        return;
      default:
        this.#options.logger.debug({ type: control.type }, "The API sent an unknown message");
    }
  }

  async #serve(id: number, request: TunnelRequest): Promise<void> {
    if (this.#streams.size >= MAX_STREAMS) {
      const message = `This node serves ${MAX_STREAMS} streams already`;
      this.#send({ type: "error", id, code: 429, message });
      return;
    }
    const controller = new AbortController();
    const stream: Open = { controller, paused: undefined };
    this.#streams.set(id, stream);
    let accepted = false;
    const accept = (): void => {
      if (!accepted) this.#send({ type: "accept", id });
      accepted = true;
    };
    try {
      await this.#options.handler(request, {
        signal: controller.signal,
        write: async (chunk) => {
          controller.signal.throwIfAborted();
          accept();
          await this.#write(id, stream, chunk);
        },
      });
      accept();
      if (!controller.signal.aborted) this.#send({ type: "end", id });
    } catch (error) {
      if (!controller.signal.aborted) this.#send(toErrorMessage(id, error));
    } finally {
      this.#streams.delete(id);
      this.#resume(stream);
    }
  }

  async #write(id: number, stream: Open, chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; at += MAX_TUNNEL_CHUNK) {
      while (stream.paused !== undefined) await stream.paused.promise;
      stream.controller.signal.throwIfAborted();
      const message = encodeChunk(id, chunk.subarray(at, at + MAX_TUNNEL_CHUNK));
      const sent = Promise.withResolvers<void>();
      this.#socket.send(message, (error) => (error ? sent.reject(error) : sent.resolve()));
      sent.promise.catch(() => undefined);
      if (this.#socket.bufferedAmount > HIGH_WATER_BYTES) await sent.promise;
    }
  }

  #cancel(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    stream.controller.abort(new Error("The reader of the stream has gone"));
    this.#resume(stream);
  }

  #resume(stream: Open | undefined): void {
    stream?.paused?.resolve();
    if (stream !== undefined) stream.paused = undefined;
  }

  #send(control: TunnelControl): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(control));
  }
}

function parseControl(data: RawData): TunnelControl | undefined {
  try {
    const text = Buffer.isBuffer(data) ? data.toString("utf8") : "";
    const control = JSON.parse(text) as Partial<TunnelControl> | null;
    return typeof control?.type === "string" && Number.isSafeInteger(control.id)
      ? (control as TunnelControl)
      : undefined;
  } catch {
    return undefined;
  }
}

function toErrorMessage(id: number, error: unknown): TunnelControl {
  const message = error instanceof Error ? error.message : String(error);
  return { type: "error", id, code: error instanceof TunnelError ? error.code : 500, message };
}
