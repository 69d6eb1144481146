import type { IncomingMessage } from "node:http";
import type { ApiObject } from "../model/meta.ts";
import { ApiError } from "./client.ts";
import type { WatchEvent } from "./client.ts";

/** The server marks the version of each watch at least every 15 s: after four missed marks the line is dead. */
export const WATCH_SILENCE_MS = 60_000;
/** Largest event, above the largest object that the store takes. */
const MAX_EVENT_BYTES = 16 * 1024 * 1024;

const NEWLINE = 0x0a;

/** The events of a watch's answer, one JSON document a line, until it ends. Throws `ApiError`. */
export async function* readWatchEvents<T extends ApiObject>(
  stream: IncomingMessage,
): AsyncGenerator<WatchEvent<T>> {
  stream.setTimeout(WATCH_SILENCE_MS, () => {
    stream.destroy(
      new ApiError(0, "Unreachable", `The watch was silent for ${WATCH_SILENCE_MS} ms`),
    );
  });
  try {
    for await (const line of readLines(stream)) yield parseEvent<T>(line);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new ApiError(0, "Unreachable", `The watch broke off: ${why}`, { cause: error });
  } finally {
    stream.destroy();
  }
}

async function* readLines(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      parts.push(chunk.subarray(from, at));
      const line = parts.length === 1 ? parts[0] : Buffer.concat(parts);
      if (line !== undefined && line.length > 0) yield line.toString("utf8");
      parts = [];
      size = 0;
      from = at + 1;
    }
    if (from >= chunk.length) continue;
    parts.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > MAX_EVENT_BYTES) {
      throw new ApiError(0, "TooLarge", `A watch event is larger than ${MAX_EVENT_BYTES} bytes`);
    }
  }
}

interface RawEvent<T> {
  readonly type: string;
  readonly object: T & {
    readonly code?: number;
    readonly reason?: string;
    readonly message?: string;
  };
}

function parseEvent<T extends ApiObject>(line: string): WatchEvent<T> {
  const { type, object } = JSON.parse(line) as RawEvent<T>;
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      return { type, object };
    case "BOOKMARK":
      return { type, resourceVersion: object.metadata.resourceVersion ?? "0" };
    default:
      throw new ApiError(
        object.code ?? 500,
        object.reason ?? "Unknown",
        object.message ?? `The server sent the watch event "${type}"`,
      );
  }
}
