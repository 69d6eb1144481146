/** Length of the header of every DNS message. */
export const HEADER_BYTES = 12;

const TRUNCATED = 0x02;

/** The pseudo record of EDNS: its TTL field holds flags. */
const OPT = 41;

/** Where the TTLs stand in a message, and the least of them. */
export interface Ttls {
  readonly offsets: readonly number[];
  /** Seconds. */
  readonly least: number;
}

/**
 * Finds the TTLs of a response without knowing its record types, so that a message of any kind can be kept and
 * handed on byte by byte. `undefined` when it is malformed or holds no record. Pure.
 */
export function findTtls(message: Uint8Array): Ttls | undefined {
  const view = viewOf(message);
  if (message.length < HEADER_BYTES) return undefined;
  let offset = questionEnd(message);
  const offsets: number[] = [];
  let least = Number.POSITIVE_INFINITY;
  const records = view.getUint16(6) + view.getUint16(8) + view.getUint16(10);
  for (let index = 0; index < records; index += 1) {
    offset = offset === undefined ? undefined : nameEnd(message, offset);
    if (offset === undefined || offset + 10 > message.length) return undefined;
    if (view.getUint16(offset) !== OPT) {
      offsets.push(offset + 4);
      least = Math.min(least, view.getUint32(offset + 4));
    }
    offset += 10 + view.getUint16(offset + 8);
  }
  return offsets.length === 0 ? undefined : { offsets, least };
}

/** Whether a response lacks records that did not fit. Pure. */
export function isTruncated(message: Uint8Array): boolean {
  return ((message[2] ?? 0) & TRUNCATED) !== 0;
}

/** Where the question section ends; `undefined` when it is malformed. Pure. */
export function questionEnd(message: Uint8Array): number | undefined {
  let offset: number | undefined = HEADER_BYTES;
  for (let count = viewOf(message).getUint16(4); count > 0; count -= 1) {
    offset = nameEnd(message, offset);
    if (offset === undefined || offset + 4 > message.length) return undefined;
    offset += 4;
  }
  return offset;
}

/** Whether `response` answers `query`: same id, marked as a response, same question. Pure. */
export function answersQuery(response: Uint8Array, query: Uint8Array): boolean {
  const end = questionEnd(query);
  if (end === undefined || response.length < end || response.length < HEADER_BYTES) return false;
  if (response[0] !== query[0] || response[1] !== query[1]) return false;
  if (((response[2] ?? 0) & 0x80) === 0) return false;
  const question = (message: Uint8Array): string =>
    Buffer.from(message.subarray(HEADER_BYTES, end)).toString("latin1").toLowerCase();
  return question(response) === question(query);
}

/** The end of a name: after its last label, or after the pointer that ends it. */
function nameEnd(message: Uint8Array, start: number): number | undefined {
  let offset = start;
  for (let length = message[offset]; length !== undefined; length = message[offset]) {
    if (length === 0) return offset + 1;
    if (length >= 0xc0) return offset + 2;
    if (length > 63) return undefined;
    offset += 1 + length;
  }
  return undefined;
}

function viewOf(message: Uint8Array): DataView {
  return new DataView(message.buffer, message.byteOffset, message.byteLength);
}
