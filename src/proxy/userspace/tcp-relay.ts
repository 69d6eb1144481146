import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { backendKey } from "../choose-backends.ts";
import type { Backend } from "../choose-backends.ts";
import type { Frontend } from "../frontend.ts";
import { proxyHeader } from "./proxy-protocol.ts";

/** Chooses a backend that is not among those tried already; `undefined` ends the attempt. */
export type Pick = (address: string, tried: ReadonlySet<string>) => Backend | undefined;

export interface TcpRelayOptions {
  readonly address: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly frontend: () => Frontend;
  readonly pick: Pick;
}

export interface TcpRelay {
  readonly port: number;
  /** Takes no more connections. */
  close(): void;
}

/** Connections of one listening address. More wait in the kernel's queue until others end. */
const MAX_CONNECTIONS = 20_000;

/** How long a backend may take to answer, and how many are tried for one client. */
const CONNECT_MS = 3000;
const MAX_ATTEMPTS = 3;

const BACKLOG = 1024;

/** A peer that vanished without a word is noticed by keep-alives. */
const SOCKET = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
} as const;

/** Listens on an address and passes each connection on. Closing it ends no open connection. */
export async function startTcpRelay(options: TcpRelayOptions): Promise<TcpRelay> {
  const server = createServer({ pauseOnConnect: true, ...SOCKET });
  server.maxConnections = MAX_CONNECTIONS;
  server.on("connection", (client) => void serve(client, options));
  await listen(server, options);
  server.on("error", () => undefined);
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : options.port,
    close: () => void server.close(),
  };
}

async function listen(server: Server, { address, port }: TcpRelayOptions): Promise<void> {
  server.listen({ host: address, port, backlog: BACKLOG });
  await once(server, "listening");
}

async function serve(client: Socket, options: TcpRelayOptions): Promise<void> {
  const tried = new Set<string>();
  client.on("error", () => client.destroy());
  const from = client.remoteAddress ?? "";
  while (tried.size < MAX_ATTEMPTS && !client.destroyed) {
    const backend = options.pick(from, tried);
    if (backend === undefined) break;
    tried.add(backendKey(backend));
    const upstream = await open(backend);
    if (upstream === undefined) continue;
    if (client.destroyed) {
      upstream.destroy();
      return;
    }
    greet(client, upstream, options);
    join(client, upstream);
    join(upstream, client);
    return;
  }
  client.resetAndDestroy();
}

async function open({ address, port }: Backend): Promise<Socket | undefined> {
  const upstream = connect({ host: address, port, ...SOCKET });
  const signal = AbortSignal.timeout(CONNECT_MS);
  try {
    await once(upstream, "connect", { signal });
    return upstream;
  } catch {
    upstream.on("error", () => undefined);
    upstream.destroy();
    return undefined;
  }
}

function greet(client: Socket, upstream: Socket, { frontend, port }: TcpRelayOptions): void {
  const { proxyProtocol } = frontend();
  if (proxyProtocol === undefined) return;
  const { remoteAddress: from = "", remotePort: fromPort = 0, localAddress: to = "" } = client;
  upstream.write(proxyHeader(proxyProtocol, { from, fromPort, to, toPort: port }));
}

/** Bytes, their end and their failure go one way; a slow reader slows the writer down. */
function join(from: Socket, to: Socket): void {
  from.on("data", (chunk) => {
    if (!to.write(chunk)) from.pause();
  });
  to.on("drain", () => from.resume());
  from.on("end", () => to.end());
  from.on("error", () => to.resetAndDestroy());
  from.on("close", () => {
    if (!to.writableEnded) to.destroy();
  });
  from.resume();
}
