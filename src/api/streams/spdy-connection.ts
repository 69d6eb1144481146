import type { Duplex } from "node:stream";
import type { Millis } from "../../base/clock.ts";
import {
  RESET,
  SpdyError,
  SpdyParser,
  dataFrame,
  goAwayFrame,
  pingFrame,
  replyFrame,
  resetFrame,
  type SpdyFrame,
} from "./spdy-frame.ts";
import { HeaderReader, HeaderWriter, type SpdyHeaders } from "./spdy-headers.ts";

/** One stream that the client has opened. */
export interface SpdyStream {
  readonly headers: SpdyHeaders;
  /** `done` is called when the bytes have left, or never will. */
  write(bytes: Uint8Array, done?: () => void): void;
  /** Writes nothing more. */
  end(): void;
  /** Ends both directions at once. */
  reset(): void;
}

/** What becomes of what the client sends on a stream. */
export interface SpdyListener {
  /** The client has been told that the stream is open: it may be written to. */
  opened(): void;
  /** While a promise is given and unsettled, nothing more is read from the whole connection. */
  data(chunk: Uint8Array): Promise<void> | undefined;
  /** The client writes nothing more. */
  ended(): void;
  /** The client has given the stream up, or the connection is gone. */
  reset(): void;
}

/** Streams of one connection at a time: port-forward needs two for each of its connections. */
const MAX_SPDY_STREAMS = 512;
/** What is written last must be taken within this. */
const LINGER_MS: Millis = 5000;

interface Open {
  readonly listener: SpdyListener;
  /** Neither side writes once both are over. */
  inputOver: boolean;
  outputOver: boolean;
}

/** The server's end of a SPDY/3.1 connection over any two-way stream of bytes. */
export class SpdyConnection {
  readonly #duplex: Duplex;
  readonly #onStream: (stream: SpdyStream) => SpdyListener | undefined;
  readonly #streams = new Map<number, Open>();
  readonly #reader = new HeaderReader();
  readonly #writer = new HeaderWriter();
  #lastId = 0;

  /** `onStream` refuses a stream by `undefined`. */
  constructor(duplex: Duplex, onStream: (stream: SpdyStream) => SpdyListener | undefined) {
    this.#duplex = duplex;
    this.#onStream = onStream;
  }

  /** Serves until either side is done. Never rejects: what the client does wrong ends the connection. */
  async run(): Promise<void> {
    const parser = new SpdyParser();
    this.#duplex.on("error", () => undefined);
    // Even while a full stream keeps us from reading.
    this.#duplex.once("close", () => this.#resetAll());
    try {
      // Leaving the loop must not destroy it: what was written has yet to go out.
      const chunks = this.#duplex.iterator({ destroyOnReturn: false });
      for await (const chunk of chunks as AsyncIterable<Uint8Array>) {
        for (const frame of parser.push(chunk)) await this.#take(frame);
      }
    } catch (error) {
      if (error instanceof SpdyError) this.#send(goAwayFrame(this.#lastId));
    } finally {
      this.#linger();
      this.#resetAll();
      this.#reader.close();
      this.#writer.close();
    }
  }

  /** Ends the connection after all that was written. */
  close(): void {
    this.#duplex.end(goAwayFrame(this.#lastId));
  }

  async #take(frame: SpdyFrame): Promise<void> {
    switch (frame.type) {
      case "syn-stream":
        return this.#open(frame.id, frame.last, await this.#reader.read(frame.block));
      case "syn-reply":
      case "headers":
        // They change the compression, whatever they say.
        await this.#reader.read(frame.block);
        return;
      case "data":
        return this.#takeData(frame);
      case "reset":
        return this.#forget(frame.id)?.listener.reset();
      case "ping":
        // Of our own, which would be even, there are none.
        return frame.id % 2 === 1 ? this.#send(pingFrame(frame.id)) : undefined;
      default:
    }
  }

  async #open(id: number, last: boolean, headers: SpdyHeaders): Promise<void> {
    if (id % 2 === 0 || id <= this.#lastId) throw new SpdyError("a stream's id is out of turn");
    this.#lastId = id;
    if (this.#streams.size >= MAX_SPDY_STREAMS) return this.#send(resetFrame(id, RESET.refused));
    const listener = this.#onStream(this.#toStream(id, headers));
    if (listener === undefined) return this.#send(resetFrame(id, RESET.refused));
    const reply = await this.#writer.write(new Map());
    this.#streams.set(id, { listener, inputOver: last, outputOver: false });
    this.#send(replyFrame(id, reply));
    listener.opened();
    if (last) listener.ended();
  }

  async #takeData({ id, last, payload }: SpdyFrame & { readonly type: "data" }): Promise<void> {
    const open = this.#streams.get(id);
    // What was on its way when the stream ended.
    if (open === undefined) return;
    if (open.inputOver) throw new SpdyError("data after the end of a stream");
    if (payload.length > 0) await open.listener.data(payload);
    if (!last) return;
    open.inputOver = true;
    open.listener.ended();
    this.#forgetIfOver(id, open);
  }

  #toStream(id: number, headers: SpdyHeaders): SpdyStream {
    return {
      headers,
      write: (bytes, done) => {
        const open = this.#streams.get(id);
        if (open === undefined || open.outputOver || !this.#duplex.writable) done?.();
        else this.#duplex.write(dataFrame(id, bytes, false), () => done?.());
      },
      end: () => {
        const open = this.#streams.get(id);
        if (open === undefined || open.outputOver) return;
        open.outputOver = true;
        this.#send(dataFrame(id, new Uint8Array(0), true));
        this.#forgetIfOver(id, open);
      },
      reset: () => {
        if (this.#forget(id) !== undefined) this.#send(resetFrame(id, RESET.cancel));
      },
    };
  }

  #resetAll(): void {
    const open = [...this.#streams.values()];
    this.#streams.clear();
    for (const { listener } of open) listener.reset();
  }

  /** Lets go of the connection when what was written has gone out, or nobody takes it. */
  #linger(): void {
    const duplex = this.#duplex;
    const limit = setTimeout(() => duplex.destroy(), LINGER_MS).unref();
    duplex.once("close", () => clearTimeout(limit));
    // Else the other side's end would never be seen.
    duplex.resume();
    duplex.end(() => duplex.destroy());
  }

  #forgetIfOver(id: number, open: Open): void {
    if (open.inputOver && open.outputOver) this.#streams.delete(id);
  }

  #forget(id: number): Open | undefined {
    const open = this.#streams.get(id);
    this.#streams.delete(id);
    return open;
  }

  #send(bytes: Uint8Array): void {
    if (this.#duplex.writable) this.#duplex.write(bytes);
  }
}
