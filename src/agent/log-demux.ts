/** A frame of Docker's multiplexed log: one byte of stream, three of nothing, four of length, big-endian. */
const HEADER_BYTES = 8;

const STDERR = 2;

/** What a process wrote, and where to. */
export interface OutputChunk {
  readonly stderr: boolean;
  readonly bytes: Uint8Array;
}

/** A part of a frame. */
export interface FramePart extends OutputChunk {
  /** It is the first of its frame. */
  readonly begins: boolean;
}

/**
 * The payloads of Docker's multiplexed stream, in order. Takes the next chunk only when the reader wants more, so a
 * slow reader slows the daemon and nothing piles up. Closing it closes the source.
 */
export async function* demuxOutput(source: AsyncIterable<Uint8Array>): AsyncGenerator<FramePart> {
  const header = new Uint8Array(HEADER_BYTES);
  let headerFilled = 0;
  let payloadLeft = 0;
  let begins = false;
  for await (const chunk of source) {
    let at = 0;
    while (at < chunk.length) {
      if (payloadLeft > 0) {
        const bytes = chunk.subarray(at, at + payloadLeft);
        at += bytes.length;
        payloadLeft -= bytes.length;
        yield { stderr: header[0] === STDERR, bytes, begins };
        begins = false;
        continue;
      }
      const part = chunk.subarray(at, at + HEADER_BYTES - headerFilled);
      header.set(part, headerFilled);
      headerFilled += part.length;
      at += part.length;
      if (headerFilled === HEADER_BYTES) {
        payloadLeft = new DataView(header.buffer).getUint32(4);
        headerFilled = 0;
        begins = true;
      }
    }
  }
}

/** The same, stdout and stderr together. */
export async function* demuxLog(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of demuxOutput(source)) yield bytes;
}

/** JSON values of a stream of lines. Throws on a line that is not JSON, and on one longer than `maxLineChars`. */
export async function* jsonLines<T>(
  source: AsyncIterable<Uint8Array>,
  maxLineChars = 1_000_000,
): AsyncGenerator<T> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of source) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > maxLineChars)
      throw new Error("Cannot read a stream of JSON: a line is too long");
    for (const line of lines) if (line.trim() !== "") yield JSON.parse(line) as T;
  }
  if (rest.trim() !== "") yield JSON.parse(rest) as T;
}
