/** A frame of SPDY/3.1 as it comes; header blocks are still compressed. */
export type SpdyFrame =
  | {
      readonly type: "data";
      readonly id: number;
      readonly last: boolean;
      readonly payload: Uint8Array;
    }
  | {
      readonly type: "syn-stream" | "syn-reply" | "headers";
      readonly id: number;
      readonly last: boolean;
      readonly block: Uint8Array;
    }
  | { readonly type: "reset"; readonly id: number; readonly status: number }
  | { readonly type: "ping"; readonly id: number }
  | { readonly type: "goaway" }
  /** Settings, window updates, and what later versions may bring: nothing to do. */
  | { readonly type: "other" };

/** The other side broke the protocol. */
export class SpdyError extends Error {
  override readonly name = "SpdyError";
}

const HEADER_BYTES = 8;
const VERSION = 3;
const FLAG_FIN = 1;
const TYPE = { synStream: 1, synReply: 2, reset: 3, ping: 6, goaway: 7, headers: 8 } as const;
/** Largest control frame that is taken, in bytes. */
const MAX_CONTROL_BYTES: number = 64 * 1024;
const ID_MASK = 0x7fff_ffff;

/** Statuses of RST_STREAM that we send. */
export const RESET = { protocolError: 1, refused: 3, cancel: 5, internal: 6 } as const;

/**
 * Cuts bytes into frames, however they come. Data is handed on in parts as it comes, so a long data frame needs no
 * room; a control frame is kept until it is whole.
 */
export class SpdyParser {
  #kept: Buffer = Buffer.alloc(0);
  /** Of the data frame that is coming. */
  #data: { readonly id: number; readonly fin: boolean; left: number } | undefined;

  /** Throws `SpdyError`. */
  *push(bytes: Uint8Array): Generator<SpdyFrame> {
    const input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#kept = this.#kept.length === 0 ? input : Buffer.concat([this.#kept, input]);
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) yield frame;
  }

  #next(): SpdyFrame | undefined {
    if (this.#data !== undefined) return this.#nextData(this.#data);
    if (this.#kept.length < HEADER_BYTES) return undefined;
    const first = this.#kept.readUInt32BE(0);
    const flags = this.#kept.readUInt8(4);
    const length = this.#kept.readUIntBE(5, 3);
    if (first >>> 31 === 0) {
      this.#kept = this.#kept.subarray(HEADER_BYTES);
      this.#data = { id: first, fin: (flags & FLAG_FIN) !== 0, left: length };
      return this.#nextData(this.#data);
    }
    if (((first >>> 16) & 0x7fff) !== VERSION) throw new SpdyError("a frame is not of SPDY/3");
    if (length > MAX_CONTROL_BYTES) throw new SpdyError("a control frame is too long");
    if (this.#kept.length < HEADER_BYTES + length) return undefined;
    const body = this.#kept.subarray(HEADER_BYTES, HEADER_BYTES + length);
    this.#kept = this.#kept.subarray(HEADER_BYTES + length);
    return toControl(first & 0xffff, flags, body);
  }

  #nextData(data: {
    readonly id: number;
    readonly fin: boolean;
    left: number;
  }): SpdyFrame | undefined {
    if (data.left > 0 && this.#kept.length === 0) return undefined;
    const payload = this.#kept.subarray(0, data.left);
    this.#kept = this.#kept.subarray(payload.length);
    data.left -= payload.length;
    if (data.left === 0) this.#data = undefined;
    return { type: "data", id: data.id, last: data.left === 0 && data.fin, payload };
  }
}

function toControl(type: number, flags: number, body: Buffer): SpdyFrame {
  const last = (flags & FLAG_FIN) !== 0;
  const id = body.length >= 4 ? body.readUInt32BE(0) & ID_MASK : 0;
  const need = (bytes: number): void => {
    if (body.length < bytes) throw new SpdyError("a control frame is too short");
  };
  switch (type) {
    case TYPE.synStream:
      need(10);
      return { type: "syn-stream", id, last, block: body.subarray(10) };
    case TYPE.synReply:
      need(4);
      return { type: "syn-reply", id, last, block: body.subarray(4) };
    case TYPE.headers:
      need(4);
      return { type: "headers", id, last, block: body.subarray(4) };
    case TYPE.reset:
      need(8);
      return { type: "reset", id, status: body.readUInt32BE(4) };
    case TYPE.ping:
      need(4);
      return { type: "ping", id: body.readUInt32BE(0) };
    case TYPE.goaway:
      return { type: "goaway" };
    default:
      return { type: "other" };
  }
}

/** Pure. */
export function dataFrame(id: number, payload: Uint8Array, last: boolean): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(id, 0);
  header.writeUInt8(last ? FLAG_FIN : 0, 4);
  header.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([header, payload]);
}

/** Pure. */
export function replyFrame(id: number, block: Uint8Array): Buffer {
  return controlFrame(TYPE.synReply, Buffer.concat([uint32(id), block]));
}

/** Pure. */
export function resetFrame(id: number, status: number): Buffer {
  return controlFrame(TYPE.reset, Buffer.concat([uint32(id), uint32(status)]));
}

/** Pure. */
export function pingFrame(id: number): Buffer {
  return controlFrame(TYPE.ping, uint32(id));
}

/** Pure. */
export function goAwayFrame(lastId: number): Buffer {
  return controlFrame(TYPE.goaway, Buffer.concat([uint32(lastId), uint32(0)]));
}

/** As clients open streams: for tests of both ends. Pure. */
export function synStreamFrame(id: number, block: Uint8Array): Buffer {
  return controlFrame(
    TYPE.synStream,
    Buffer.concat([uint32(id), uint32(0), Buffer.alloc(2), block]),
  );
}

function controlFrame(type: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(0x8000 | VERSION, 0);
  header.writeUInt16BE(type, 2);
  header.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([header, body]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}
