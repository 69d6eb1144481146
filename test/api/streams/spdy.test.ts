import { duplexPair, type Duplex } from "node:stream";
import { constants, createDeflate } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  SpdyConnection,
  type SpdyListener,
  type SpdyStream,
} from "../../../src/api/streams/spdy-connection.ts";
import { SPDY_DICTIONARY } from "../../../src/api/streams/spdy-dictionary.ts";
import {
  SpdyError,
  SpdyParser,
  dataFrame,
  goAwayFrame,
  pingFrame,
  replyFrame,
  resetFrame,
  synStreamFrame,
  type SpdyFrame,
} from "../../../src/api/streams/spdy-frame.ts";
import { HeaderReader, HeaderWriter } from "../../../src/api/streams/spdy-headers.ts";

/** A frame as a line; data that was cut comes as one. */
function toLines(frames: readonly SpdyFrame[]): readonly string[] {
  const lines: string[] = [];
  for (const frame of frames) {
    if (frame.type !== "data") {
      lines.push(
        JSON.stringify({ ...frame, ...("block" in frame ? { block: [...frame.block] } : {}) }),
      );
      continue;
    }
    const start = `data ${frame.id} `;
    const text = Buffer.from(frame.payload).toString("hex");
    const last = lines.at(-1);
    if (last?.startsWith(start) === true && !last.endsWith("."))
      lines[lines.length - 1] = `${last}${text}${frame.last ? "." : ""}`;
    else lines.push(`${start}${text}${frame.last ? "." : ""}`);
  }
  return lines;
}

const frameBytes = fc.oneof(
  fc
    .tuple(fc.constantFrom(1, 3), fc.uint8Array({ maxLength: 30 }), fc.boolean())
    .map(([id, payload, last]) => dataFrame(id, payload, last)),
  fc.integer({ min: 1, max: 9 }).map(pingFrame),
  fc.uint8Array({ maxLength: 20 }).map((block) => synStreamFrame(1, block)),
  fc.constant(resetFrame(3, 5)),
  fc.constant(replyFrame(1, new Uint8Array(3))),
  fc.constant(goAwayFrame(1)),
);

describe("SpdyParser", () => {
  test("reads the same frames, wherever the bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.array(frameBytes, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1 }),
        (frames, cuts) => {
          const all = Buffer.concat(frames);
          const whole = toLines([...new SpdyParser().push(all)]);
          const parser = new SpdyParser();
          const parts: SpdyFrame[] = [];
          for (let at = 0, turn = 0; at < all.length; turn += 1) {
            const size = cuts[turn % cuts.length] ?? 1;
            parts.push(...parser.push(all.subarray(at, at + size)));
            at += size;
          }
          expect(toLines(parts)).toEqual(whole);
        },
      ),
    );
  });

  test.each([
    ["another version", Buffer.from("8002000100000000", "hex"), "not of SPDY/3"],
    ["a long control frame", Buffer.from("8003000100ffffff", "hex"), "too long"],
    ["a short control frame", Buffer.from("800300010000000400000001", "hex"), "too short"],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => [...new SpdyParser().push(bytes)]).toThrow(message);
  });
});

describe("headers", () => {
  test("blocks of one direction share their compression", async () => {
    const [writer, reader] = [new HeaderWriter(), new HeaderReader()];
    for (const headers of [
      new Map([
        ["streamtype", "data"],
        ["port", "8080"],
      ]),
      new Map<string, string>(),
      new Map([["streamtype", "error"]]),
    ]) {
      expect(await reader.read(await writer.write(headers))).toEqual(headers);
    }
    writer.close();
    reader.close();
  });

  test("a small block may not grow to a large one", async () => {
    const deflate = createDeflate({ dictionary: SPDY_DICTIONARY });
    const parts: Buffer[] = [];
    deflate.on("data", (part: Buffer) => parts.push(part));
    deflate.write(Buffer.alloc(20_000_000));
    await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve));
    const reader = new HeaderReader();
    await expect(reader.read(Buffer.concat(parts))).rejects.toThrow("too large");
    reader.close();
  });

  test("hostile blocks are refused, never a crash", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (block) => {
        const reader = new HeaderReader();
        await reader.read(block).catch((error: unknown) => {
          expect(error).toBeInstanceOf(SpdyError);
        });
        reader.close();
      }),
      { numRuns: 200 },
    );
  });
});

