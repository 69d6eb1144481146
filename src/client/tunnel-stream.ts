import type { Clock, Millis } from "../base/clock.ts";
import type { TunnelEvents, TunnelLink } from "../model/tunnel-peer.ts";
import { CHANNEL } from "../model/tunnel.ts";

/** One request's stream, as the node that answers it sees it. */
export interface TunnelStream {
  /** Aborts when the other side goes away or the tunnel breaks. */
  readonly signal: AbortSignal;
  /** Says that the request is being answered, before there is anything to write. */
  accept(): void;
  /**
   * Resolves when the chunk is on its way: waits while the reader is slow, so what is written to another channel
   * afterwards arrives afterwards. Rejects once `signal` has aborted. Without a channel: stdout.
   */
  write(chunk: Uint8Array, channel?: number): Promise<void>;
  /** Nothing more is written to the channel. */
  end(channel: number): void;
  /** What comes on a channel, up to its end. Room for more is made as it is taken. Rejects once `signal` has aborted. */
  read(channel: number): AsyncGenerator<Uint8Array>;
  /** When something was last read or written, on the monotonic clock. */
  readonly activeAt: Millis;
}

interface Inbox {
  readonly chunks: Uint8Array[];
  ended: boolean;
  wake: PromiseWithResolvers<void> | undefined;
}

/** The stream over a link, and what the link must be told to. */
export function openTunnelStream(
  link: TunnelLink,
  clock: Clock,
): { readonly stream: TunnelStream; readonly events: TunnelEvents } {
  const controller = new AbortController();
  const inboxes = new Map<number, Inbox>();
  const drains = new Map<number, PromiseWithResolvers<void>>();
  let activeAt = clock.monotonic();
  let accepted = false;

  const inboxOf = (channel: number): Inbox => {
    const known = inboxes.get(channel);
    if (known !== undefined) return known;
    const inbox: Inbox = { chunks: [], ended: false, wake: undefined };
    inboxes.set(channel, inbox);
    return inbox;
  };
  const wake = (inbox: Inbox): void => {
    inbox.wake?.resolve();
    inbox.wake = undefined;
  };
  const stop = (message: string): void => {
    controller.abort(new Error(message));
    for (const inbox of inboxes.values()) wake(inbox);
    for (const drain of drains.values()) drain.resolve();
    drains.clear();
  };
  const accept = (): void => {
    if (!accepted) link.accept();
    accepted = true;
  };
  const stream: TunnelStream = {
    signal: controller.signal,
    get activeAt() {
      return activeAt;
    },
    accept,
    write: async (chunk, channel = CHANNEL.stdout) => {
      controller.signal.throwIfAborted();
      accept();
      activeAt = clock.monotonic();
      if (link.write(channel, chunk)) return;
      const drain = drains.get(channel) ?? Promise.withResolvers<void>();
      drains.set(channel, drain);
      await drain.promise;
      activeAt = clock.monotonic();
      controller.signal.throwIfAborted();
    },
    end: (channel) => link.end(channel),
    async *read(channel) {
      const inbox = inboxOf(channel);
      for (;;) {
        controller.signal.throwIfAborted();
        const chunk = inbox.chunks.shift();
        if (chunk !== undefined) {
          yield chunk;
          link.taken(channel, chunk.length);
        } else if (inbox.ended) {
          return;
        } else {
          inbox.wake ??= Promise.withResolvers();
          await inbox.wake.promise;
        }
      }
    },
  };
  const events: TunnelEvents = {
    data: (channel, chunk) => {
      activeAt = clock.monotonic();
      const inbox = inboxOf(channel);
      inbox.chunks.push(chunk);
      wake(inbox);
    },
    ended: (channel) => {
      const inbox = inboxOf(channel);
      inbox.ended = true;
      wake(inbox);
    },
    closed: () => stop("The reader of the stream has gone"),
    failed: (_code, message) => stop(`The reader of the stream has gone: ${message}`),
    drained: (channel) => {
      drains.get(channel)?.resolve();
      drains.delete(channel);
    },
  };
  return { stream, events };
}
