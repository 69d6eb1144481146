import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocket, WebSocketServer } from "ws";
import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { MAX_TUNNEL_MESSAGE } from "../model/tunnel-frame.ts";
import { TunnelPeer } from "../model/tunnel-peer.ts";
import type { TunnelEvents, TunnelLink } from "../model/tunnel-peer.ts";
import { TUNNEL_PROTOCOL } from "../model/tunnel.ts";
import type { TunnelRequest } from "../model/tunnel.ts";
import { ApiFailure } from "./failure.ts";

/** Which nodes can be asked. */
export interface Tunnels {
  isConnected(node: string): boolean;
}

/** How often tunnels are pinged; one that has not answered by the next time is closed. */
export const TUNNEL_PING_MS: Millis = 15_000;
/** Bytes that may wait in a node's WebSocket before data waits for its turn. */
const HIGH_WATER_BYTES: number = 512 * 1024;

/** The tunnels that agents have opened. A node has one: a newer one takes the place of the older. */
export class TunnelHub implements Tunnels {
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_TUNNEL_MESSAGE,
    perMessageDeflate: false,
    handleProtocols: () => TUNNEL_PROTOCOL,
  });
  readonly #tunnels = new Map<string, Tunnel>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  isConnected(node: string): boolean {
    return this.#tunnels.has(node);
  }

  /** Takes over an upgrade request of an authenticated node. Throws 426 when it speaks another protocol. */
  accept(node: string, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (!offers(request, TUNNEL_PROTOCOL)) {
      const message = `this control plane speaks only the tunnel protocol "${TUNNEL_PROTOCOL}": run the same version of Berth on node "${node}"`;
      throw new ApiFailure(426, "UpgradeRequired", message);
    }
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      this.#tunnels.get(node)?.close();
      const tunnel = new Tunnel(webSocket, (what) =>
        this.#logger.warn({ node, what }, "A node broke the tunnel's protocol"),
      );
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
  open(node: string, request: TunnelRequest, events: TunnelEvents): TunnelLink | undefined {
    return this.#tunnels.get(node)?.open(request, events);
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

class Tunnel {
  readonly #socket: WebSocket;
  readonly #peer: TunnelPeer;
  /** Whether the agent has answered the last ping. */
  #alive = true;

  constructor(socket: WebSocket, onViolation: (what: string) => void) {
    this.#socket = socket;
    this.#peer = new TunnelPeer({
      send: (message) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(message, () => this.#peer.pump());
      },
      isWritable: () => socket.bufferedAmount < HIGH_WATER_BYTES,
      onViolation: (what) => {
        onViolation(what);
        socket.terminate();
      },
    });
    socket.on("message", (data, isBinary) => {
      // Without a binaryType the library gives Buffers; anything else is not ours.
      if (isBinary && Buffer.isBuffer(data)) this.#peer.receive(data);
      else this.close();
    });
    socket.on("pong", () => {
      this.#alive = true;
    });
    socket.on("error", () => socket.terminate());
    socket.on("close", () => this.#peer.fail(503, "the connection to the node broke off"));
  }

  open(request: TunnelRequest, events: TunnelEvents): TunnelLink | undefined {
    return this.#socket.readyState === WebSocket.OPEN
      ? this.#peer.open(request, events)
      : undefined;
  }

  ping(): void {
    if (!this.#alive) return this.close();
    this.#alive = false;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping();
  }

  close(): void {
    this.#socket.terminate();
  }
}

function offers(request: IncomingMessage, protocol: string): boolean {
  const offered = request.headers["sec-websocket-protocol"] ?? "";
  return offered.split(",").some((one) => one.trim() === protocol);
}
