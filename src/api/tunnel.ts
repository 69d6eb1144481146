import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocket, WebSocketServer } from "ws";
import type { RawData } from "ws";
import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { MAX_TUNNEL_CHUNK, decodeChunk } from "../model/tunnel.ts";
import type { TunnelControl, TunnelRequest } from "../model/tunnel.ts";

/** Takes what comes back through a tunnel. */
export interface TunnelSink {
  /** Data follows. Called at most once, and before anything but `fail`. */
  accept(): void;
  /** Returns false when the reader is slow: nothing more comes until `resume` of the stream is called. */
  write(chunk: Uint8Array): boolean;
  end(): void;
  /** Instead of `accept`, or in place of `end`. */
  fail(code: number, message: string): void;
}

/** The server's side of one stream. */
export interface TunnelHandle {
  resume(): void;
  /** The reader has gone: the agent stops. */
  cancel(): void;
}

/** Which nodes can be asked. */
export interface Tunnels {
  isConnected(node: string): boolean;
}

/** How often tunnels are pinged; one that has not answered by the next time is closed. */
export const TUNNEL_PING_MS: Millis = 15_000;
/** Streams that one node serves at a time. */
const MAX_STREAMS = 256;

/** The tunnels that agents have opened. A node has one: a newer one takes the place of the older. */
export class TunnelHub implements Tunnels {
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_TUNNEL_CHUNK + 64 * 1024,
    perMessageDeflate: false,
  });
  readonly #tunnels = new Map<string, Tunnel>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  isConnected(node: string): boolean {
    return this.#tunnels.has(node);
  }

  /** Takes over an upgrade request of an authenticated node. */
  accept(node: string, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      this.#tunnels.get(node)?.close();
      const tunnel = new Tunnel(webSocket);
      this.#tunnels.set(node, tunnel);
      this.#logger.info({ node }, "A node has opened its tunnel");
      webSocket.on("close", () => {
        if (this.#tunnels.get(node) !== tunnel) return;
        this.#tunnels.delete(node);
        this.#logger.info({ node }, "The tunnel of a node is closed");
      });
    });
  }

  /** Asks a node; `undefined` when it is not connected or serves too many already. */
  open(node: string, request: TunnelRequest, sink: TunnelSink): TunnelHandle | undefined {
    return this.#tunnels.get(node)?.open(request, sink);
  }

  /** Pings all tunnels, again and again, until `signal` aborts; then closes them. */
  async run(clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(TUNNEL_PING_MS, signal).catch(() => undefined);
      if (!signal.aborted) for (const tunnel of this.#tunnels.values()) tunnel.ping();
    }
    for (const tunnel of this.#tunnels.values()) tunnel.close();
  }
}

interface Stream {
  readonly sink: TunnelSink;
  /** The agent was told to wait. */
  paused: boolean;
}

class Tunnel {
  readonly #socket: WebSocket;
  readonly #streams = new Map<number, Stream>();
  #lastId = 0;
  /** Whether the agent has answered the last ping. */
  #alive = true;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data, isBinary) => this.#receive(data, isBinary));
    socket.on("pong", () => {
      this.#alive = true;
    });
    socket.on("error", () => socket.terminate());
    socket.on("close", () => this.#failAll());
  }

  open(request: TunnelRequest, sink: TunnelSink): TunnelHandle | undefined {
    if (this.#socket.readyState !== WebSocket.OPEN || this.#streams.size >= MAX_STREAMS) {
      return undefined;
    }
    this.#lastId += 1;
    const id = this.#lastId;
    const stream: Stream = { sink, paused: false };
    this.#streams.set(id, stream);
    this.#send({ type: "open", id, request });
    return {
      resume: () => {
        if (!stream.paused) return;
        stream.paused = false;
        this.#send({ type: "resume", id });
      },
      cancel: () => {
        if (this.#streams.delete(id)) this.#send({ type: "cancel", id });
      },
    };
  }

  ping(): void {
    if (!this.#alive) return this.close();
    this.#alive = false;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping();
  }

  close(): void {
    this.#socket.terminate();
  }

  #receive(data: RawData, isBinary: boolean): void {
    // Without a binaryType the library gives Buffers; anything else is not ours.
    if (!Buffer.isBuffer(data)) return this.close();
    if (isBinary) this.#receiveChunk(data);
    else this.#receiveControl(data.toString("utf8"));
  }

  #receiveChunk(data: Buffer): void {
    const chunk = decodeChunk(data);
    const stream = chunk === undefined ? undefined : this.#streams.get(chunk.id);
    if (chunk === undefined || stream === undefined) return;
    if (stream.sink.write(chunk.payload) || stream.paused) return;
    stream.paused = true;
    this.#send({ type: "pause", id: chunk.id });
  }

  #receiveControl(text: string): void {
    const control = parseControl(text);
    if (control === undefined) return this.close();
    const sink = this.#streams.get(control.id)?.sink;
    if (sink === undefined) return; // Cancelled meanwhile.
    switch (control.type) {
      case "accept":
        sink.accept();
        return;
      case "end":
        this.#streams.delete(control.id);
        sink.end();
        return;
      case "error":
        this.#streams.delete(control.id);
        sink.fail(control.code, control.message);
        return;
      case "cancel":
        this.#streams.delete(control.id);
        sink.fail(502, "the node has given up");
        return;
      default: // The others go from us to the agent.
        this.close();
    }
  }

  #failAll(): void {
    for (const { sink } of this.#streams.values()) {
      sink.fail(503, "the connection to the node broke off");
    }
    this.#streams.clear();
  }

  #send(control: TunnelControl): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(control));
  }
}

function parseControl(text: string): TunnelControl | undefined {
  try {
    const control = JSON.parse(text) as Readonly<Record<string, unknown>> | null;
    if (control === null || !Number.isSafeInteger(control["id"])) return undefined;
    const isError = control["type"] === "error";
    const isWhole = Number.isSafeInteger(control["code"]) && typeof control["message"] === "string";
    return isError && !isWhole ? undefined : (control as unknown as TunnelControl);
  } catch {
    return undefined;
  }
}
