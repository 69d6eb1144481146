import { invariant } from "../base/assert.ts";

/** Health of a service as grpc.health.v1 names it. */
export type ServingStatus = "UNKNOWN" | "SERVING" | "NOT_SERVING" | "SERVICE_UNKNOWN";

const STATUSES: readonly ServingStatus[] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
/** gRPC puts one byte (compressed or not) and a length of four bytes before each message. */
const FRAME_HEAD_BYTES = 5;
/** A varint of 64 bits has no more bytes. */
const MAX_VARINT_BYTES = 10;

/** A HealthCheckRequest (`string service = 1`), framed. Pure. */
export function encodeHealthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message =
    name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a]), varint(name.length), name]);
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Reads a framed HealthCheckResponse (`ServingStatus status = 1`); throws when it is none. Pure. */
export function decodeHealthResponse(bytes: Buffer): ServingStatus | number {
  if (bytes.length < FRAME_HEAD_BYTES) throw new Error("the reply holds no message");
  if (bytes[0] !== 0) throw new Error("the reply is compressed, which was not asked for");
  const end = FRAME_HEAD_BYTES + bytes.readUInt32BE(1);
  if (bytes.length < end) throw new Error("the reply is cut off");
  // Proto3 leaves out what is zero.
  let status = 0;
  let at = FRAME_HEAD_BYTES;
  while (at < end) {
    const tag = readVarint(bytes, at, end);
    const field = tag.value >> 3n;
    const value = readField(bytes, { kind: Number(tag.value & 7n), at: tag.next, end });
    if (field === 1n && value.number !== undefined)
      status = Number(BigInt.asIntN(32, value.number));
    at = value.next;
  }
  return STATUSES[status] ?? status;
}

function varint(value: number): Buffer {
  invariant(Number.isInteger(value) && value >= 0, "only lengths are written");
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

interface Varint {
  readonly value: bigint;
  readonly next: number;
}

function readVarint(bytes: Buffer, from: number, end: number): Varint {
  let value = 0n;
  for (let index = 0; index < MAX_VARINT_BYTES && from + index < end; index += 1) {
    const byte = bytes[from + index] ?? 0;
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) return { value, next: from + index + 1 };
  }
  throw new Error("the reply is not a HealthCheckResponse");
}

/** Steps over one field of any type; numbers are read. */
function readField(
  bytes: Buffer,
  { kind, at, end }: { readonly kind: number; readonly at: number; readonly end: number },
): { readonly number?: bigint; readonly next: number } {
  if (kind === 0) {
    const { value, next } = readVarint(bytes, at, end);
    return { number: value, next };
  }
  const next = at + fieldBytes(bytes, { kind, at, end });
  if (next > end) throw new Error("the reply is not a HealthCheckResponse");
  return { next };
}

function fieldBytes(
  bytes: Buffer,
  { kind, at, end }: { readonly kind: number; readonly at: number; readonly end: number },
): number {
  if (kind === 1) return 8;
  if (kind === 5) return 4;
  if (kind !== 2) throw new Error("the reply is not a HealthCheckResponse");
  const { value, next } = readVarint(bytes, at, end);
  return next - at + Number(value);
}
