import { fieldsOf, type MessageField } from "./message-table.ts";
import { WireError, WireReader, type WireType } from "./wire.ts";

/** The media type of bodies in protobuf, which Go clients send (kubectl from 1.32 on, with no fallback). */
export const PROTOBUF = "application/vnd.kubernetes.protobuf";

type Json = Record<string, unknown>;

/** Before every object: `k8s` and a zero. */
const MAGIC = [0x6b, 0x38, 0x73, 0x00];
/** Deepest nesting of messages. */
const MAX_DEPTH = 100;

/**
 * An object as Go clients write it, in the form that the same client would have sent as JSON. Throws `WireError`.
 *
 * Source: the envelope `runtime.Unknown` of Kubernetes' apimachinery; what is a zero in Go and `omitempty` in JSON is
 * left out, since a field that Go does not point to is always written.
 */
export function decodeObject(content: Uint8Array): Json {
  if (MAGIC.some((byte, index) => content[index] !== byte)) {
    throw new WireError("it does not begin with the mark of Kubernetes' protobuf");
  }
  const { apiVersion, kind, raw } = readEnvelope(content.subarray(MAGIC.length));
  const message = messageOf(apiVersion, kind);
  if (fieldsOf(message) === undefined) {
    throw new WireError(`the kind ${kind} of ${apiVersion} is only read as JSON`);
  }
  return { apiVersion, kind, ...decodeMessage(message, raw, 0) };
}

/** `apps/v1.Deployment`, `core/v1.Pod`; the group's first label stands for it. */
function messageOf(apiVersion: string, kind: string): string {
  if (kind === "DeleteOptions") return "meta/v1.DeleteOptions";
  const slash = apiVersion.indexOf("/");
  if (slash === -1) return `core/${apiVersion}.${kind}`;
  const [group = ""] = apiVersion.slice(0, slash).split(".");
  return `${group}/${apiVersion.slice(slash + 1)}.${kind}`;
}

function readEnvelope(content: Uint8Array): {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Uint8Array;
} {
  const envelope = splitFields(content);
  const [apiVersion, kind] = splitPair(envelope.get(1) ?? EMPTY);
  if (envelope.get(3)?.length) throw new WireError("the object is encoded once more");
  return { apiVersion: text(apiVersion), kind: text(kind), raw: envelope.get(2) ?? EMPTY };
}

const EMPTY = new Uint8Array();

/** The fields of a message that are bytes; of one that comes again, the last. */
function splitFields(content: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const fields = new Map<number, Uint8Array>();
  for (const reader = new WireReader(content); !reader.done;) {
    const { field, type } = reader.tag();
    if (type === "bytes") fields.set(field, reader.bytes());
    else reader.skip(type);
  }
  return fields;
}

function splitPair(content: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const fields = splitFields(content);
  return [fields.get(1) ?? EMPTY, fields.get(2) ?? EMPTY];
}

function decodeMessage(message: string, content: Uint8Array, depth: number): Json {
  if (depth > MAX_DEPTH) throw new WireError(`it is nested deeper than ${MAX_DEPTH} levels`);
  const fields = fieldsOf(message);
  if (fields === undefined) throw new WireError(`nobody knows the message ${message}`);
  const result: Json = {};
  for (const reader = new WireReader(content); !reader.done;) {
    const tag = reader.tag();
    const field = fields.get(tag.field);
    if (field === undefined) reader.skip(tag.type);
    else addField(result, field, { reader, type: tag.type, depth });
  }
  return result;
}

interface Input {
  readonly reader: WireReader;
  readonly type: WireType;
  readonly depth: number;
}

function addField(result: Json, field: MessageField, input: Input): void {
  const { name, shape } = field;
  if (name === undefined) {
    Object.assign(result, decodeMessage(field.type, readBytes(input), input.depth + 1));
  } else if (shape === "one") {
    const value = readValue(field.type, input);
    if (value !== undefined && !(field.omitsZero && isZero(value))) result[name] = value;
  } else if (shape === "list") {
    const list = (result[name] ??= []) as unknown[];
    if (input.type === "bytes" && isNumber(field.type)) readPacked(field.type, list, input);
    else list.push(readValue(field.type, input) ?? null);
  } else {
    const [key, value] = readEntry(field, input);
    const map = (result[name] ??= {}) as Json;
    Object.defineProperty(map, key, { value, ...PLAIN });
  }
}

