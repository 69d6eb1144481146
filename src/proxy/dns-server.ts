import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import type { DnsResponder } from "./dns-responder.ts";
import { readTcpMessages, writeTcpMessage } from "./dns-tcp.ts";

export interface DnsServerOptions {
  /** Only this address: other servers of the host keep port 53 of theirs. */
  readonly address: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly respond: DnsResponder;
}

export interface DnsServer extends AsyncDisposable {
  readonly port: number;
}

/** More are turned away. */
const MAX_TCP_CONNECTIONS = 200;

/** A connection that is silent for so long is closed. */
const TCP_IDLE_MS = 10_000;

/** UDP queries being answered at one time; more are dropped, and clients ask again. */
const MAX_UDP_UNDER_WAY = 2000;

/** Serves DNS by UDP and TCP on one address and port. Throws when the port is taken. */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const ending = new AbortController();
  const udp = createSocket({ type: "udp4", lookup: sameAddress });
  const tcp = createServer();
  try {
    const port = await bindTcp(tcp, options);
    await bindUdp(udp, options.address, port);
    serveUdp(udp, options.respond, ending.signal);
    const sockets = serveTcp(tcp, options.respond, ending.signal);
    return {
      port,
      [Symbol.asyncDispose]: async () => {
        ending.abort();
        for (const socket of sockets) socket.destroy();
        await Promise.all([closed(udp), closed(tcp)]);
      },
    };
  } catch (error) {
    tcp.close();
    udp.close();
    throw error;
  }
}

/** Clients are known by their address: asking the resolver what it is would cost a turn of the loop each. */
function sameAddress(
  address: string,
  _options: unknown,
  done: (error: null, address: string, family: number) => void,
): void {
  done(null, address, 4);
}

async function bindTcp(server: Server, { address, port }: DnsServerOptions): Promise<number> {
  server.maxConnections = MAX_TCP_CONNECTIONS;
  server.listen({ host: address, port });
  await once(server, "listening");
  const bound = server.address();
  return typeof bound === "object" && bound !== null ? bound.port : port;
}

async function bindUdp(socket: UdpSocket, address: string, port: number): Promise<void> {
  // It may listen before "bind" returns.
  const listening = once(socket, "listening");
  socket.bind({ address, port });
  await listening;
}

function serveUdp(socket: UdpSocket, respond: DnsResponder, signal: AbortSignal): void {
  let underWay = 0;
  // An unreachable client is no reason to end; a socket that broke closes, which ends the thread.
  socket.on("error", () => undefined);
  const answer = async (message: Buffer, from: RemoteInfo): Promise<void> => {
    underWay += 1;
    try {
      const response = await respond(message, "udp", signal);
      if (response === undefined || signal.aborted) return;
      socket.send(response, from.port, from.address, () => undefined);
    } finally {
      underWay -= 1;
    }
  };
  socket.on("message", (message, from) => {
    if (underWay < MAX_UDP_UNDER_WAY) void answer(message, from);
  });
}

function serveTcp(server: Server, respond: DnsResponder, signal: AbortSignal): Set<Socket> {
  const sockets = new Set<Socket>();
  server.on("error", () => undefined);
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    // A connection that breaks ends its loop, and that is all there is to do.
    serveConnection(socket, respond, signal).catch(() => socket.destroy());
  });
  return sockets;
}

/** One message after the other, so that a client cannot pile up work. */
async function serveConnection(
  socket: Socket,
  respond: DnsResponder,
  signal: AbortSignal,
): Promise<void> {
  for await (const message of readTcpMessages(socket)) {
    const response = await respond(message, "tcp", signal);
    if (response === undefined) continue;
    if (!writeTcpMessage(socket, response)) await once(socket, "drain", { signal });
  }
}

async function closed(server: { close(done: () => void): unknown }): Promise<void> {
  const done = Promise.withResolvers<void>();
  server.close(() => done.resolve());
  await done.promise;
}
