import type { ServerResponse } from "node:http";
import type { Writable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { unreachable } from "../base/assert.ts";
import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { ApiObject } from "../model/meta.ts";
import { apiVersionOf } from "../model/resources.ts";
import type { Resource } from "../model/resources.ts";
import { ObjectStoreError } from "../store/object-store.ts";
import type { ObjectEvent, ObjectStore } from "../store/object-store.ts";
import type { AnswerForm } from "./accept.ts";
import { expired, invalid, toStatus, unavailable } from "./failure.ts";
import { parseInclude } from "./list.ts";
import { parseBoolean, parseCount } from "./request-info.ts";
import { writePatiently } from "./respond.ts";
import { candidates, isSelected } from "./selection.ts";
import type { Selection } from "./selection.ts";
import { toPartial, toTable } from "./table.ts";
import type { IncludeObject } from "./table.ts";

/** How often each watch is told its version: informers take silence for a dead line. */
export const BOOKMARK_MS: Millis = 15_000;
/** Longest watch; the client then starts a new one from its last version. */
const MAX_WATCH_SECONDS = 3600;
/** Bytes of initial events that are written at once. */
const CHUNK_BYTES = 256 * 1024;

/** The watches in progress, so that marks and the server's end reach all of them. */
export class WatchRegistry {
  readonly #bookmarkers = new Set<() => void>();

  /** Marks all watches, again and again, until `signal` aborts. */
  async run(clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(BOOKMARK_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      for (const bookmark of this.#bookmarkers) bookmark();
    }
  }

  add(bookmark: () => void): () => void {
    this.#bookmarkers.add(bookmark);
    return () => this.#bookmarkers.delete(bookmark);
  }
}

export interface WatchContext {
  readonly objects: ObjectStore;
  readonly watches: WatchRegistry;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborts when the server closes. */
  readonly signal: AbortSignal;
}

export interface WatchRequest {
  readonly selection: Selection;
  readonly query: URLSearchParams;
  readonly form: AnswerForm;
}

interface WatchPlan {
  /** Begin with what is there, as ADDED events. */
  readonly initial: boolean;
  /** Mark the end of the initial events. */
  readonly markInitial: boolean;
  readonly bookmarks: boolean;
  /** `undefined`: from now. */
  readonly from: number | undefined;
  readonly seconds: number;
  readonly include: IncludeObject;
}

/** Answers a watch: one JSON event a line, until the client goes, the time is over or the server closes. */
export async function answerWatch(
  response: ServerResponse,
  request: WatchRequest,
  context: WatchContext,
): Promise<void> {
  const follow = openWatch(request, context);
  // Clients wait for the headers before they count the watch as open.
  response.writeHead(200, { "Content-Type": "application/json" });
  response.flushHeaders();
  await follow(response);
}

/** A watch whose events go, as lines, to a reader that it ends with. Throws 400, 410 or 422. */
export function openWatch(
  request: WatchRequest,
  context: WatchContext,
): (reader: Writable) => Promise<void> {
  const plan = planWatch(request, context.objects);
  return (reader) => followWatch(reader, request, plan, context);
}

async function followWatch(
  reader: Writable,
  request: WatchRequest,
  plan: WatchPlan,
  context: WatchContext,
): Promise<void> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  reader.once("close", end);
  context.signal.addEventListener("abort", end, { once: true });
  void context.clock.sleep(plan.seconds * 1000, ended.signal).then(end, () => undefined);
  const session = new WatchSession(reader, request, plan, context);
  const forget = plan.bookmarks ? context.watches.add(() => session.bookmark()) : () => undefined;
  try {
    await session.run(ended.signal);
  } finally {
    forget();
    end();
    context.signal.removeEventListener("abort", end);
    reader.end();
  }
}

/** Reads the parameters of a watch. Throws 400, 410 or 422. Pure. */
function planWatch({ selection, query }: WatchRequest, objects: ObjectStore): WatchPlan {
  const version = parseCount(query, "resourceVersion");
  const match = query.get("resourceVersionMatch") ?? "";
  const sendInitial = query.get("sendInitialEvents") ?? "";
  if (sendInitial === "" && match !== "") {
    throw forbiddenOption(
      selection.resource,
      "is forbidden for watch unless sendInitialEvents is provided",
    );
  }
  if (sendInitial !== "" && match !== "NotOlderThan") {
    throw forbiddenOption(
      selection.resource,
      `must be "NotOlderThan" when sendInitialEvents is provided`,
    );
  }
  if (version !== undefined && version > newestVersion(objects, selection, version)) {
    throw expired(`The resourceVersion ${version} is newer than all that is here: list anew`);
  }
  const anyVersion = version === undefined || version === 0;
  const bookmarks = parseBoolean(query.get("allowWatchBookmarks"));
  const initial = sendInitial === "" ? anyVersion : parseBoolean(sendInitial);
  const seconds = parseCount(query, "timeoutSeconds") ?? 0;
  return {
    initial,
    markInitial: bookmarks && sendInitial !== "" && initial,
    bookmarks,
    from: initial || anyVersion ? undefined : version,
    seconds: seconds === 0 ? MAX_WATCH_SECONDS : Math.min(seconds, MAX_WATCH_SECONDS),
    include: parseInclude(query),
  };
}

/** Leases have versions of their own, ahead of all others'. */
function newestVersion(objects: ObjectStore, selection: Selection, wanted: number): number {
  return wanted > objects.revision ? candidates(objects, selection).revision : objects.revision;
}

function forbiddenOption(resource: Resource, message: string): Error {
  return invalid({ kind: "ListOptions", group: "meta.k8s.io" }, "", [
    {
      field: "resourceVersionMatch",
      reason: "FieldValueForbidden",
      message: `Forbidden: resourceVersionMatch ${message} (${resource.plural})`,
    },
  ]);
}

type EventType = "ADDED" | "MODIFIED" | "DELETED";

class WatchSession {
  readonly #reader: Writable;
  readonly #selection: Selection;
  readonly #form: AnswerForm;
  readonly #plan: WatchPlan;
  readonly #context: WatchContext;
  /** Everything up to here has been written. */
  #revision: number;
  /** Marks are true only once history or initial events are written. */
  #marking = false;
  #headers = true;

  constructor(
    reader: Writable,
    { selection, form }: WatchRequest,
    plan: WatchPlan,
    context: WatchContext,
  ) {
    this.#reader = reader;
    this.#selection = selection;
    this.#form = form;
    this.#plan = plan;
    this.#context = context;
    this.#revision = plan.from ?? context.objects.revision;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { objects } = this.#context;
    const target = objects.revision;
    try {
      if (this.#plan.initial && !(await this.#writeInitial(signal))) return;
      this.#marking = this.#revision >= target;
      for await (const batch of objects.watch(this.#selection.resource, this.#revision, signal)) {
        const lines = batch.events.flatMap((event) => this.#lineOf(event) ?? []);
        const written = this.#write(lines);
        this.#revision = batch.revision;
        if (!this.#marking && this.#revision >= target) {
          // A client that was away learns at once that it has caught up.
          this.#marking = true;
          this.bookmark();
        }
        if (!(await written)) return;
      }
    } catch (error) {
      if (!signal.aborted) await this.#fail(error);
    }
  }

  /** Tells a client that wants to know up to where it has seen everything. */
  bookmark(): void {
    if (
      !this.#plan.bookmarks ||
      !this.#marking ||
      this.#reader.destroyed ||
      this.#reader.writableEnded
    )
      return;
    this.#reader.write(this.#bookmarkLine({}));
  }

  async #writeInitial(signal: AbortSignal): Promise<boolean> {
    const list = candidates(this.#context.objects, this.#selection);
    let lines: Uint8Array[] = [];
    let size = 0;
    for (const { object, bytes } of list.items) {
      if (!isSelected(this.#selection, object)) continue;
      const line = this.#encode("ADDED", object, bytes);
      lines.push(line);
      size += line.length;
      if (size < CHUNK_BYTES) continue;
      if (signal.aborted || !(await this.#write(lines))) return false;
      lines = [];
      size = 0;
      await nextTurn();
    }
    this.#revision = list.revision;
    if (this.#plan.markInitial) {
      lines.push(this.#bookmarkLine({ annotations: { "k8s.io/initial-events-end": "true" } }));
    }
    return this.#write(lines);
  }

  /** The line of an event for this selection: entering it is ADDED, leaving it DELETED. */
  #lineOf({ kind, object, bytes, previous }: ObjectEvent): Uint8Array | undefined {
    const now = isSelected(this.#selection, object);
    if (kind === "added") return now ? this.#encode("ADDED", object, bytes) : undefined;
    if (kind === "deleted") return now ? this.#encode("DELETED", object, bytes) : undefined;
    const before = previous === undefined ? now : isSelected(this.#selection, previous);
    if (now) return this.#encode(before ? "MODIFIED" : "ADDED", object, bytes);
    if (!before || previous === undefined) return undefined;
    const { resourceVersion } = object.metadata;
    const metadata = { ...previous.metadata, ...(resourceVersion && { resourceVersion }) };
    return this.#encode("DELETED", { ...previous, metadata });
  }

  #encode(type: EventType, object: ApiObject, bytes?: Uint8Array): Uint8Array {
    if (this.#form.kind === "object" && bytes !== undefined) {
      return Buffer.concat([LINE_START[type], bytes, LINE_END]);
    }
    return Buffer.from(`${JSON.stringify({ type, object: this.#shape(object) })}\n`);
  }

  #shape(object: ApiObject): unknown {
    const form = this.#form;
    switch (form.kind) {
      case "object":
        return object;
      case "partial":
        return toPartial(object, form.version);
      case "table":
        return this.#table([object], object.metadata.resourceVersion);
      default:
        return unreachable(form);
    }
  }

  #table(objects: readonly ApiObject[], resourceVersion: string | undefined): unknown {
    const version = this.#form.kind === "table" ? this.#form.version : "v1";
    const now = this.#context.clock.now();
    const options = { version, include: this.#plan.include, now, headers: this.#headers };
    this.#headers = false;
    const metadata = resourceVersion === undefined ? {} : { resourceVersion };
    return toTable(this.#selection.resource, objects, metadata, options);
  }

  #bookmarkLine(more: { readonly annotations?: Readonly<Record<string, string>> }): Uint8Array {
    const { resource } = this.#selection;
    const metadata = { resourceVersion: String(this.#revision), ...more };
    const object =
      this.#form.kind === "table"
        ? this.#table([], metadata.resourceVersion)
        : { kind: resource.kind, apiVersion: apiVersionOf(resource), metadata };
    return Buffer.from(`${JSON.stringify({ type: "BOOKMARK", object })}\n`);
  }

  #write(lines: readonly Uint8Array[]): Promise<boolean> {
    if (lines.length === 0) return Promise.resolve(true);
    return writePatiently(this.#reader, Buffer.concat(lines), this.#context.clock);
  }

  async #fail(error: unknown): Promise<void> {
    const isExpired = error instanceof ObjectStoreError && error.code === "expired";
    if (!isExpired) this.#context.logger.error({ error }, "A watch broke off");
    const failure = isExpired
      ? expired(`too old resource version: ${this.#revision} (${this.#context.objects.revision})`)
      : unavailable("the watch broke off: try again");
    const line = JSON.stringify({ type: "ERROR", object: toStatus(failure) });
    await this.#write([Buffer.from(`${line}\n`)]);
  }
}

const LINE_START: Readonly<Record<EventType, Uint8Array>> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
};
const LINE_END = Buffer.from("}\n");
