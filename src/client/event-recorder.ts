import type { Clock } from "../base/clock.ts";
import { formatTime } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Event } from "../model/kinds.gen.ts";
import { toEvent, type EventSource, type EventText } from "../model/event.ts";
import type { ApiObject } from "../model/meta.ts";
import { ApiError } from "./client.ts";
import type { ApiClient } from "./client.ts";

/** Tells people about objects, by Events. Never throws and never waits: what cannot be written is logged. */
export interface EventRecorder {
  record(about: ApiObject, event: RecordedEvent): void;
  /** Resolves once all that was recorded before is written or given up. */
  flush(): Promise<void>;
}

export type RecordedEvent = EventText;

export interface EventRecorderOptions extends EventSource {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Events that wait to be written; more are dropped, oldest first. */
const MAX_PENDING = 1000;
/** Remembered Events whose repeats are counted up. */
const MAX_REMEMBERED = 4096;

/**
 * Repeats of the same reason and message about the same object raise `count` of one Event, whose name is derived
 * from them. So a recorder that starts anew goes on counting where the last one stopped.
 */
export function createEventRecorder(
  client: ApiClient,
  options: EventRecorderOptions,
): EventRecorder {
  const { clock, logger, signal } = options;
  const pending = new Map<string, Pending>();
  const written = new Map<string, Event>();
  let idle: Promise<void> = Promise.resolve();
  let running = false;

  async function drain(): Promise<void> {
    running = true;
    for (const [name, next] of pending) {
      pending.delete(name);
      if (signal.aborted) continue;
      try {
        remember(written, await write(client, { known: written.get(name), next, signal }));
      } catch (error) {
        logger.warn({ error, event: name }, "Cannot write an event");
      }
    }
    running = false;
  }

  return {
    record(about, recorded) {
      const event = toEvent(about, recorded, options, formatTime(clock.now()));
      const name = event.metadata.name;
      const repeats = (pending.get(name)?.repeats ?? 0) + 1;
      pending.delete(name);
      pending.set(name, { event, repeats });
      const [oldest] = pending.keys();
      if (pending.size > MAX_PENDING && oldest !== undefined) pending.delete(oldest);
      if (!running) idle = drain();
    },
    flush: () => idle,
  };
}

interface Pending {
  readonly event: Event;
  /** How many records this one write stands for. */
  readonly repeats: number;
}

interface WriteRequest {
  readonly known: Event | undefined;
  readonly next: Pending;
  readonly signal: AbortSignal;
}

/** Creates the Event or counts it up, whichever the API's state asks for. */
async function write(client: ApiClient, { known, next, signal }: WriteRequest): Promise<Event> {
  if (known !== undefined) {
    try {
      return await client.update(raised(known, next), signal);
    } catch (error) {
      if (!(error instanceof ApiError) || ![404, 409].includes(error.code)) throw error;
    }
  }
  try {
    return await client.create({ ...next.event, count: next.repeats }, signal);
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== "AlreadyExists") throw error;
  }
  const { metadata } = next.event;
  const stored = await client.get<Event>(
    {
      apiVersion: "v1",
      kind: "Event",
      namespace: metadata.namespace ?? "default",
      name: metadata.name,
    },
    signal,
  );
  return client.update(raised(stored, next), signal);
}

function raised(known: Event, { event, repeats }: Pending): Event {
  return { ...known, count: known.count + repeats, lastTimestamp: event.lastTimestamp };
}

function remember(written: Map<string, Event>, event: Event): void {
  written.delete(event.metadata.name);
  written.set(event.metadata.name, event);
  const [oldest] = written.keys();
  if (written.size > MAX_REMEMBERED && oldest !== undefined) written.delete(oldest);
}