/** Keys such as `__proto__` are keys as others. */
const PLAIN = { enumerable: true, configurable: true, writable: true } as const;

function isNumber(type: string): boolean {
  return type === "i" || type === "b" || type === "d";
}

/** Numbers of a list may be written one after the other. */
function readPacked(type: string, list: unknown[], { reader, depth }: Input): void {
  const packed = new WireReader(reader.bytes());
  const each: WireType = type === "d" ? "fixed64" : "varint";
  while (!packed.done) list.push(readValue(type, { reader: packed, type: each, depth }));
}

function readEntry({ type, shape }: MessageField, input: Input): readonly [string, unknown] {
  const [key, value] = splitPair(readBytes(input));
  if (shape === "map of lists") {
    const items = [...itemsOf(value)];
    return [text(key), items.map((item) => text(item))];
  }
  return [text(key), decodeBytes(type, value, input.depth + 1)];
}

/** A named list of texts is a message whose field 1 comes again and again. */
function* itemsOf(content: Uint8Array): Generator<Uint8Array> {
  for (const reader = new WireReader(content); !reader.done;) {
    const { field, type } = reader.tag();
    if (field === 1 && type === "bytes") yield reader.bytes();
    else reader.skip(type);
  }
}

function readValue(type: string, input: Input): unknown {
  if (type === "i" || type === "b") {
    if (input.type !== "varint") throw new WireError("a number is not written as one");
    const value = input.reader.varint();
    return type === "i" ? value : value !== 0;
  }
  if (type === "d") {
    if (input.type !== "fixed64") throw new WireError("a fraction is not written as one");
    return input.reader.double();
  }
  return decodeBytes(type, readBytes(input), input.depth + 1);
}

function readBytes({ reader, type }: Input): Uint8Array {
  if (type !== "bytes") throw new WireError("a text or message is not written as one");
  return reader.bytes();
}

function decodeBytes(type: string, content: Uint8Array, depth: number): unknown {
  switch (type) {
    case "s":
      return text(content);
    case "y":
      return Buffer.from(content).toString("base64");
    case "strings":
      return [...itemsOf(content)].map((item) => text(item));
    case "quantity":
      return text(splitPair(content)[0]) || "0";
    case "json":
      return readJson(splitPair(content)[0]);
    case "time":
    case "microTime":
      return readTime(content, type === "microTime");
    case "intOrString":
      return readIntOrString(content);
    default:
      return decodeMessage(type, content, depth);
  }
}

function readJson(content: Uint8Array): unknown {
  if (content.length === 0) return undefined;
  try {
    return JSON.parse(text(content));
  } catch (error) {
    throw new WireError("a field that holds JSON does not", { cause: error });
  }
}

/** Numbers of fields 1, 2 … as varints; what is absent is 0. */
function numbersOf(content: Uint8Array): { readonly numbers: number[]; readonly last: Uint8Array } {
  const numbers = [0, 0, 0, 0];
  let last: Uint8Array = EMPTY;
  for (const reader = new WireReader(content); !reader.done;) {
    const { field, type } = reader.tag();
    if (type === "varint" && field < numbers.length) numbers[field] = reader.varint();
    else if (type === "bytes") last = reader.bytes();
    else reader.skip(type);
  }
  return { numbers, last };
}

/** Seconds since 1970 and nanoseconds; Go's zero time is an empty message and stands for none. */
function readTime(content: Uint8Array, isMicro: boolean): string | undefined {
  if (content.length === 0) return undefined;
  const [, seconds = 0, nanos = 0] = numbersOf(content).numbers;
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() < 0 || date.getUTCFullYear() > 9999) {
    throw new WireError("a time is out of range");
  }
  const whole = date.toISOString().slice(0, "2000-01-01T00:00:00".length);
  const micros = Math.floor(nanos / 1000);
  return isMicro ? `${whole}.${String(micros).padStart(6, "0")}Z` : `${whole}Z`;
}

function readIntOrString(content: Uint8Array): number | string {
  const { numbers, last } = numbersOf(content);
  const [, isText = 0, value = 0] = numbers;
  return isText === 0 ? value : text(last);
}

function isZero(value: unknown): boolean {
  return value === "" || value === 0 || value === false;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function text(content: Uint8Array): string {
  try {
    return UTF8.decode(content);
  } catch (error) {
    throw new WireError("a text is not UTF-8", { cause: error });
  }
}
