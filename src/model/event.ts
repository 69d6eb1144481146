import { shortHash } from "../base/hash.ts";
import type { Event } from "./kinds.gen.ts";
import type { ApiObject } from "./meta.ts";

/** What an Event says. */
export interface EventText {
  readonly type: "Normal" | "Warning";
  /** CamelCase. */
  readonly reason: string;
  readonly message: string;
  /** For instance `spec.containers{web}`. */
  readonly fieldPath?: string;
}

/** Who says it. */
export interface EventSource {
  /** For instance `berth-agent`. */
  readonly component: string;
  /** The node. */
  readonly host?: string;
}

/**
 * The first Event of a text about an object, at `now` (RFC 3339). Its name is derived from what it says, so that repeats
 * meet and are counted up. Pure.
 */
export function toEvent(
  about: ApiObject,
  text: EventText,
  source: EventSource,
  now: string,
): Event {
  const { type, reason, message, fieldPath } = text;
  const { component, host } = source;
  const { name, namespace, uid } = about.metadata;
  const said = [about.kind, uid ?? name, type, reason, message, fieldPath, component, host];
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: {
      name: `${name.slice(0, 200)}.${shortHash(said, 16)}`,
      namespace: namespace ?? "default",
    },
    involvedObject: {
      apiVersion: about.apiVersion,
      kind: about.kind,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(fieldPath === undefined ? {} : { fieldPath }),
    },
    type,
    reason,
    message,
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
    source: { component, ...(host === undefined ? {} : { host }) },
    reportingComponent: component,
    reportingInstance: host ?? "",
  };
}
