import type { Socket } from "node:net";

/** The largest message that the length before it can tell. */
const MAX_MESSAGE_BYTES = 0xffff;

/** The DNS messages of a TCP connection, each after its length in two bytes. Ends with the connection. */
export async function* readTcpMessages(socket: Socket): AsyncGenerator<Buffer> {
  let pending: Buffer = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= 2) {
      const end = 2 + pending.readUInt16BE(0);
      if (pending.length < end) break;
      yield pending.subarray(2, end);
      pending = pending.subarray(end);
    }
  }
}

/** Sends one message. False when the peer reads too slowly: wait for `drain`. */
export function writeTcpMessage(socket: Socket, message: Buffer): boolean {
  if (message.length > MAX_MESSAGE_BYTES) return true;
  const framed = Buffer.alloc(2 + message.length);
  framed.writeUInt16BE(message.length, 0);
  message.copy(framed, 2);
  return socket.write(framed);
}
