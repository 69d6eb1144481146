import { decodeFrame, encodeFrame, type TunnelFrame } from "./tunnel-frame.ts";
import {
  MAX_TUNNEL_CHUNK,
  MAX_TUNNEL_CONTROL,
  MAX_TUNNEL_STREAMS,
  TUNNEL_WINDOW,
  type TunnelRequest,
} from "./tunnel.ts";

/** What the owner of a stream hears of the other side. After `closed` or `failed` nothing comes any more. */
export interface TunnelEvents {
  /** The node has taken the stream on. */
  accepted?(): void;
  /** Each chunk must be given back once by `taken`, when it has gone on its way. It is the listener's to keep. */
  data(channel: number, chunk: Uint8Array): void;
  /** Nothing more comes on this channel. */
  ended(channel: number): void;
  /** The other side is done with the stream. */
  closed(): void;
  /** An HTTP status code and a sentence for people. */
  failed(code: number, message: string): void;
  /** All that was written on the channel is on its way, after `write` gave false. */
  drained(channel: number): void;
}

/** One side of a stream. Whatever is called after its end does nothing. */
export interface TunnelLink {
  accept(): void;
  /** Returns false while some of it waits: write on after `drained`. Nothing is dropped either way. */
  write(channel: number, chunk: Uint8Array): boolean;
  /** Ends one channel after what was written to it. */
  end(channel: number): void;
  /** Ends the stream after all that was written. */
  close(): void;
  /** Ends it at once; what waits is dropped. */
  reset(code: number, message: string): void;
  /** So many bytes of one chunk of `data` need no room any more. */
  taken(channel: number, bytes: number): void;
}

export interface TunnelPeerOptions {
  /** Hands a message to the wire. */
  readonly send: (message: Uint8Array) => void;
  /** Whether the wire takes more data now. When it does again, call `pump`. */
  readonly isWritable: () => boolean;
  /** Present on the side that streams are opened on. Listens to the new stream. */
  readonly onOpen?: (request: TunnelRequest, link: TunnelLink) => TunnelEvents;
  /** The other side broke the protocol: the wire must be cut. */
  readonly onViolation: (what: string) => void;
}

/** What a chunk counts at least: many small ones need more room than their bytes. */
const MIN_CHUNK_COST = 128;
/** Credit is given back in portions, so that it does not cost a message a chunk. */
const CREDIT_PORTION: number = TUNNEL_WINDOW / 4;

/** What a chunk takes of a window. Both sides must agree. Pure. */
function costOf(bytes: number): number {
  return Math.max(bytes, MIN_CHUNK_COST);
}

/**
 * One end of a tunnel: many streams over one wire, without I/O of its own. Each channel of each stream has a window in
 * each direction, so a slow reader holds up nobody else and at most a window of its data is in memory; channels that
 * have something to send take turns, a chunk each.
 */
export class TunnelPeer {
  readonly #options: TunnelPeerOptions;
  readonly #streams = new Map<number, Stream>();
  /** Channels that have something to send and the credit for it, whose turn comes first to last. */
  readonly #ready: Outlet[] = [];
  #lastId = 0;
  #broken = false;

  constructor(options: TunnelPeerOptions) {
    this.#options = options;
  }

  /** Streams that are open. */
  get size(): number {
    return this.#streams.size;
  }

