import type { TunnelEvents, TunnelLink } from "../../model/tunnel-peer.ts";
import type { TunnelRequest } from "../../model/tunnel.ts";
import { unavailable } from "../failure.ts";
import { toNodeFailure } from "../pod-log.ts";
import type { TunnelHub } from "../tunnel.ts";

/** A stream that the node has taken on. What comes before `listen` is kept, at most a window of each channel. */
export interface NodeStream extends TunnelLink {
  listen(events: TunnelEvents): void;
}

export interface NodeRequest {
  readonly tunnels: TunnelHub;
  readonly node: string;
  readonly request: TunnelRequest;
}

/** What waits for a node before its sender is held up: more than a window, so that it is rare. */
const MAX_WAITING_BYTES: number = 1024 * 1024;

/** Opens a stream on a node and waits until it takes it on. Throws `ApiFailure` with the node's words. */
export async function openNodeStream(
  { tunnels, node, request }: NodeRequest,
  signal: AbortSignal,
): Promise<NodeStream> {
  signal.throwIfAborted();
  if (!tunnels.isConnected(node)) throw unavailable(`node "${node}" is not connected`);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const missed: ((events: TunnelEvents) => void)[] = [];
  let listener: TunnelEvents | undefined;
  const tell = (what: (events: TunnelEvents) => void): void => {
    if (listener === undefined) missed.push(what);
    else what(listener);
  };
  const link = tunnels.open(node, request, {
    accepted: () => resolve(),
    data: (channel, chunk) => tell((events) => events.data(channel, chunk)),
    ended: (channel) => tell((events) => events.ended(channel)),
    drained: (channel) => tell((events) => events.drained(channel)),
    closed: () => {
      resolve();
      tell((events) => events.closed());
    },
    failed: (code, message) => {
      reject(toNodeFailure(code, message));
      tell((events) => events.failed(code, message));
    },
  });
  if (link === undefined) throw unavailable(`node "${node}" serves too many streams`);
  const abort = (): void => {
    link.reset(499, "the client has gone");
    reject(signal.reason);
  };
  signal.addEventListener("abort", abort, { once: true });
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", abort);
  }
  return {
    ...link,
    listen: (events) => {
      listener = events;
      for (const what of missed.splice(0)) what(events);
    },
  };
}

/** Writes to one channel, and says when its sender should wait. */
export class ChannelWriter {
  readonly #link: TunnelLink;
  readonly #channel: number;
  #waiting = 0;
  #drain: PromiseWithResolvers<void> | undefined;

  constructor(link: TunnelLink, channel: number) {
    this.#link = link;
    this.#channel = channel;
  }

  /** A promise when there is enough that waits: it resolves when that is on its way, or `release` is called. */
  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#link.write(this.#channel, chunk)) return undefined;
    this.#waiting += chunk.length;
    if (this.#waiting < MAX_WAITING_BYTES) return undefined;
    this.#drain ??= Promise.withResolvers();
    return this.#drain.promise;
  }

  /** Nothing waits any more, or nothing ever will. */
  release(): void {
    this.#waiting = 0;
    this.#drain?.resolve();
    this.#drain = undefined;
  }
}