/** A connection whose streams send back what comes. */
function open(listen?: (stream: SpdyStream) => SpdyListener | undefined): {
  readonly client: Duplex;
  readonly events: string[];
  readonly done: Promise<void>;
} {
  const [client, server] = duplexPair();
  const events: string[] = [];
  const echo = (stream: SpdyStream): SpdyListener => ({
    opened: () => events.push(`opened ${stream.headers.get("streamtype") ?? "?"}`),
    data: (chunk) => {
      stream.write(chunk);
      return undefined;
    },
    ended: () => {
      events.push("ended");
      stream.end();
    },
    reset: () => events.push("reset"),
  });
  client.on("error", () => undefined);
  return { client, events, done: new SpdyConnection(server, listen ?? echo).run() };
}

async function readAll(client: Duplex): Promise<readonly SpdyFrame[]> {
  const parser = new SpdyParser();
  const frames: SpdyFrame[] = [];
  for await (const chunk of client as AsyncIterable<Uint8Array>) frames.push(...parser.push(chunk));
  return frames;
}

describe("SpdyConnection", () => {
  const block = async (type: string, writer = new HeaderWriter()): Promise<Buffer> =>
    writer.write(new Map([["streamtype", type]]));

  test("opens a stream, answers on it and closes it", async () => {
    const { client, events, done } = open();
    const answer = readAll(client);
    client.write(synStreamFrame(1, await block("data")));
    client.write(dataFrame(1, Buffer.from("hello"), false));
    client.write(dataFrame(1, Buffer.from("!"), true));
    client.end(pingFrame(1));
    await done;
    expect(events).toEqual(["opened data", "ended"]);
    const frames = await answer;
    expect(frames.map(({ type }) => type)).toEqual(["syn-reply", "data", "data", "data", "ping"]);
    expect(toLines(frames)[1]).toBe(`data 1 ${Buffer.from("hello!").toString("hex")}.`);
  });

  test("the end of the connection resets what is open", async () => {
    const { client, events, done } = open();
    client.resume();
    client.end(synStreamFrame(1, await block("data")));
    await done;
    expect(events).toEqual(["opened data", "reset"]);
  });

  test("refuses a stream that nobody wants, and goes on", async () => {
    const { client, done } = open(() => undefined);
    const answer = readAll(client);
    client.write(synStreamFrame(1, await block("chair")));
    client.end(pingFrame(3));
    await done;
    expect((await answer).map(({ type }) => type)).toEqual(["reset", "ping"]);
  });

  test.each([
    ["an even id", synStreamFrame(2, new Uint8Array(0))],
    ["a frame of another version", Buffer.from("8002000100000000", "hex")],
  ])("says good-bye at %s", async (_, bytes) => {
    const { client, done } = open();
    const answer = readAll(client);
    client.write(bytes);
    await done;
    expect((await answer).map(({ type }) => type)).toEqual(["goaway"]);
  });

  test("waits while a stream is full", async () => {
    const full = Promise.withResolvers<void>();
    const seen: string[] = [];
    const { client, done } = open(() => ({
      opened: () => undefined,
      data: (chunk) => {
        seen.push(Buffer.from(chunk).toString());
        return seen.length === 1 ? full.promise : undefined;
      },
      ended: () => undefined,
      reset: () => undefined,
    }));
    client.resume();
    client.write(synStreamFrame(1, await block("data")));
    client.write(dataFrame(1, Buffer.from("one"), false));
    client.end(dataFrame(1, Buffer.from("two"), true));
    while (seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual(["one"]);
    full.resolve();
    await done;
    expect(seen).toEqual(["one", "two"]);
  });

  test("ends, whatever bytes come", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(frameBytes, fc.uint8Array({ maxLength: 30 })), { maxLength: 10 }),
        async (parts) => {
          const { client, done } = open();
          client.resume();
          client.end(Buffer.concat(parts));
          await done;
        },
      ),
      { numRuns: 200 },
    );
  });
});
