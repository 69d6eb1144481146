import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket } from "node:dgram";
import { once } from "node:events";
import type { Millis } from "../../base/clock.ts";
import { backendKey } from "../choose-backends.ts";
import type { Backend } from "../choose-backends.ts";

export interface UdpRelayOptions {
  readonly address: string;
  readonly port: number;
  readonly pick: (address: string) => Backend | undefined;
  /** Whether a backend still serves: who was sent to another one is sent anew. */
  readonly isServing: (backend: string) => boolean;
  readonly now: () => Millis;
}

export interface UdpRelay {
  /** Forgets clients that were silent for long, or whose backend is gone. */
  sweep(): void;
  close(): void;
}

/** As long as kernels know a UDP flow that went both ways. */
export const UDP_IDLE_MS: Millis = 120_000;

/** Clients of one listening address; the one that was silent longest makes room. */
const MAX_CLIENTS = 4096;

/** Datagrams of a new client that wait for its socket; more are lost, as datagrams are. */
const MAX_WAITING = 16;

interface Client {
  readonly upstream: Socket;
  /** What came before the socket was ready; `undefined` since then. */
  waiting: Buffer[] | undefined;
  readonly backend: string;
  seenAt: Millis;
}

/** Passes datagrams on: each client has a socket of its own to its backend, by which answers find back. */
export async function startUdpRelay(options: UdpRelayOptions): Promise<UdpRelay> {
  const { address, port, now } = options;
  const socket = createSocket("udp4");
  socket.bind({ address, port });
  await once(socket, "listening");
  socket.on("error", () => undefined);
  const clients = new Map<string, Client>();
  const forget = (key: string): void => {
    clients.get(key)?.upstream.close();
    clients.delete(key);
  };
  socket.on("message", (message, from) => {
    const key = `${from.address}:${from.port}`;
    const known = clients.get(key);
    if (known !== undefined && !options.isServing(known.backend)) forget(key);
    const client = clients.get(key) ?? welcome(from, key);
    if (client === undefined) return;
    // The order of the map is that of the last datagrams.
    client.seenAt = now();
    clients.delete(key);
    clients.set(key, client);
    if (client.waiting === undefined) client.upstream.send(message, () => undefined);
    else if (client.waiting.length < MAX_WAITING) client.waiting.push(message);
  });
  const welcome = (from: RemoteInfo, key: string): Client | undefined => {
    const backend = options.pick(from.address);
    if (backend === undefined) return undefined;
    const [oldest] = clients.keys();
    if (clients.size >= MAX_CLIENTS && oldest !== undefined) forget(oldest);
    const upstream = createSocket("udp4");
    const client: Client = {
      upstream,
      waiting: [],
      backend: backendKey(backend),
      seenAt: now(),
    };
    upstream.on("error", () => {
      if (clients.get(key) === client) forget(key);
    });
    upstream.on("message", (answer) => {
      client.seenAt = now();
      socket.send(answer, from.port, from.address, () => undefined);
    });
    upstream.connect(backend.port, backend.address, () => {
      for (const message of client.waiting ?? []) upstream.send(message, () => undefined);
      client.waiting = undefined;
    });
    return client;
  };
  return {
    sweep: () => {
      const until = now() - UDP_IDLE_MS;
      for (const [key, { seenAt, backend }] of clients)
        if (seenAt <= until || !options.isServing(backend)) forget(key);
    },
    close: () => {
      for (const key of clients.keys()) forget(key);
      socket.close();
    },
  };
}
