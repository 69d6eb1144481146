import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { isWithin } from "./observe-host.ts";

/** Beside VXLAN's: only nodes of the cluster ask, by addresses of the pod network. */
export const ECHO_PORT = 8473;

export interface Echo {
  close(): void;
}

export interface EchoQuestion {
  /** The own address in the pod network. */
  readonly from: string;
  readonly to: string;
  /** Of the whole packet, headers included. The kernel forbids routers to cut it. */
  readonly packetBytes: number;
  readonly timeoutMs: number;
}

const IP_AND_UDP_BYTES = 28;

/** Sends back what it gets from within the pod network, byte for byte. `undefined` when the port is taken. */
export async function serveEcho(address: string, podCidr: string): Promise<Echo | undefined> {
  const socket = createSocket("udp4");
  try {
    socket.bind(ECHO_PORT, address);
    await once(socket, "listening");
  } catch {
    socket.close();
    return undefined;
  }
  socket.unref();
  socket.on("error", () => undefined);
  socket.on("message", (message, { address: sender, port }) => {
    if (isWithin(sender, podCidr)) socket.send(message, port, sender, () => undefined);
  });
  return { close: () => socket.close() };
}

/** Whether a packet of that size came back from a node in time. */
export async function askEcho(
  { from, to, packetBytes, timeoutMs }: EchoQuestion,
  signal: AbortSignal,
): Promise<boolean> {
  const socket = createSocket("udp4");
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  try {
    socket.bind(0, from);
    await once(socket, "listening", { signal: either });
    return await Promise.race([
      answered(socket, to, packetBytes - IP_AND_UDP_BYTES),
      sleep(timeoutMs, false, { signal: either }),
    ]);
  } catch {
    signal.throwIfAborted();
    return false;
  } finally {
    over.abort();
    socket.close();
  }
}

function answered(socket: Socket, to: string, bytes: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.on("error", () => resolve(false));
  socket.on("message", (message, { address }) => {
    if (address === to && message.length === bytes) resolve(true);
  });
  socket.send(Buffer.alloc(bytes), ECHO_PORT, to, (error) => {
    // Larger than the kernel knows to get through.
    if (error !== null && error !== undefined) resolve(false);
  });
  return promise;
}
