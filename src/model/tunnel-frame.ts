import { CHANNELS, MAX_TUNNEL_CHUNK, MAX_TUNNEL_CONTROL, type TunnelRequest } from "./tunnel.ts";

/** One binary message of the tunnel. */
export type TunnelFrame =
  /** The control plane opens a stream. Ids go up. */
  | { readonly type: "open"; readonly id: number; readonly request: TunnelRequest }
  /** The node takes it on: what follows is data. */
  | { readonly type: "accept"; readonly id: number }
  | {
      readonly type: "data";
      readonly id: number;
      readonly channel: number;
      readonly payload: Uint8Array;
    }
  /** The sender writes nothing more on this channel. */
  | { readonly type: "end"; readonly id: number; readonly channel: number }
  /** The sender has taken so much of what came on this channel: as much more may come. */
  | {
      readonly type: "credit";
      readonly id: number;
      readonly channel: number;
      readonly amount: number;
    }
  /** The stream is over, and all is well. */
  | { readonly type: "close"; readonly id: number }
  /** The stream is over at once: an HTTP status code and a sentence for people. */
  | {
      readonly type: "reset";
      readonly id: number;
      readonly code: number;
      readonly message: string;
    };

/** Type and channel, a byte each, and the stream's id, four, big-endian. */
const HEADER_BYTES = 6;
/** Longest sentence of a reset, in characters. */
const MAX_REASON_CHARS = 4096;
const TYPES = ["open", "accept", "data", "end", "credit", "close", "reset"] as const;

/** Largest message, in bytes. */
export const MAX_TUNNEL_MESSAGE: number =
  HEADER_BYTES + Math.max(MAX_TUNNEL_CHUNK, MAX_TUNNEL_CONTROL);

/** Pure. */
export function encodeFrame(frame: TunnelFrame): Uint8Array {
  const payload = payloadOf(frame);
  const message = new Uint8Array(HEADER_BYTES + payload.length);
  message[0] = TYPES.indexOf(frame.type) + 1;
  message[1] = "channel" in frame ? frame.channel : 0;
  new DataView(message.buffer).setUint32(2, frame.id);
  message.set(payload, HEADER_BYTES);
  return message;
}

/** `undefined` for what is none, whatever the bytes. The payload of data is a view. Pure. */
export function decodeFrame(message: Uint8Array): TunnelFrame | undefined {
  if (message.length < HEADER_BYTES || message.length > MAX_TUNNEL_MESSAGE) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const type = TYPES[view.getUint8(0) - 1];
  const channel = view.getUint8(1);
  const id = view.getUint32(2);
  const payload = message.subarray(HEADER_BYTES);
  if (type === undefined || id === 0 || channel >= CHANNELS) return undefined;
  switch (type) {
    case "open":
      return toOpen(id, payload);
    case "reset":
      return toReset(id, payload);
    case "data":
      return payload.length === 0 || payload.length > MAX_TUNNEL_CHUNK
        ? undefined
        : { type, id, channel, payload };
    case "credit":
      return payload.length === 4
        ? { type, id, channel, amount: view.getUint32(HEADER_BYTES) }
        : undefined;
    case "end":
      return payload.length === 0 ? { type, id, channel } : undefined;
    case "accept":
    case "close":
      return payload.length === 0 ? { type, id } : undefined;
    default:
      return undefined;
  }
}

function payloadOf(frame: TunnelFrame): Uint8Array {
  switch (frame.type) {
    case "open":
      return toBytes(frame.request);
    case "reset":
      return toBytes({ code: frame.code, message: frame.message.slice(0, MAX_REASON_CHARS) });
    case "data":
      return frame.payload;
    case "credit": {
      const amount = new Uint8Array(4);
      new DataView(amount.buffer).setUint32(0, frame.amount);
      return amount;
    }
    default:
      return NOTHING;
  }
}

function toOpen(id: number, payload: Uint8Array): TunnelFrame | undefined {
  const request = fromBytes(payload);
  if (request === undefined || typeof request["kind"] !== "string") return undefined;
  // Which kinds there are is the handler's to say: a newer control plane may ask for one that an older node has not.
  return { type: "open", id, request: request as unknown as TunnelRequest };
}

function toReset(id: number, payload: Uint8Array): TunnelFrame | undefined {
  const { code, message } = fromBytes(payload) ?? {};
  const isWhole = typeof code === "number" && Number.isSafeInteger(code);
  return isWhole && typeof message === "string"
    ? { type: "reset", id, code, message: message.slice(0, MAX_REASON_CHARS) }
    : undefined;
}

function toBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function fromBytes(payload: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

const NOTHING = new Uint8Array(0);
