import { formatTime, type Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Event } from "../model/kinds.gen.ts";
import { toEvent, type EventText } from "../model/event.ts";
import type { ApiObject } from "../model/meta.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { describeError } from "./loop.ts";

export interface EventNote extends EventText {
  readonly about: ApiObject;
}

/** Writes Events in the background. Best effort: an event that cannot be written is logged and forgotten. */
export interface EventWriter {
  write(note: EventNote): void;
}

/** At most this many events wait to be written; further ones are dropped. */
const MAX_WAITING = 1000;

/** Events of one component. Repeats of the same note about the same object raise the count of one Event. */
export function createEventWriter(options: {
  readonly objects: ObjectStore;
  readonly component: string;
  readonly clock: Clock;
  readonly logger: Logger;
}): EventWriter {
  const { objects, component, clock, logger } = options;
  let waiting = 0;
  let last: Promise<void> = Promise.resolve();
  return {
    write(note) {
      if (waiting >= MAX_WAITING) return;
      waiting += 1;
      last = last.then(async () => {
        try {
          await store(note);
        } catch (error) {
          logger.warn({ reason: note.reason, error: describeError(error) }, "event not written");
        } finally {
          waiting -= 1;
        }
      });
    },
  };

  async function store(note: EventNote): Promise<void> {
    const event = toEvent(note.about, note, { component }, formatTime(clock.now()));
    const { name, namespace } = event.metadata;
    if (isEnding(namespace)) return;
    const known = objects.get({
      apiVersion: "v1",
      kind: "Event",
      name,
      namespace: namespace ?? "default",
    });
    if (known === undefined) {
      await objects.create(event);
      return;
    }
    const previous = known.object as Event;
    await objects.update({
      ...previous,
      count: previous.count + 1,
      lastTimestamp: event.lastTimestamp,
    } as Event);
  }

  /** Nothing new is made in a namespace that is being emptied: it would never be empty. */
  function isEnding(name: string | undefined): boolean {
    if (name === undefined) return false;
    const ref = { apiVersion: "v1", kind: "Namespace", name };
    return objects.get(ref)?.object.metadata.deletionTimestamp !== undefined;
  }
}
