import { WebSocket } from "ws";
import { backoffMs } from "../base/backoff.ts";
import type { BackoffPolicy } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { MAX_TUNNEL_MESSAGE } from "../model/tunnel-frame.ts";
import { TunnelPeer } from "../model/tunnel-peer.ts";
import type { TunnelEvents, TunnelLink } from "../model/tunnel-peer.ts";
import { TUNNEL_PATH, TUNNEL_PROTOCOL } from "../model/tunnel.ts";
import type { TunnelRequest } from "../model/tunnel.ts";
import type { ApiCredentials } from "./transport.ts";
import { openTunnelStream, type TunnelStream } from "./tunnel-stream.ts";

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
  /** As of each connection. */
  readonly tls: Omit<ApiCredentials, "server"> | (() => Omit<ApiCredentials, "server">);
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
/** Bytes in our socket's queue above which data waits for its turn. */
const HIGH_WATER_BYTES: number = 512 * 1024;
/** Longest refusal of the API that is read. */
const MAX_REFUSAL_CHARS = 4096;

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
  const socket = new WebSocket(url, [TUNNEL_PROTOCOL], {
    ...(typeof tls === "function" ? tls() : tls),
    minVersion: "TLSv1.3",
    handshakeTimeout: HANDSHAKE_LIMIT_MS,
    maxPayload: MAX_TUNNEL_MESSAGE,
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
  socket.on("message", (data, isBinary) => {
    if (isBinary && Buffer.isBuffer(data)) connection.receive(data);
    else socket.terminate();
  });
  socket.on("unexpected-response", (_request, response) => {
    let body = "";
    response.setEncoding("utf8").on("data", (text: string) => {
      body = (body + text).slice(0, MAX_REFUSAL_CHARS);
    });
    response.on("close", () => {
      failure = new Error(`The API refused the tunnel with ${response.statusCode ?? 0}: ${body}`);
      socket.terminate();
    });
  });
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

class Connection {
  readonly #socket: WebSocket;
  readonly #options: TunnelOptions;
  readonly #peer: TunnelPeer;
  readonly #closed = new AbortController();
  #watchdog = new AbortController();

  constructor(socket: WebSocket, options: TunnelOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#peer = new TunnelPeer({
      send: (message) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(message, () => this.#peer.pump());
      },
      isWritable: () => socket.bufferedAmount < HIGH_WATER_BYTES,
      onOpen: (request, link) => this.#serve(request, link),
      onViolation: (what) => {
        options.logger.warn({ what }, "The API broke the tunnel's protocol");
        socket.terminate();
      },
    });
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
    this.#peer.fail(503, "The tunnel is closed");
  }

  receive(message: Uint8Array): void {
    this.#peer.receive(message);
  }

  #serve(request: TunnelRequest, link: TunnelLink): TunnelEvents {
    const { stream, events } = openTunnelStream(link, this.#options.clock);
    void this.#answer(request, link, stream);
    return events;
  }

  async #answer(request: TunnelRequest, link: TunnelLink, stream: TunnelStream): Promise<void> {
    try {
      await this.#options.handler(request, stream);
      stream.accept();
      link.close();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      link.reset(error instanceof TunnelError ? error.code : 500, message);
    }
  }
}
