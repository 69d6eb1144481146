/** What a client sends is no message: `message` says why, for people. */
export class WireError extends Error {
  override readonly name = "WireError";
}

/** How a field's value is written. */
export type WireType = "varint" | "fixed64" | "bytes" | "fixed32";

const WIRE_TYPES: readonly (WireType | undefined)[] = [
  "varint",
  "fixed64",
  "bytes",
  undefined, // Groups were given up before Kubernetes was.
  undefined,
  "fixed32",
];
/** 64 bits in groups of seven. */
const MAX_VARINT_BYTES = 10;

/** Reads the values of one message, one after the other. Source: protobuf.dev, "Encoding". Throws `WireError`. */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Number and kind of the value that follows. */
  tag(): { readonly field: number; readonly type: WireType } {
    const tag = this.varint();
    const type = WIRE_TYPES[tag & 7];
    const field = Math.floor(tag / 8);
    if (type === undefined || tag < 8) throw new WireError("a field has an unknown wire type");
    return { field, type };
  }

  /** A signed whole number; beyond 2⁵³ it loses its last digits, as in JSON. */
  varint(): number {
    let value = 0n;
    for (let count = 0; count < MAX_VARINT_BYTES; count += 1) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new WireError("the message ends within a number");
      this.#at += 1;
      value |= BigInt(byte & 0x7f) << BigInt(7 * count);
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
    throw new WireError("a number is longer than 64 bits");
  }

  double(): number {
    const value = this.#view.getFloat64(this.#skipBytes(8), true);
    if (!Number.isFinite(value)) throw new WireError("a number is not finite");
    return value;
  }

  bytes(): Uint8Array {
    const length = this.varint();
    if (length < 0) throw new WireError("a length is negative");
    const start = this.#skipBytes(length);
    return this.#bytes.subarray(start, start + length);
  }

  skip(type: WireType): void {
    if (type === "varint") this.varint();
    else if (type === "bytes") this.bytes();
    else this.#skipBytes(type === "fixed64" ? 8 : 4);
  }

  /** Moves on; answers with where it stood. */
  #skipBytes(count: number): number {
    const start = this.#at;
    if (count > this.#bytes.length - start) throw new WireError("the message is cut off");
    this.#at += count;
    return start;
  }
}
