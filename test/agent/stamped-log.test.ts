import fc from "fast-check";
import { expect, test } from "vitest";
import { readStampedLog } from "../../src/agent/stamped-log.ts";

async function* cut(whole: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let index = 0; at < whole.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    yield whole.subarray(at, at + size);
    at += size;
  }
}

function frame(payload: string, channel = 1): Uint8Array {
  const header = Buffer.alloc(8);
  header.writeUInt8(channel, 0);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, Buffer.from(payload)]);
}

const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 });

/** `T3 text` is a frame of stdout, `!T3 text` one of stderr. */
async function read(
  frames: readonly string[],
  options: { readonly keepStamps?: boolean; readonly dropRepeats?: boolean } = {},
): Promise<string> {
  const whole = Buffer.concat(
    frames.map((text) => (text.startsWith("!") ? frame(text.slice(1), 2) : frame(text))),
  );
  const texts = new Set<string>();
  await fc.assert(
    fc.asyncProperty(sizes, async (cuts) => {
      let text = "";
      const log = readStampedLog(cut(whole, cuts), {
        keepStamps: true,
        dropRepeats: true,
        ...options,
      });
      for await (const part of log) text += Buffer.from(part).toString();
      texts.add(text);
    }),
    { numRuns: 20 },
  );
  expect(texts.size).toBe(1);
  return [...texts].join("");
}

test("keeps a line's first stamp only, for each output, wherever the stream is cut", async () => {
  const frames = [
    "T1 begin ",
    "!T2 oops\n",
    "T3 middle ",
    "!T4 half",
    "T5 end\n",
    "!T6 err\n",
    "T7 next\n",
  ];
  expect(await read(frames)).toBe("T1 begin T2 oops\nmiddle T4 halfend\nerr\nT7 next\n");
  expect(await read(frames, { keepStamps: false })).toBe("begin oops\nmiddle halfend\nerr\nnext\n");
});

test("parts of a line may share its stamp", async () => {
  expect(await read(["T1 a", "T1 b", "T1 c\n", "T2 d\n"])).toBe("T1 abc\nT2 d\n");
});

test("drops what is repeated, and goes on with what is new", async () => {
  const lines = ["T1 a\n", "T2 b\n", "T3 c\n"];
  expect(await read([...lines, "T2 b\n", "T3 c\n", "T4 d\n"])).toBe("T1 a\nT2 b\nT3 c\nT4 d\n");
  expect(await read([...lines, "T1 a\n"], { dropRepeats: false })).toBe("T1 a\nT2 b\nT3 c\nT1 a\n");
});

test("a clock that goes back loses nothing, and neighbours may share a stamp", async () => {
  expect(await read(["T5 a\n", "T3 b\n", "T3 c\n", "T4 d\n"])).toBe("T5 a\nT3 b\nT3 c\nT4 d\n");
});

test("the outputs are told apart", async () => {
  expect(await read(["T1 a\n", "!T1 b\n"])).toBe("T1 a\nT1 b\n");
});

test("an empty line is a line", async () => {
  expect(await read(["T1 \n", "T2 \n"], { keepStamps: false })).toBe("\n\n");
});
