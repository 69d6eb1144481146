import fc from "fast-check";
import { expect, test } from "vitest";
import { demuxLog, jsonLines } from "../../src/agent/log-demux.ts";

/** Cuts bytes at the given places, as a network may. */
async function* cut(whole: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let index = 0; at < whole.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    yield whole.subarray(at, at + size);
    at += size;
  }
}

async function text(source: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
}

function frame(payload: string): Uint8Array {
  const body = new TextEncoder().encode(payload);
  const header = new Uint8Array(8);
  header[0] = 1;
  new DataView(header.buffer).setUint32(4, body.length);
  return Buffer.concat([header, body]);
}

const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 });

test("demuxLog() gives all payloads in order, wherever the stream is cut", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ maxLength: 30 })), sizes, async (payloads, cuts) => {
      const whole = Buffer.concat(payloads.map(frame));
      expect(await text(demuxLog(cut(whole, cuts)))).toBe(payloads.join(""));
    }),
  );
});

test("demuxLog() takes no more from its source than its reader wants", async () => {
  let taken = 0;
  async function* source(): AsyncGenerator<Uint8Array> {
    for (;;) {
      taken += 1;
      yield frame("line\n");
    }
  }
  for await (const _ of demuxLog(source())) break;
  expect(taken).toBe(1);
});

test("jsonLines() gives whole values, wherever the stream is cut", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ a: fc.string() })), sizes, async (values, cuts) => {
      const whole = new TextEncoder().encode(
        values.map((value) => `${JSON.stringify(value)}\n`).join(""),
      );
      const read: unknown[] = [];
      for await (const value of jsonLines(cut(whole, cuts))) read.push(value);
      expect(read).toEqual(values);
    }),
  );
});

test("jsonLines() refuses a line without end", async () => {
  const endless = cut(new TextEncoder().encode(`"${"x".repeat(100)}`), [10]);
  await expect(jsonLines(endless, 50).next()).rejects.toThrow("a line is too long");
});
