/**
 * The agent dials out; requests that need it come back through this one WebSocket. `docs/tunnel.md` has the protocol:
 * `tunnel-frame.ts` is how a message looks, `tunnel-peer.ts` what either side does with it.
 */
export type TunnelRequest =
  | LogRequest
  | ExecRequest
  | AttachRequest
  | PortForwardRequest
  | MetricsRequest
  | DoctorRequest;

/** Which pod a request is about. */
export interface PodTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
}

export interface LogRequest extends PodTarget {
  readonly kind: "logs";
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

/** Which of a process' streams are wanted. With a terminal, stderr comes with stdout. */
export interface StdioRequest {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export interface ExecRequest extends PodTarget, StdioRequest {
  readonly kind: "exec";
  readonly container: string;
  readonly command: readonly string[];
}

export interface AttachRequest extends PodTarget, StdioRequest {
  readonly kind: "attach";
  readonly container: string;
}

/** One connection to a port of the pod: what is written to it goes by `stdin`, what it answers by `stdout`. */
export interface PortForwardRequest extends PodTarget {
  readonly kind: "portForward";
  readonly port: number;
}

/** What the node counts, as text by `stdout`: `metrics`, `metrics/cadvisor`, `metrics/resource` or `stats/summary`. */
export interface MetricsRequest {
  readonly kind: "metrics";
  readonly page: string;
}

/** What the node finds about its network: a `DoctorReport` as JSON, by `stdout`. */
export interface DoctorRequest {
  readonly kind: "doctor";
}

/** The channels of a stream, numbered as Kubernetes' clients number them. */
export const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
/** How many there are. */
export const CHANNELS = 5;

/** Path of the tunnel's WebSocket; the node is the one that the client certificate names. */
export const TUNNEL_PATH = "/apis/berth.dev/v1/tunnel";
/** The WebSocket's subprotocol: its number goes up when an older side could not follow. */
export const TUNNEL_PROTOCOL = "v2.tunnel.berth.dev";

/** Largest payload of data in one message, in bytes. */
export const MAX_TUNNEL_CHUNK: number = 32 * 1024;
/** Largest request or reason in one message, in bytes. */
export const MAX_TUNNEL_CONTROL: number = 64 * 1024;
/** What may be on its way on a channel, in one direction, before the reader has taken it. */
export const TUNNEL_WINDOW: number = 256 * 1024;
/** Streams of one node at a time. */
export const MAX_TUNNEL_STREAMS = 256;
