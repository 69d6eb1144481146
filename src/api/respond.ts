import type { ServerResponse } from "node:http";
import type { Writable } from "node:stream";
import type { Clock, Millis } from "../base/clock.ts";
import type { ApiFailure } from "./failure.ts";
import { toStatus } from "./failure.ts";

/** A reader that takes nothing for this long is dropped. */
export const SLOW_READER_MS: Millis = 15_000;
/** Bytes that may wait for a reader before we wait for it. */
export const HIGH_WATER_BYTES: number = 1024 * 1024;

/** Answers with JSON and a line feed. */
export function sendJson(
  response: ServerResponse,
  code: number,
  body: unknown,
  contentType = "application/json",
): void {
  sendBytes(response, code, Buffer.from(`${JSON.stringify(body)}\n`), contentType);
}

/** Answers with bytes that are JSON already; the line feed is added. */
export function sendStored(response: ServerResponse, code: number, bytes: Uint8Array): void {
  sendBytes(response, code, Buffer.concat([bytes, NEWLINE]), "application/json");
}

export function sendBytes(
  response: ServerResponse,
  code: number,
  content: Uint8Array,
  contentType: string,
): void {
  response.writeHead(code, { "Content-Type": contentType, "Content-Length": content.length });
  response.end(content);
}

/** Answers with the failure's `Status`; once an answer has begun, all that is left is to break it off. */
export function sendFailure(response: ServerResponse, failure: ApiFailure): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const after = failure.details?.retryAfterSeconds;
  if (after !== undefined) response.setHeader("Retry-After", after);
  sendJson(response, failure.code, toStatus(failure));
}

/** Writes, and waits while more than `HIGH_WATER_BYTES` lie unread. Returns false when the reader is gone or too slow. */
export async function writePatiently(
  reader: Writable,
  content: Uint8Array,
  clock: Clock,
): Promise<boolean> {
  if (reader.destroyed || reader.writableEnded) return false;
  reader.write(content);
  if (reader.writableLength <= HIGH_WATER_BYTES) return true;
  if (await drained(reader, clock)) return true;
  reader.destroy();
  return false;
}

async function drained(reader: Writable, clock: Clock): Promise<boolean> {
  const done = new AbortController();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const onDrain = (): void => resolve(true);
  const onClose = (): void => resolve(false);
  reader.once("drain", onDrain).once("close", onClose);
  clock.sleep(SLOW_READER_MS, done.signal).then(
    () => resolve(false),
    () => undefined,
  );
  try {
    return await promise;
  } finally {
    done.abort();
    reader.off("drain", onDrain).off("close", onClose);
  }
}

const NEWLINE = Buffer.from("\n");