  /** Opens a stream; `undefined` when there are too many, or the request is too large. */
  open(request: TunnelRequest, events: TunnelEvents): TunnelLink | undefined {
    if (this.#broken || this.#streams.size >= MAX_TUNNEL_STREAMS) return undefined;
    const id = this.#lastId + 1;
    const message = encodeFrame({ type: "open", id, request });
    if (message.length > MAX_TUNNEL_CONTROL) return undefined;
    this.#lastId = id;
    const stream = this.#add(id);
    stream.events = events;
    this.#options.send(message);
    return stream.link;
  }

  /** Takes one message from the wire, whatever it holds. */
  receive(message: Uint8Array): void {
    if (this.#broken) return;
    const frame = decodeFrame(message);
    if (frame === undefined) return this.#violate("a message that is none");
    if (frame.type === "open") return this.#opened(frame.id, frame.request);
    if (frame.id > this.#lastId) return this.#violate("a stream that nobody opened");
    const stream = this.#streams.get(frame.id);
    // What was on its way when the stream ended.
    if (stream !== undefined) this.#receiveOn(stream, frame);
  }

  /** Sends what waits, as far as the wire takes it. */
  pump(): void {
    while (!this.#broken && this.#options.isWritable()) {
      const outlet = this.#ready.shift();
      if (outlet === undefined) return;
      outlet.isReady = false;
      this.#sendChunk(outlet);
    }
  }

  /** The wire is gone: all streams fail. */
  fail(code: number, message: string): void {
    this.#broken = true;
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) stream.events?.failed(code, message);
  }

  #add(id: number): Stream {
    const link: TunnelLink = {
      accept: () => this.#onOpen(id, () => this.#send({ type: "accept", id })),
      write: (channel, chunk) => this.#write(id, channel, chunk),
      end: (channel) => this.#onOpen(id, (stream) => this.#end(stream, channel)),
      close: () =>
        this.#onOpen(id, (stream) => {
          stream.closing = true;
          this.#closeIfDone(stream);
        }),
      reset: (code, message) =>
        this.#onOpen(id, () => {
          this.#streams.delete(id);
          this.#send({ type: "reset", id, code, message });
        }),
      taken: (channel, bytes) =>
        this.#onOpen(id, (stream) => this.#giveCredit(stream, channel, costOf(bytes))),
    };
    const stream: Stream = {
      id,
      link,
      events: undefined,
      outlets: new Map(),
      inlets: new Map(),
      closing: false,
    };
    this.#streams.set(id, stream);
    return stream;
  }

  #onOpen(id: number, act: (stream: Stream) => void): void {
    const stream = this.#streams.get(id);
    if (stream !== undefined && !this.#broken) act(stream);
  }

  #opened(id: number, request: TunnelRequest): void {
    const { onOpen } = this.#options;
    if (onOpen === undefined) return this.#violate("a stream from the wrong side");
    if (id <= this.#lastId) return this.#violate("a stream's id for the second time");
    this.#lastId = id;
    if (this.#streams.size >= MAX_TUNNEL_STREAMS) {
      const message = `This node serves ${MAX_TUNNEL_STREAMS} streams already`;
      return this.#send({ type: "reset", id, code: 429, message });
    }
    const stream = this.#add(id);
    stream.events = onOpen(request, stream.link);
  }

  #receiveOn(stream: Stream, frame: Exclude<TunnelFrame, { readonly type: "open" }>): void {
    switch (frame.type) {
      case "accept":
        return stream.events?.accepted?.();
      case "data":
        return this.#receiveData(stream, frame.channel, frame.payload);
      case "end": {
        const inlet = inletOf(stream, frame.channel);
        if (inlet.ended) return;
        inlet.ended = true;
        return stream.events?.ended(frame.channel);
      }
      case "credit": {
        const outlet = outletOf(stream, frame.channel);
        outlet.credit += frame.amount;
        if (outlet.credit > TUNNEL_WINDOW) return this.#violate("more credit than was used");
        this.#lineUp(outlet);
        return this.pump();
      }
      case "close":
        this.#streams.delete(stream.id);
        return stream.events?.closed();
      case "reset":
        this.#streams.delete(stream.id);
        return stream.events?.failed(frame.code, frame.message);
      default:
    }
  }

  #receiveData(stream: Stream, channel: number, payload: Uint8Array): void {
    const inlet = inletOf(stream, channel);
    if (inlet.ended) return this.#violate("data after the end of a channel");
    inlet.held += costOf(payload.length);
    if (inlet.held > TUNNEL_WINDOW) return this.#violate("more data than there was credit for");
    stream.events?.data(channel, payload);
  }

  #giveCredit(stream: Stream, channel: number, cost: number): void {
    const inlet = inletOf(stream, channel);
    // What was taken is not held twice: `held` counts what the other side may still believe to be here.
    inlet.freed = Math.min(inlet.freed + cost, inlet.held);
    if (inlet.freed < CREDIT_PORTION || inlet.ended) return;
    const amount = inlet.freed;
    inlet.held -= amount;
    inlet.freed = 0;
    this.#send({ type: "credit", id: stream.id, channel, amount });
  }

  #write(id: number, channel: number, chunk: Uint8Array): boolean {
    const stream = this.#streams.get(id);
    if (stream === undefined || this.#broken || stream.closing || chunk.length === 0) return true;
    const outlet = outletOf(stream, channel);
    if (outlet.ending) return true;
    outlet.chunks.push(chunk);
    outlet.waiting += chunk.length;
    this.#lineUp(outlet);
    this.pump();
    outlet.isFull = outlet.waiting > 0;
    return !outlet.isFull;
  }

  #end(stream: Stream, channel: number): void {
    const outlet = outletOf(stream, channel);
    if (outlet.ending) return;
    outlet.ending = true;
    if (outlet.waiting === 0) this.#send({ type: "end", id: stream.id, channel });
  }

  #closeIfDone(stream: Stream): void {
    if (!stream.closing || this.#streams.get(stream.id) !== stream) return;
    for (const { waiting } of stream.outlets.values()) if (waiting > 0) return;
    this.#streams.delete(stream.id);
    this.#send({ type: "close", id: stream.id });
  }

  /** Lines a channel up for its turn, when it has something to send and the credit for it. */
  #lineUp(outlet: Outlet): void {
    if (outlet.isReady || outlet.waiting === 0 || outlet.credit < MIN_CHUNK_COST) return;
    outlet.isReady = true;
    this.#ready.push(outlet);
  }

  #sendChunk(outlet: Outlet): void {
    const { stream, channel } = outlet;
    const head = outlet.chunks[0];
    if (head === undefined || this.#streams.get(stream.id) !== stream) return;
    const size = Math.min(head.length, MAX_TUNNEL_CHUNK, outlet.credit);
    if (size === head.length) outlet.chunks.shift();
    else outlet.chunks[0] = head.subarray(size);
    outlet.waiting -= size;
    outlet.credit -= costOf(size);
    this.#send({ type: "data", id: stream.id, channel, payload: head.subarray(0, size) });
    if (outlet.waiting > 0) return this.#lineUp(outlet);
    if (outlet.ending) this.#send({ type: "end", id: stream.id, channel });
    if (outlet.isFull) {
      outlet.isFull = false;
      stream.events?.drained(channel);
    }
    this.#closeIfDone(stream);
  }

  #violate(what: string): void {
    this.#options.onViolation(what);
    this.fail(502, `the tunnel broke off: the other side sent ${what}`);
  }

  #send(frame: TunnelFrame): void {
    this.#options.send(encodeFrame(frame));
  }
}

