import type { Duplex } from "node:stream";
import { WebSocket } from "ws";
import type { TunnelEvents, TunnelLink } from "../../model/tunnel-peer.ts";
import { CHANNEL, type PodTarget } from "../../model/tunnel.ts";
import { badRequest } from "../failure.ts";
import type { TunnelHub } from "../tunnel.ts";
import { ChannelWriter } from "./node-stream.ts";
import { SpdyConnection, type SpdyListener, type SpdyStream } from "./spdy-connection.ts";

/** The pod whose ports are forwarded. */
export interface PortForward {
  readonly tunnels: TunnelHub;
  readonly node: string;
  readonly target: PodTarget;
}

const MAX_PORT = 65_535;
/** Of one session of the WebSocket form, whose ports are all opened at its start. */
const MAX_WEB_SOCKET_PORTS = 64;
const GONE = [499, "the client has gone"] as const;

/** Two streams of SPDY that belong together: one connection to a port. */
interface Pair {
  port: number;
  data?: SpdyStream;
  error?: SpdyStream;
  link?: TunnelLink | undefined;
  writer?: ChannelWriter;
}

/** Port-forward in SPDY: as many connections as the client opens pairs of streams. Resolves at its end. */
export async function forwardSpdy(duplex: Duplex, forward: PortForward): Promise<void> {
  const pairs = new Map<string, Pair>();
  const connection = new SpdyConnection(duplex, (stream) => {
    const type = stream.headers.get("streamtype");
    const port = toPort(stream.headers.get("port") ?? "");
    if (port === undefined || (type !== "data" && type !== "error")) return undefined;
    const requestId = stream.headers.get("requestid") ?? String(port);
    const pair = pairs.get(requestId) ?? { port };
    if (pair.port !== port || pair[type] !== undefined) return undefined;
    pair[type] = stream;
    pairs.set(requestId, pair);
    return listenTo(type, pair, {
      begin: () => connect(pair, forward, () => pairs.delete(requestId)),
      over: () => pairs.delete(requestId),
    });
  });
  await connection.run();
}

function listenTo(
  type: "data" | "error",
  pair: Pair,
  { begin, over }: { readonly begin: () => void; readonly over: () => void },
): SpdyListener {
  return {
    opened: () => {
      if (pair.data !== undefined && pair.error !== undefined) begin();
    },
    data: (chunk) => (type === "data" ? pair.writer?.write(chunk) : undefined),
    ended: () => {
      if (type === "data") pair.link?.end(CHANNEL.stdin);
    },
    reset: () => {
      over();
      pair.writer?.release();
      if (type === "data" || pair.link === undefined) pair.link?.reset(...GONE);
    },
  };
}

function connect(pair: Pair, { tunnels, node, target }: PortForward, over: () => void): void {
  const { port, data, error } = pair;
  const finish = (message?: string): void => {
    over();
    pair.writer?.release();
    if (message !== undefined) error?.write(Buffer.from(message));
    error?.end();
    data?.end();
  };
  const events: TunnelEvents = {
    data: (channel, chunk) => data?.write(chunk, () => pair.link?.taken(channel, chunk.length)),
    ended: () => undefined,
    drained: () => pair.writer?.release(),
    closed: () => finish(),
    failed: (_code, message) => finish(message),
  };
  pair.link = tunnels.open(node, { kind: "portForward", ...target, port }, events);
  if (pair.link === undefined) return finish(`node "${node}" is away or serves too many streams`);
  pair.writer = new ChannelWriter(pair.link, CHANNEL.stdin);
}

/** The ports of the WebSocket form. Throws 400. Pure. */
export function parsePorts(query: URLSearchParams): readonly number[] {
  const texts = query.getAll("ports").flatMap((text) => text.split(","));
  if (texts.length === 0) throw badRequest('query parameter "ports" is required');
  if (texts.length > MAX_WEB_SOCKET_PORTS) {
    throw badRequest(`at most ${MAX_WEB_SOCKET_PORTS} ports may be forwarded at once`);
  }
  return texts.map((text) => {
    const port = toPort(text);
    if (port === undefined) throw badRequest(`unable to parse ${JSON.stringify(text)} as a port`);
    return port;
  });
}

/**
 * The older form in a WebSocket: port number i has channel 2i for its data and 2i+1 for errors, and the first message
 * on each says which port it is.
 */
export function forwardWebSocket(
  socket: WebSocket,
  ports: readonly number[],
  { tunnels, node, target }: PortForward,
): void {
  const send = (channel: number, chunk: Uint8Array, done?: () => void): void => {
    if (socket.readyState !== WebSocket.OPEN) return done?.();
    socket.send(Buffer.concat([Buffer.of(channel), chunk]), () => done?.());
  };
  const open = new Set<number>();
  const lines = ports.map((port, index) => {
    const [dataChannel, errorChannel] = [2 * index, 2 * index + 1];
    const name = Buffer.of(port & 0xff, port >> 8);
    send(dataChannel, name);
    send(errorChannel, name);
    const over = (): void => {
      writer?.release();
      open.delete(index);
      if (open.size === 0) socket.close(1000);
    };
    const link = tunnels.open(
      node,
      { kind: "portForward", ...target, port },
      {
        data: (channel, chunk) =>
          send(dataChannel, chunk, () => link?.taken(channel, chunk.length)),
        ended: () => undefined,
        drained: () => writer?.release(),
        closed: over,
        failed: (_code, message) => {
          send(errorChannel, Buffer.from(message));
          over();
        },
      },
    );
    const writer = link === undefined ? undefined : new ChannelWriter(link, CHANNEL.stdin);
    if (link !== undefined) open.add(index);
    else send(errorChannel, Buffer.from(`node "${node}" is away or serves too many streams`));
    return { link, writer };
  });
  if (open.size === 0) socket.close(1000);
  socket.on("error", () => socket.terminate());
  socket.on("close", () => {
    for (const { link } of lines) link?.reset(...GONE);
  });
  const wait = async (drained: Promise<void>): Promise<void> => {
    socket.pause();
    await drained;
    socket.resume();
  };
  socket.on("message", (message, isBinary) => {
    if (!isBinary || !Buffer.isBuffer(message)) return socket.close(1003);
    const channel = message[0] ?? 1;
    // What comes on a channel for errors says nothing.
    const drained =
      channel % 2 === 0 ? lines[channel / 2]?.writer?.write(message.subarray(1)) : undefined;
    if (drained !== undefined) void wait(drained);
  });
}

function toPort(text: string): number | undefined {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port >= 1 && port <= MAX_PORT ? port : undefined;
}
