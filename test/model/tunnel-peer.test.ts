import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeFrame, encodeFrame, type TunnelFrame } from "../../src/model/tunnel-frame.ts";
import { TunnelPeer, type TunnelEvents, type TunnelLink } from "../../src/model/tunnel-peer.ts";
import {
  CHANNEL,
  CHANNELS,
  MAX_TUNNEL_CHUNK,
  MAX_TUNNEL_STREAMS,
  TUNNEL_WINDOW,
  type TunnelRequest,
} from "../../src/model/tunnel.ts";

const REQUEST: TunnelRequest = {
  kind: "portForward",
  namespace: "shop",
  pod: "web",
  podUid: "u",
  port: 80,
};

/** One end of a stream, with all that came out of it. */
class End {
  link: TunnelLink | undefined;
  readonly untaken: { readonly channel: number; readonly chunk: Uint8Array }[] = [];
  readonly received = new Map<number, number[]>();
  readonly ended = new Set<number>();
  readonly drained: number[] = [];
  readonly over: string[] = [];
  held = 0;
  most = 0;
  /** Gives room back as soon as something comes. */
  takes = false;

  readonly events: TunnelEvents = {
    accepted: () => this.over.push("accepted"),
    data: (channel, chunk) => {
      const bytes = this.received.get(channel) ?? [];
      bytes.push(...chunk);
      this.received.set(channel, bytes);
      this.held += chunk.length;
      this.most = Math.max(this.most, this.held);
      this.untaken.push({ channel, chunk });
      if (this.takes) this.take();
    },
    ended: (channel) => this.ended.add(channel),
    closed: () => this.over.push("closed"),
    failed: (code, message) => this.over.push(`${code} ${message}`),
    drained: (channel) => this.drained.push(channel),
  };

  take(): void {
    const next = this.untaken.shift();
    if (next === undefined) return;
    this.held -= next.chunk.length;
    this.link?.taken(next.channel, next.chunk.length);
  }
}

/** Two peers and the wires between them, which move only when they are told to. */
class Pair {
  readonly wires: readonly [Uint8Array[], Uint8Array[]] = [[], []];
  readonly violations: string[] = [];
  readonly nodeEnds: End[] = [];
  /** How many messages a wire takes before its sender must wait. */
  room = Infinity;
  readonly server: TunnelPeer = this.#peer(0, false);
  readonly node: TunnelPeer = this.#peer(1, true);

  #peer(index: 0 | 1, isNode: boolean): TunnelPeer {
    return new TunnelPeer({
      send: (message) => this.wires[index].push(message),
      isWritable: () => this.wires[index].length < this.room,
      onViolation: (what) => this.violations.push(what),
      ...(isNode
        ? {
            onOpen: (_request: TunnelRequest, link: TunnelLink) => {
              const end = new End();
              end.link = link;
              this.nodeEnds.push(end);
              return end.events;
            },
          }
        : {}),
    });
  }

  open(): End {
    const end = new End();
    end.link = this.server.open(REQUEST, end.events);
    return end;
  }

  /** Delivers one message of a wire. Returns whether there was one. */
  deliver(index: 0 | 1): boolean {
    const message = this.wires[index].shift();
    if (message === undefined) return false;
    (index === 0 ? this.node : this.server).receive(message);
    (index === 0 ? this.server : this.node).pump();
    return true;
  }

  settle(): void {
    while (this.deliver(0) || this.deliver(1));
  }
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

type Act =
  | {
      readonly kind: "write";
      readonly from: 0 | 1;
      readonly stream: number;
      readonly channel: number;
      readonly size: number;
    }
  | {
      readonly kind: "end";
      readonly from: 0 | 1;
      readonly stream: number;
      readonly channel: number;
    }
  | { readonly kind: "take"; readonly from: 0 | 1; readonly stream: number }
  | { readonly kind: "deliver"; readonly wire: 0 | 1 };
const side = fc.constantFrom<0 | 1>(0, 1);
const stream = fc.integer({ min: 0, max: 2 });
const channel = fc.integer({ min: 0, max: 2 });
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({
    kind: fc.constant("write" as const),
    from: side,
    stream,
    channel,
    size: fc.constantFrom(1, 127, 128, 5000, MAX_TUNNEL_CHUNK, MAX_TUNNEL_CHUNK + 1, 90_000),
  }),
  fc.record({ kind: fc.constant("end" as const), from: side, stream, channel }),
  fc.record({ kind: fc.constant("take" as const), from: side, stream }),
  fc.record({ kind: fc.constant("deliver" as const), wire: side }),
);

