import type { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer, createWebSocketStream, type WebSocket } from "ws";
import type { Clock, Millis } from "../../base/clock.ts";
import type { ObjectStore } from "../../store/object-store.ts";
import { badRequest } from "../failure.ts";
import type { ResourceRequest } from "../request-info.ts";
import type { TunnelHub } from "../tunnel.ts";
import { openNodeStream } from "./node-stream.ts";
import { forwardSpdy, forwardWebSocket, parsePorts, type PortForward } from "./port-forward.ts";
import { relayToSpdy, relayToWebSocket } from "./process-streams.ts";
import { findPod, parseProcessRequest } from "./stream-request.ts";

/** A request whose connection becomes a stream. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

export interface StreamServices {
  readonly objects: ObjectStore;
  readonly tunnels: TunnelHub;
  readonly clock: Clock;
  /** Aborts when the server closes. */
  readonly signal: AbortSignal;
}

/** The subresources that are served by streams. */
export type StreamSubresource = "exec" | "attach" | "portforward";

const PROCESS_PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"] as const;
const SPDY = "SPDY/3.1";
const PORT_FORWARD = "portforward.k8s.io";
const TUNNELED_PORT_FORWARD = `${SPDY}+${PORT_FORWARD}`;
const KEEP_ALIVE_MS: Millis = 30_000;
/** Of one message of a client's WebSocket, in bytes. */
const MAX_MESSAGE_BYTES: number = 4 * 1024 * 1024;

const webSockets = new WebSocketServer({
  noServer: true,
  maxPayload: MAX_MESSAGE_BYTES,
  perMessageDeflate: false,
  handleProtocols: (offered) => PROCESS_PROTOCOLS.find((known) => offered.has(known)) ?? false,
});
/** The library takes no subprotocol with a slash: its header is taken from the request and put on the answer by us. */
const tunneledSpdy = new WebSocketServer({
  noServer: true,
  maxPayload: MAX_MESSAGE_BYTES,
  perMessageDeflate: false,
});
tunneledSpdy.on("headers", (headers) => {
  headers.push(`Sec-WebSocket-Protocol: ${TUNNELED_PORT_FORWARD}`);
});

export function isStreamSubresource(name: string | undefined): name is StreamSubresource {
  return name === "exec" || name === "attach" || name === "portforward";
}

/** Serves an authorized exec, attach or port-forward until it ends. Throws `ApiFailure` before it has begun. */
export async function serveStream(
  upgrade: Upgrade,
  what: ResourceRequest & { readonly subresource: StreamSubresource },
  query: URLSearchParams,
  services: StreamServices,
): Promise<void> {
  const closed = new AbortController();
  upgrade.socket.once("close", () => closed.abort());
  // A client that has vanished is noticed even while nothing is read from it.
  if (upgrade.socket instanceof Socket) upgrade.socket.setKeepAlive(true, KEEP_ALIVE_MS);
  const end = (): void => void upgrade.socket.destroy();
  services.signal.addEventListener("abort", end, { once: true });
  closed.signal.addEventListener("abort", () => services.signal.removeEventListener("abort", end));
  if (what.subresource === "portforward") return servePorts(upgrade, what, query, services);
  return serveProcess(upgrade, what, query, { ...services, signal: closed.signal });
}

async function serveProcess(
  upgrade: Upgrade,
  what: ResourceRequest & { readonly subresource: StreamSubresource },
  query: URLSearchParams,
  { objects, tunnels, clock, signal }: StreamServices,
): Promise<void> {
  const kind = what.subresource === "attach" ? "attach" : "exec";
  const { pod, node, target } = findPod(objects, what);
  const request = parseProcessRequest(kind, pod, target, query);
  const isSpdy = isSpdyUpgrade(upgrade.request);
  const offered = isSpdy
    ? valuesOf(upgrade.request, "x-stream-protocol-version")
    : valuesOf(upgrade.request, "sec-websocket-protocol");
  const protocol = PROCESS_PROTOCOLS.find(
    (known) => offered.includes(known) && !(isSpdy && known === "v5.channel.k8s.io"),
  );
  if (protocol === undefined) {
    throw badRequest(
      `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(" ")}], server accepts [${PROCESS_PROTOCOLS.join(" ")}]`,
    );
  }
  const stream = await openNodeStream({ tunnels, node, request }, signal);
  if (isSpdy) {
    acceptSpdy(upgrade, protocol);
    return relayToSpdy(upgrade.socket, stream, request, clock);
  }
  const socket = await acceptWebSocket(webSockets, upgrade);
  relayToWebSocket(socket, stream, protocol === "v5.channel.k8s.io" ? 5 : 4);
}

async function servePorts(
  upgrade: Upgrade,
  what: ResourceRequest,
  query: URLSearchParams,
  { objects, tunnels }: StreamServices,
): Promise<void> {
  const { node, target } = findPod(objects, what);
  const forward: PortForward = { tunnels, node, target };
  if (isSpdyUpgrade(upgrade.request)) {
    const offered = valuesOf(upgrade.request, "x-stream-protocol-version");
    if (!offered.includes(PORT_FORWARD)) throw unknownProtocol(offered);
    acceptSpdy(upgrade, PORT_FORWARD);
    return forwardSpdy(upgrade.socket, forward);
  }
  const offered = valuesOf(upgrade.request, "sec-websocket-protocol");
  if (offered.includes(TUNNELED_PORT_FORWARD)) {
    delete upgrade.request.headers["sec-websocket-protocol"];
    const socket = await acceptWebSocket(tunneledSpdy, upgrade);
    return forwardSpdy(createWebSocketStream(socket), forward);
  }
  if (!PROCESS_PROTOCOLS.some((known) => offered.includes(known))) throw unknownProtocol(offered);
  const ports = parsePorts(query);
  forwardWebSocket(await acceptWebSocket(webSockets, upgrade), ports, forward);
}

function unknownProtocol(offered: readonly string[]): Error {
  return badRequest(
    `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(" ")}], server accepts [${[TUNNELED_PORT_FORWARD, PORT_FORWARD, ...PROCESS_PROTOCOLS].join(" ")}]`,
  );
}

/** Throws 400 for what is neither SPDY nor a WebSocket. */
function isSpdyUpgrade({ headers }: IncomingMessage): boolean {
  const wanted = (headers.upgrade ?? "").toLowerCase();
  if (wanted === SPDY.toLowerCase()) return true;
  if (wanted === "websocket") return false;
  throw badRequest(
    `unable to upgrade: missing upgrade headers in request: want "${SPDY}" or "websocket"`,
  );
}

/** Clients send several in one header, or the header several times. */
function valuesOf({ headersDistinct }: IncomingMessage, name: string): readonly string[] {
  return (headersDistinct[name] ?? [])
    .flatMap((value) => value.split(","))
    .map((value) => value.trim());
}

function acceptWebSocket(
  server: WebSocketServer,
  { request, socket, head }: Upgrade,
): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    socket.once("close", () => reject(badRequest("the client has gone")));
    server.handleUpgrade(request, socket, head, resolve);
  });
}

function acceptSpdy({ socket, head }: Upgrade, protocol: string): void {
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${SPDY}\r\n` +
      `X-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  if (head.length > 0) socket.unshift(head);
}
