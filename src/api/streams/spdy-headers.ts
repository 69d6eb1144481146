import { constants, createDeflate, createInflate, type Deflate, type Inflate } from "node:zlib";
import { SPDY_DICTIONARY } from "./spdy-dictionary.ts";
import { SpdyError } from "./spdy-frame.ts";

export type SpdyHeaders = ReadonlyMap<string, string>;

/** Of one block, uncompressed: what a compressed one may grow to. */
const MAX_BLOCK_BYTES: number = 64 * 1024;
const MAX_HEADERS = 64;

/** Reads the header blocks of one direction, which share a compression: each must be given, in order. */
export class HeaderReader {
  readonly #inflate: Inflate = createInflate({
    dictionary: SPDY_DICTIONARY,
    finishFlush: constants.Z_SYNC_FLUSH,
  });

  constructor() {
    // One that has failed may say so again when nobody listens.
    this.#inflate.on("error", () => undefined);
  }

  /** Throws `SpdyError`. */
  async read(block: Uint8Array): Promise<SpdyHeaders> {
    return parseHeaders(await pass(this.#inflate, block));
  }

  close(): void {
    this.#inflate.close();
  }
}

/** Writes the header blocks of one direction. */
export class HeaderWriter {
  readonly #deflate: Deflate = createDeflate({ dictionary: SPDY_DICTIONARY });

  async write(headers: SpdyHeaders): Promise<Buffer> {
    return await pass(this.#deflate, formatHeaders(headers));
  }

  close(): void {
    this.#deflate.close();
  }
}

/** One block through a compression that goes on. */
async function pass(through: Inflate | Deflate, block: Uint8Array): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onData = (part: Buffer): void => {
    size += part.length;
    if (size > MAX_BLOCK_BYTES) reject(new SpdyError("a header block is too large"));
    else parts.push(part);
  };
  const onError = (cause: Error): void => {
    reject(new SpdyError("a header block is not compressed as it should be", { cause }));
  };
  through.on("data", onData).once("error", onError);
  try {
    if (block.length > 0) through.write(block);
    through.flush(constants.Z_SYNC_FLUSH, () => resolve());
    await promise;
    return Buffer.concat(parts);
  } finally {
    through.off("data", onData).off("error", onError);
  }
}

/** Throws `SpdyError`. */
function parseHeaders(bytes: Buffer): SpdyHeaders {
  let at = 0;
  const number = (): number => {
    if (at + 4 > bytes.length) throw new SpdyError("a header block is cut off");
    at += 4;
    return bytes.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (at + length > bytes.length) throw new SpdyError("a header block is cut off");
    at += length;
    return bytes.toString("latin1", at - length, at);
  };
  const count = number();
  if (count > MAX_HEADERS) throw new SpdyError("there are too many headers");
  const headers = new Map<string, string>();
  for (let index = 0; index < count; index += 1) headers.set(text().toLowerCase(), text());
  return headers;
}

function formatHeaders(headers: SpdyHeaders): Buffer {
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, "latin1");
    return Buffer.concat([number(bytes.length), bytes]);
  };
  return Buffer.concat([
    number(headers.size),
    ...[...headers].flatMap(([name, value]) => [text(name), text(value)]),
  ]);
}