interface Stream {
  readonly id: number;
  readonly link: TunnelLink;
  /** Absent only while `onOpen` runs. */
  events: TunnelEvents | undefined;
  /** By channel; made when first used. */
  readonly outlets: Map<number, Outlet>;
  readonly inlets: Map<number, Inlet>;
  /** It ends as soon as nothing waits. */
  closing: boolean;
}

/** What goes out on a channel. */
interface Outlet {
  readonly stream: Stream;
  readonly channel: number;
  readonly chunks: Uint8Array[];
  /** Bytes of `chunks`. */
  waiting: number;
  credit: number;
  /** It is in line. */
  isReady: boolean;
  /** Its writer was asked to pause. */
  isFull: boolean;
  ending: boolean;
}

/** What comes in on a channel. */
interface Inlet {
  /** What came, less the credit given back. */
  held: number;
  /** The part of it that was taken, and for which no credit was given yet. */
  freed: number;
  ended: boolean;
}

function outletOf(stream: Stream, channel: number): Outlet {
  const known = stream.outlets.get(channel);
  if (known !== undefined) return known;
  const outlet: Outlet = {
    stream,
    channel,
    chunks: [],
    waiting: 0,
    credit: TUNNEL_WINDOW,
    isReady: false,
    isFull: false,
    ending: false,
  };
  stream.outlets.set(channel, outlet);
  return outlet;
}

function inletOf(stream: Stream, channel: number): Inlet {
  const known = stream.inlets.get(channel);
  if (known !== undefined) return known;
  const inlet: Inlet = { held: 0, freed: 0, ended: false };
  stream.inlets.set(channel, inlet);
  return inlet;
}