describe("TunnelPeer", () => {
  test("any interleaving delivers every byte in order, and never more than a window ahead", () => {
    fc.assert(
      fc.property(
        fc.array(act, { maxLength: 60 }),
        fc.constantFrom(1, 3, Infinity),
        (acts, room) => {
          const pair = new Pair();
          const servers = [pair.open(), pair.open(), pair.open()];
          pair.settle();
          pair.room = room;
          const ends = [servers, pair.nodeEnds] as const;
          const sent = new Map<string, number[]>();
          const finished = new Set<string>();
          let count = 0;
          for (const one of acts) {
            if (one.kind === "deliver") {
              pair.deliver(one.wire);
              continue;
            }
            const end = ends[one.from][one.stream];
            if (one.kind === "take") {
              end?.take();
              continue;
            }
            const key = `${one.from}/${one.stream}/${one.channel}`;
            if (one.kind === "end") {
              finished.add(key);
              end?.link?.end(one.channel);
            } else if (!finished.has(key)) {
              const bytes = Uint8Array.from({ length: one.size }, () => (count += 1) & 0xff);
              const list = sent.get(key) ?? [];
              for (const byte of bytes) list.push(byte);
              sent.set(key, list);
              end?.link?.write(one.channel, bytes);
            }
          }
          // Then all readers read all.
          for (let moved = true; moved;) {
            moved = pair.deliver(0) || pair.deliver(1);
            for (const end of [...servers, ...pair.nodeEnds]) {
              if (end.untaken.length === 0) continue;
              end.take();
              moved = true;
            }
          }
          expect(pair.violations).toEqual([]);
          for (const [from, list] of ends.entries()) {
            for (const [index, end] of list.entries()) {
              for (let number = 0; number < 3; number += 1) {
                const key = `${1 - from}/${index}/${number}`;
                const [got, wanted] = [end.received.get(number) ?? [], sent.get(key) ?? []];
                expect(got.length).toBe(wanted.length);
                expect(Buffer.from(got).equals(Buffer.from(wanted))).toBe(true);
                expect(end.ended.has(number)).toBe(finished.has(key));
              }
              expect(end.most).toBeLessThanOrEqual(3 * TUNNEL_WINDOW);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test("a reader that takes nothing holds up nobody else, and gets a window at most", () => {
    const pair = new Pair();
    const [slow, quick] = [pair.open(), pair.open()];
    pair.settle();
    quick.takes = true;
    const [slowNode, quickNode] = pair.nodeEnds;
    const bytes = new Uint8Array(3 * TUNNEL_WINDOW).fill(7);
    expect(slowNode?.link?.write(CHANNEL.stdout, bytes)).toBe(false);
    quickNode?.link?.write(CHANNEL.stdout, bytes);
    // Another channel of the slow one goes on, too.
    slowNode?.link?.write(CHANNEL.error, bytesOf("bad"));
    pair.settle();
    expect(quick.received.get(CHANNEL.stdout)?.length).toBe(bytes.length);
    expect(slow.received.get(CHANNEL.stdout)?.length).toBe(TUNNEL_WINDOW);
    expect(slow.received.get(CHANNEL.error)?.length).toBe(3);
    expect(slowNode?.drained).toEqual([]);
    while (slow.untaken.length > 0) {
      slow.take();
      pair.settle();
    }
    expect(slow.received.get(CHANNEL.stdout)?.length).toBe(bytes.length);
    expect(slowNode?.drained).toEqual([CHANNEL.stdout]);
  });

  test("streams take turns on a wire that is full", () => {
    const pair = new Pair();
    pair.open();
    pair.open();
    pair.settle();
    pair.room = 1;
    for (const end of pair.nodeEnds) {
      end.link?.write(CHANNEL.stdout, new Uint8Array(4 * MAX_TUNNEL_CHUNK));
    }
    const order: number[] = [];
    for (let next = pair.wires[1][0]; next !== undefined; next = pair.wires[1][0]) {
      const frame = decodeFrame(next);
      if (frame?.type === "data") order.push(frame.id);
      pair.deliver(1);
    }
    // The first found the wire empty; from then on it is each one's turn.
    expect(order).toEqual([1, 1, 2, 1, 2, 1, 2, 2]);
  });

  test("ends a stream after what was written to it", () => {
    const pair = new Pair();
    const end = pair.open();
    pair.settle();
    pair.nodeEnds[0]?.link?.accept();
    pair.nodeEnds[0]?.link?.write(CHANNEL.stdout, new Uint8Array(2 * TUNNEL_WINDOW));
    pair.nodeEnds[0]?.link?.close();
    pair.settle();
    expect(end.over).toEqual(["accepted"]);
    end.takes = true;
    while (end.untaken.length > 0) end.take();
    pair.settle();
    expect(end.received.get(CHANNEL.stdout)?.length).toBe(2 * TUNNEL_WINDOW);
    expect(end.over).toEqual(["accepted", "closed"]);
    expect([pair.server.size, pair.node.size]).toEqual([0, 0]);
  });

  test("resets a stream at once, and nothing comes after", () => {
    const pair = new Pair();
    const end = pair.open();
    pair.settle();
    pair.nodeEnds[0]?.link?.write(CHANNEL.stdout, bytesOf("on its way"));
    end.link?.reset(499, "gone");
    pair.settle();
    expect(pair.nodeEnds[0]?.over).toEqual(["499 gone"]);
    expect(end.received.size).toBe(0);
    end.link?.write(CHANNEL.stdin, bytesOf("late"));
    end.link?.close();
    expect(pair.wires).toEqual([[], []]);
  });

  test("the end of the wire fails every stream", () => {
    const pair = new Pair();
    const end = pair.open();
    pair.server.fail(503, "broke off");
    expect(end.over).toEqual(["503 broke off"]);
    expect(pair.server.open(REQUEST, end.events)).toBeUndefined();
  });

  test("has a limit of streams, on both sides", () => {
    const pair = new Pair();
    for (let count = 0; count < MAX_TUNNEL_STREAMS; count += 1) pair.open();
    expect(pair.open().link).toBeUndefined();
    pair.settle();
    pair.node.receive(encodeFrame({ type: "open", id: 1000, request: REQUEST }));
    expect(decodeFrame(pair.wires[1][0] ?? new Uint8Array(0))).toMatchObject({
      type: "reset",
      id: 1000,
      code: 429,
    });
  });

  test.each<readonly [string, TunnelFrame, string]>([
    ["a used id", { type: "open", id: 1, request: REQUEST }, "a stream's id for the second time"],
    ["a stream of nobody", { type: "close", id: 9 }, "a stream that nobody opened"],
    [
      "credit that was never used",
      { type: "credit", id: 1, channel: 1, amount: 1 },
      "more credit than was used",
    ],
  ])("breaks off at %s", (_, frame, what) => {
    const pair = new Pair();
    pair.open();
    pair.settle();
    pair.node.receive(encodeFrame(frame));
    expect(pair.violations).toEqual([what]);
    expect(pair.nodeEnds[0]?.over).toEqual([
      `502 the tunnel broke off: the other side sent ${what}`,
    ]);
  });

  test("breaks off at more data than there was credit for, however small the parts", () => {
    for (const size of [MAX_TUNNEL_CHUNK, 1]) {
      const pair = new Pair();
      pair.open();
      pair.settle();
      const payload = new Uint8Array(size);
      let count = 0;
      while (pair.violations.length === 0) {
        pair.node.receive(encodeFrame({ type: "data", id: 1, channel: 0, payload }));
        count += 1;
      }
      expect(pair.violations).toEqual(["more data than there was credit for"]);
      expect(count).toBeLessThanOrEqual(TUNNEL_WINDOW / 128 + 1);
    }
  });

  test("survives whatever bytes come", () => {
    const header = fc.tuple(
      fc.integer({ min: 0, max: 8 }),
      fc.integer({ min: 0, max: CHANNELS }),
      fc.constantFrom(0, 0, 0, 1),
      fc.constant(0),
      fc.constant(0),
      fc.integer({ min: 0, max: 3 }),
    );
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(header, fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.json().map(bytesOf)))
        .map(([head, rest]) => Uint8Array.from([...head, ...rest])),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 30 }), (messages) => {
        const pair = new Pair();
        pair.open();
        pair.settle();
        for (const one of messages) {
          pair.node.receive(one);
          pair.server.receive(one);
        }
        expect(pair.violations.length).toBeLessThanOrEqual(2);
      }),
      { numRuns: 300 },
    );
  });
});

describe("encodeFrame and decodeFrame", () => {
  test.each<TunnelFrame>([
    { type: "open", id: 1, request: REQUEST },
    { type: "accept", id: 2 },
    { type: "data", id: 0xffff_ffff, channel: 4, payload: bytesOf("x") },
    { type: "end", id: 3, channel: 1 },
    { type: "credit", id: 4, channel: 2, amount: 70_000 },
    { type: "close", id: 5 },
    { type: "reset", id: 6, code: 404, message: "not here, nö" },
  ])("$type", (frame) => {
    expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
  });

  test("a long reason is cut", () => {
    const frame = decodeFrame(
      encodeFrame({ type: "reset", id: 1, code: 500, message: "x".repeat(1e6) }),
    );
    expect(frame?.type === "reset" && frame.message.length).toBe(4096);
  });
});

test("many small chunks use up a window, too, and both sides agree on it", () => {
  const pair = new Pair();
  const end = pair.open();
  pair.settle();
  const count = TUNNEL_WINDOW / 128;
  for (let index = 0; index < 2 * count; index += 1) {
    pair.nodeEnds[0]?.link?.write(CHANNEL.stdout, bytesOf("x"));
    pair.settle();
  }
  expect(pair.violations).toEqual([]);
  expect(end.received.get(CHANNEL.stdout)?.length).toBe(count);
  while (end.untaken.length > 0) {
    end.take();
    pair.settle();
  }
  expect(end.received.get(CHANNEL.stdout)?.length).toBe(2 * count);
});

test("a channel ends after what was written to it, however long that waits", () => {
  const pair = new Pair();
  const end = pair.open();
  pair.settle();
  pair.nodeEnds[0]?.link?.write(CHANNEL.stdout, new Uint8Array(2 * TUNNEL_WINDOW));
  pair.nodeEnds[0]?.link?.end(CHANNEL.stdout);
  pair.settle();
  expect([...end.ended]).toEqual([]);
  while (end.untaken.length > 0) {
    end.take();
    pair.settle();
  }
  expect([...end.ended]).toEqual([CHANNEL.stdout]);
});
