import { WebSocket } from "ws";
import type { Clock, Millis } from "../../base/clock.ts";
import { CHANNEL, type AttachRequest, type ExecRequest } from "../../model/tunnel.ts";
import { toStatus } from "../failure.ts";
import { toNodeFailure } from "../pod-log.ts";
import { ChannelWriter, type NodeStream } from "./node-stream.ts";
import { SpdyConnection, type SpdyListener, type SpdyStream } from "./spdy-connection.ts";
import type { Duplex } from "node:stream";

/** In v5, the client's "nothing more on this channel". */
const CLOSE_CHANNEL = 255;
/** The client must open all of a SPDY session's streams within this. */
const STREAM_CREATION_MS: Millis = 30_000;
const NORMAL_CLOSURE = 1000;
const UNSUPPORTED_DATA = 1003;

type OutputChannel = "stdout" | "stderr" | "error";
const CHANNEL_OF: Readonly<Record<string, number>> = CHANNEL;

/** exec or attach in a WebSocket of `v4.channel.k8s.io` or `v5.channel.k8s.io`: each message begins with its channel. */
export function relayToWebSocket(socket: WebSocket, stream: NodeStream, version: 4 | 5): void {
  const writers = new Map<number, ChannelWriter>(
    [CHANNEL.stdin, CHANNEL.resize].map((channel) => [channel, new ChannelWriter(stream, channel)]),
  );
  const gone = (): void => stream.reset(499, "the client has gone");
  const wait = async (drained: Promise<void>): Promise<void> => {
    socket.pause();
    await drained;
    socket.resume();
  };
  socket.on("message", (data, isBinary) => {
    if (!isBinary || !Buffer.isBuffer(data)) return socket.close(UNSUPPORTED_DATA);
    const [channel = CLOSE_CHANNEL, ended] = data;
    if (channel === CLOSE_CHANNEL && version === 5 && ended !== undefined) {
      return ended === CHANNEL.stdin ? stream.end(ended) : undefined;
    }
    const drained = writers.get(channel)?.write(data.subarray(1));
    if (drained !== undefined) void wait(drained);
  });
  socket.on("error", () => socket.terminate());
  socket.on("close", gone);
  const send = (channel: number, chunk: Uint8Array, done?: () => void): void => {
    if (socket.readyState !== WebSocket.OPEN) return done?.();
    socket.send(Buffer.concat([Buffer.of(channel), chunk]), () => done?.());
  };
  const release = (): void => {
    for (const writer of writers.values()) writer.release();
  };
  stream.listen({
    data: (channel, chunk) => send(channel, chunk, () => stream.taken(channel, chunk.length)),
    ended: () => undefined,
    drained: (channel) => writers.get(channel)?.release(),
    closed: () => {
      release();
      socket.close(NORMAL_CLOSURE);
    },
    failed: (code, message) => {
      release();
      send(CHANNEL.error, failureBytes(code, message));
      socket.close(NORMAL_CLOSURE);
    },
  });
  // It may have gone while the node was asked.
  if (socket.readyState !== WebSocket.OPEN) gone();
}

/** exec or attach in SPDY, a stream for each channel. Resolves at its end. */
export async function relayToSpdy(
  duplex: Duplex,
  stream: NodeStream,
  request: ExecRequest | AttachRequest,
  clock: Clock,
): Promise<void> {
  const wanted = new Set<string>([
    "error",
    ...(["stdin", "stdout", "stderr"] as const).filter((name) => request[name]),
  ]);
  // The client leaves it out when its terminal has no size.
  const optional = request.tty ? ["resize"] : [];
  const streams = new Map<string, SpdyStream>();
  const writers = new Map<number, ChannelWriter>();
  const done = new AbortController();
  const connection = new SpdyConnection(duplex, (opened) => {
    const type = opened.headers.get("streamtype") ?? "";
    if (streams.has(type) || (!wanted.has(type) && !optional.includes(type))) return undefined;
    streams.set(type, opened);
    return toListener(type);
  });
  const toListener = (type: string): SpdyListener => {
    const channel = CHANNEL_OF[type] ?? CHANNEL.error;
    const isInput = type === "stdin" || type === "resize";
    const writer = new ChannelWriter(stream, channel);
    if (isInput) writers.set(channel, writer);
    return {
      opened: () => {
        if ([...wanted].every((name) => streams.has(name))) begin();
      },
      data: (chunk) => (isInput ? writer.write(chunk) : undefined),
      ended: () => (type === "stdin" ? stream.end(channel) : undefined),
      reset: () => {
        writer.release();
        if (type === "stdin") stream.end(channel);
      },
    };
  };
  const nameOf = (channel: number): OutputChannel =>
    channel === CHANNEL.stdout ? "stdout" : channel === CHANNEL.stderr ? "stderr" : "error";
  const finish = (): void => {
    for (const writer of writers.values()) writer.release();
    for (const one of streams.values()) one.end();
    connection.close();
  };
  let begun = false;
  const begin = (): void => {
    if (begun) return;
    begun = true;
    done.abort();
    stream.listen({
      data: (channel, chunk) => {
        const taken = (): void => stream.taken(channel, chunk.length);
        const to = streams.get(nameOf(channel));
        if (to === undefined) taken();
        else to.write(chunk, taken);
      },
      ended: () => undefined,
      drained: (channel) => writers.get(channel)?.release(),
      closed: finish,
      failed: (code, message) => {
        streams.get("error")?.write(failureBytes(code, message));
        finish();
      },
    });
  };
  clock.sleep(STREAM_CREATION_MS, done.signal).then(
    () => duplex.destroy(),
    () => undefined,
  );
  await connection.run();
  done.abort();
  for (const writer of writers.values()) writer.release();
  stream.reset(499, "the client has gone");
}

function failureBytes(code: number, message: string): Uint8Array {
  return Buffer.from(JSON.stringify(toStatus(toNodeFailure(code, message))));
}
