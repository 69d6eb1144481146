import type { IncomingMessage } from "node:http";
import { ApiFailure, badRequest, tooLarge } from "./failure.ts";
import { decodeObject, PROTOBUF } from "./protobuf/decode.ts";
import { WireError } from "./protobuf/wire.ts";

/** Largest request body: what etcd and so Kubernetes take at most, with room for encoding. */
export const MAX_BODY_BYTES: number = 3 * 1024 * 1024;
/** Deepest nesting of arrays and objects in a body. */
const MAX_DEPTH = 100;

export type JsonObject = Readonly<Record<string, unknown>>;

/** The type of a body, without its parameters; empty when none is stated. Pure. */
export function mediaType(request: IncomingMessage): string {
  const [type = ""] = (request.headers["content-type"] ?? "").split(";");
  return type.trim().toLowerCase();
}

/** The whole body. Throws 413. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const length = Number(request.headers["content-length"] ?? 0);
  if (length > MAX_BODY_BYTES) throw bodyTooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) throw bodyTooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof ApiFailure) throw error;
    throw badRequest("the request broke off");
  }
  return Buffer.concat(chunks);
}

/** The body as one JSON object. Throws 400, 413 or 415. */
export async function readJsonObject(
  request: IncomingMessage,
  types: readonly string[] = ["application/json"],
): Promise<JsonObject> {
  return asJsonObject(await readJson(request, types));
}

/** The body as JSON of any shape; where JSON is taken, protobuf is as well. Throws 400, 413 or 415. */
export async function readJson(
  request: IncomingMessage,
  types: readonly string[],
): Promise<unknown> {
  const type = mediaType(request);
  if (type === PROTOBUF && types.includes("application/json")) {
    return parseProtobuf(await readBody(request));
  }
  if (type !== "" && !types.includes(type)) throw unsupportedMediaType(type, types);
  return parseJson(await readBody(request));
}

/** The body as one JSON object, or `undefined` when it is empty. Throws 400, 413 or 415. */
export async function readOptionalJsonObject(
  request: IncomingMessage,
): Promise<JsonObject | undefined> {
  const content = await readBody(request);
  if (content.length === 0) return undefined;
  const type = mediaType(request);
  if (type === PROTOBUF) return asJsonObject(parseProtobuf(content));
  if (type !== "" && type !== "application/json") {
    throw unsupportedMediaType(type, ["application/json"]);
  }
  return asJsonObject(parseJson(content));
}

/** Whether the value is a JSON object, and no array. Pure. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function unsupportedMediaType(type: string, supported: readonly string[]): ApiFailure {
  const list = supported.join(", ");
  return new ApiFailure(
    415,
    "UnsupportedMediaType",
    `the body of the request was in an unknown format (${type}) - accepted media types include: ${list}`,
  );
}

function parseProtobuf(content: Buffer): unknown {
  try {
    return checkDepth(decodeObject(content));
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw badRequest(`the body of the request cannot be read as protobuf: ${error.message}`);
  }
}

function parseJson(content: Buffer): unknown {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(`the body of the request is not JSON: ${why}`);
  }
  return checkDepth(value);
}

function checkDepth(value: unknown): unknown {
  if (!isShallow(value, MAX_DEPTH)) {
    throw badRequest(`the body of the request is nested deeper than ${MAX_DEPTH} levels`);
  }
  return value;
}

function asJsonObject(value: unknown): JsonObject {
  if (isJsonObject(value)) return value;
  throw badRequest("the body of the request is not a JSON object");
}

/** What is nested too deeply would overflow the stack of whoever walks it. */
function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (depth === 0) return false;
  return Object.values(value).every((item) => isShallow(item, depth - 1));
}

function bodyTooLarge(): ApiFailure {
  return tooLarge(`the body of the request is larger than ${MAX_BODY_BYTES} bytes`);
}
