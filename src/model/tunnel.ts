/**
 * The agent dials out; requests that need it (logs today) come back through this one WebSocket.
 *
 * A text message is a `TunnelControl` in JSON. A binary message is data of a stream: the first four bytes are the
 * stream's id (unsigned, big-endian), the rest is its payload. The server opens streams and counts ids up from 1;
 * the agent answers with data and one `end`. Either side may `cancel`. `pause` and `resume` go from the server to
 * the agent when the reader of a stream is slow.
 */
export type TunnelControl =
  | { readonly type: "open"; readonly id: number; readonly request: TunnelRequest }
  /** The agent accepts: data follows. */
  | { readonly type: "accept"; readonly id: number }
  | { readonly type: "end"; readonly id: number }
  /** Instead of `accept`, or in place of `end`: an HTTP status code and a sentence for people. */
  | { readonly type: "error"; readonly id: number; readonly code: number; readonly message: string }
  | { readonly type: "cancel"; readonly id: number }
  | { readonly type: "pause"; readonly id: number }
  | { readonly type: "resume"; readonly id: number };

/** What the control plane asks of an agent. */
export interface TunnelRequest {
  readonly kind: "logs";
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
  readonly container: string;
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
  /** RFC 3339. */
  readonly sinceTime?: string;
  readonly limitBytes?: number;
}

/** Path of the tunnel's WebSocket; the node is the one that the client certificate names. */
export const TUNNEL_PATH = "/apis/berth.dev/v1/tunnel";

/** Largest payload of one binary message, in bytes. */
export const MAX_TUNNEL_CHUNK: number = 64 * 1024;

/** A binary message. Pure. */
export function encodeChunk(id: number, payload: Uint8Array): Uint8Array {
  const message = new Uint8Array(4 + payload.length);
  new DataView(message.buffer).setUint32(0, id);
  message.set(payload, 4);
  return message;
}

/** Id and payload of a binary message; `undefined` when it is too short. Pure. */
export function decodeChunk(
  message: Uint8Array,
): { readonly id: number; readonly payload: Uint8Array } | undefined {
  if (message.length < 4) return undefined;
  const id = new DataView(message.buffer, message.byteOffset, message.byteLength).getUint32(0);
  return { id, payload: message.subarray(4) };
}
