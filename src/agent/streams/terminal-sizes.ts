import type { Clock, Millis } from "../../base/clock.ts";
import type { TunnelStream } from "../../client/tunnel-stream.ts";
import { CHANNEL } from "../../model/tunnel.ts";
import type { ProcessStream, TerminalSize } from "../runtime.ts";

/** A client tells the size of its terminal at once, or not at all. */
const FIRST_SIZE_MS: Millis = 300;
/** Of one message about the terminal's size. */
const MAX_SIZE_CHARS = 1024;
/** Columns and rows are 16 bits wide. */
const MAX_SIDE = 65_535;

/** The sizes of the client's terminal, as it tells them. */
export class TerminalSizes {
  readonly #stream: TunnelStream;
  readonly #sizes: AsyncGenerator<TerminalSize>;
  readonly #first: Promise<IteratorResult<TerminalSize, unknown>>;

  constructor(stream: TunnelStream) {
    this.#stream = stream;
    this.#sizes = readSizes(stream);
    this.#first = this.#sizes.next();
    this.#first.catch(() => undefined);
  }

  /** The size at the start, when it is told soon. */
  async first(clock: Clock): Promise<TerminalSize | undefined> {
    const done = new AbortController();
    try {
      return await Promise.race([
        this.#first.then(({ value }) => value as TerminalSize | undefined),
        clock.sleep(FIRST_SIZE_MS, AbortSignal.any([done.signal, this.#stream.signal])).then(
          () => undefined,
          () => undefined,
        ),
      ]);
    } finally {
      done.abort();
    }
  }

  /** Gives every size to the process, until the stream ends. */
  follow(process: ProcessStream): void {
    this.#follow(process).catch(() => undefined);
  }

  async #follow(process: ProcessStream): Promise<void> {
    const { value, done } = await this.#first;
    const { signal } = this.#stream;
    if (done !== true) await process.resize(value, signal);
    for await (const size of this.#sizes) await process.resize(size, signal);
  }
}

/** Sizes come as JSON, one after the other, wherever they are cut. */
async function* readSizes(stream: TunnelStream): AsyncGenerator<TerminalSize> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream.read(CHANNEL.resize)) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("}"); end >= 0; end = text.indexOf("}")) {
      const size = parseSize(text.slice(0, end + 1));
      text = text.slice(end + 1);
      if (size !== undefined) yield size;
    }
    if (text.length > MAX_SIZE_CHARS) text = "";
  }
}

function parseSize(text: string): TerminalSize | undefined {
  try {
    const { Width: columns, Height: rows } = JSON.parse(text) as Record<string, unknown>;
    return isSide(columns) && isSide(rows) ? { columns, rows } : undefined;
  } catch {
    return undefined;
  }
}

function isSide(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= MAX_SIDE;
}
