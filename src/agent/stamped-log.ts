import { demuxOutput, type FramePart } from "./log-demux.ts";

const NEWLINE = 0x0a;
const BLANK = 0x20;
/** A time-stamp has 30 characters. */
const MAX_STAMP_CHARS = 40;
/** Lines that are remembered of each output. What Docker repeats when it turns to the next file is a few hundred. */
const MAX_REMEMBERED = 16_384;

export interface StampedLogOptions {
  /** The reader wants the time-stamps. */
  readonly keepStamps: boolean;
  /** Docker repeats lines of a followed log when it turns to the next file. */
  readonly dropRepeats: boolean;
}

/**
 * The lines of a log that Docker was asked for with time-stamps, as they were written: Docker cuts lines longer than
 * 16 KiB and stamps each part, and of a followed log it repeats some lines at each rotation. A line is known again by
 * its stamp, which counts nanoseconds; two that follow one another may share one.
 */
export async function* readStampedLog(
  source: AsyncIterable<Uint8Array>,
  options: StampedLogOptions,
): AsyncGenerator<Uint8Array> {
  const outputs = { out: new Output(options), err: new Output(options) };
  for await (const part of demuxOutput(source)) {
    const bytes = (part.stderr ? outputs.err : outputs.out).take(part);
    if (bytes !== undefined && bytes.length > 0) yield bytes;
  }
}

/** stdout or stderr. */
class Output {
  readonly #options: StampedLogOptions;
  readonly #seen = new Set<string>();
  /** The beginning of the stamp of the frame that comes; absent once it is whole. */
  #stamp: string | undefined;
  #lastStamp = "";
  /** The last line is not at its end. */
  #isOpen = false;
  #isDropped = false;

  constructor(options: StampedLogOptions) {
    this.#options = options;
  }

  /** What the reader gets of a part. */
  take({ bytes, begins }: FramePart): Uint8Array | undefined {
    if (begins) this.#stamp = "";
    if (this.#stamp === undefined) return this.#pass(bytes);
    const end = bytes.indexOf(BLANK);
    const known = bytes.subarray(0, end < 0 ? bytes.length : end);
    this.#stamp += Buffer.from(known).toString("latin1");
    if (end < 0 && this.#stamp.length < MAX_STAMP_CHARS) return undefined;
    const prefix = this.#begin(this.#stamp);
    this.#stamp = undefined;
    const rest = this.#pass(bytes.subarray(known.length + 1));
    return prefix === "" ? rest : Buffer.concat([Buffer.from(prefix), rest ?? new Uint8Array(0)]);
  }

  #begin(stamp: string): string {
    const isRest = this.#isOpen && stamp === this.#lastStamp;
    const isNext = stamp === this.#lastStamp && !this.#isDropped;
    this.#isDropped = !isRest && !isNext && this.#seen.has(stamp);
    if (this.#isDropped) return "";
    this.#lastStamp = stamp;
    this.#remember(stamp);
    return this.#isOpen || !this.#options.keepStamps ? "" : `${stamp} `;
  }

  #pass(bytes: Uint8Array): Uint8Array | undefined {
    if (this.#isDropped || bytes.length === 0) return undefined;
    this.#isOpen = bytes.at(-1) !== NEWLINE;
    return bytes;
  }

  #remember(stamp: string): void {
    if (!this.#options.dropRepeats) return;
    this.#seen.add(stamp);
    if (this.#seen.size <= MAX_REMEMBERED) return;
    for (const oldest of this.#seen) {
      this.#seen.delete(oldest);
      return;
    }
  }
}
