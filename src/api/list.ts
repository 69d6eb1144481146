import { randomUUID } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ServerResponse } from "node:http";
import type { Clock, Millis } from "../base/clock.ts";
import { apiVersionOf } from "../model/resources.ts";
import type { Resource } from "../model/resources.ts";
import type { ObjectStore, StoredObject } from "../store/object-store.ts";
import type { AnswerForm } from "./accept.ts";
import { ApiFailure, badRequest, expired } from "./failure.ts";
import { parseCount } from "./request-info.ts";
import { sendBytes, sendJson, writePatiently } from "./respond.ts";
import { candidates, isSelected } from "./selection.ts";
import type { Selection } from "./selection.ts";
import { toPartial, toTable } from "./table.ts";
import type { IncludeObject, ListMeta } from "./table.ts";

/** Objects looked at before other requests get a turn. */
const ITEMS_PER_TURN = 5000;
/** Bytes of a list that are written at once. */
const CHUNK_BYTES = 256 * 1024;
/** Lists in pages that are kept for their next page, and for how long. */
const MAX_SNAPSHOTS = 64;
const SNAPSHOT_MS: Millis = 5 * 60_000;

export interface ListContext {
  readonly objects: ObjectStore;
  readonly snapshots: Snapshots;
  readonly clock: Clock;
}

export interface ListRequest {
  readonly selection: Selection;
  readonly query: URLSearchParams;
  readonly form: AnswerForm;
}

/** Answers a list, whole or by pages. All pages of a list are of one moment. */
export async function answerList(
  response: ServerResponse,
  request: ListRequest,
  context: ListContext,
): Promise<void> {
  const { selection, query, form } = request;
  const { resource } = selection;
  const page = await readPage(request, context);
  if (form.kind === "object") return writeList(response, resource, page, context.clock);
  const objects = page.items.map(({ object }) => object);
  if (form.kind === "table") {
    const include = parseInclude(query);
    const options = { version: form.version, include, now: context.clock.now(), headers: true };
    return sendJson(response, 200, toTable(resource, objects, page.metadata, options));
  }
  return sendJson(response, 200, {
    kind: "PartialObjectMetadataList",
    apiVersion: `meta.k8s.io/${form.version}`,
    metadata: page.metadata,
    items: objects.map((object) => toPartial(object, form.version)),
  });
}

/** The query's `includeObject`. Throws 400. Pure. */
export function parseInclude(query: URLSearchParams): IncludeObject {
  const text = query.get("includeObject") ?? "";
  if (text === "") return "Metadata";
  if (text === "None" || text === "Metadata" || text === "Object") return text;
  throw badRequest(`invalid value ${JSON.stringify(text)} for "includeObject"`);
}

interface Page {
  readonly items: readonly StoredObject[];
  readonly metadata: ListMeta;
}

/** A list that is read by pages. The objects never change, so keeping it costs an array. */
interface Snapshot {
  readonly revision: number;
  readonly items: readonly StoredObject[];
}

/** Lists whose next pages may still be asked for. The oldest go first. */
export class Snapshots {
  readonly #kept = new Map<string, Snapshot & { readonly until: Millis }>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  keep(snapshot: Snapshot): string {
    const id = randomUUID();
    this.#kept.set(id, { ...snapshot, until: this.#clock.monotonic() + SNAPSHOT_MS });
    for (const [key, { until }] of this.#kept) {
      if (this.#kept.size <= MAX_SNAPSHOTS && until > this.#clock.monotonic()) break;
      this.#kept.delete(key);
    }
    return id;
  }

  get(id: string): Snapshot | undefined {
    const found = this.#kept.get(id);
    return found === undefined || found.until <= this.#clock.monotonic() ? undefined : found;
  }
}

/** Where the next page begins. Opaque to clients. */
interface ContinueToken {
  readonly id: string;
  /** Position in the snapshot. */
  readonly from: number;
  /** `namespace/name` of the last item, for going on without the snapshot. */
  readonly after: string;
}

async function readPage({ selection, query }: ListRequest, context: ListContext): Promise<Page> {
  const limit = parseCount(query, "limit") ?? 0;
  const token = parseToken(query.get("continue"));
  const start =
    token === undefined ? fresh(selection, query, context) : resumed(token, selection, context);
  const { snapshot, from } = start;
  const items: StoredObject[] = [];
  let at = from;
  for (; at < snapshot.items.length; at += 1) {
    const item = snapshot.items[at];
    if (item === undefined || !isSelected(selection, item.object)) continue;
    if (limit > 0 && items.length === limit) break;
    items.push(item);
    if (at % ITEMS_PER_TURN === ITEMS_PER_TURN - 1) await nextTurn();
  }
  const resourceVersion = String(snapshot.revision);
  const last = items.at(-1);
  if (at >= snapshot.items.length || last === undefined) {
    return { items, metadata: { resourceVersion } };
  }
  const id = start.id ?? context.snapshots.keep(snapshot);
  const next = formatToken({ id, from: at, after: keyOfItem(last) });
  // With selectors the number is unknown without looking at all the rest, as in Kubernetes.
  const rest =
    selection.matches === undefined ? { remainingItemCount: snapshot.items.length - at } : {};
  return { items, metadata: { resourceVersion, continue: next, ...rest } };
}

interface PageStart {
  readonly snapshot: Snapshot;
  readonly from: number;
  readonly id?: string;
}

function fresh(selection: Selection, query: URLSearchParams, { objects }: ListContext): PageStart {
  const match = query.get("resourceVersionMatch") ?? "";
  const version = parseCount(query, "resourceVersion");
  if (match !== "" && match !== "Exact" && match !== "NotOlderThan") {
    throw badRequest(`invalid value ${JSON.stringify(match)} for "resourceVersionMatch"`);
  }
  if (match !== "" && version === undefined) {
    throw badRequest(`"resourceVersionMatch" is forbidden unless "resourceVersion" is provided`);
  }
  const list = candidates(objects, selection);
  if (version !== undefined && version > list.revision) {
    throw tooNew(version, list.revision);
  }
  if (match === "Exact" && version !== list.revision) {
    throw expired(`The resourceVersion for the provided list is too old: ${version}`);
  }
  return { snapshot: list, from: 0 };
}

function resumed(token: ContinueToken, selection: Selection, context: ListContext): PageStart {
  const kept = context.snapshots.get(token.id);
  if (kept !== undefined) return { snapshot: kept, from: token.from, id: token.id };
  const list = candidates(context.objects, selection);
  const from = list.items.findIndex((item) => keyOfItem(item) > token.after);
  if (token.id === INCONSISTENT) {
    return { snapshot: list, from: from < 0 ? list.items.length : from };
  }
  throw expired(
    "The provided continue parameter is too old to display a consistent list result. You can start a new list " +
      "without the continue parameter, or use the continue token in this response to retrieve the remainder of " +
      "the results from the next key, with results from the latest version",
    formatToken({ ...token, id: INCONSISTENT }),
  );
}

/** In place of a snapshot's id: the caller accepts that the rest of the list is of a later moment. */
const INCONSISTENT = "latest";

/** As Kubernetes' informers understand it: they list anew. */
function tooNew(wanted: number, current: number): ApiFailure {
  const message = `Too large resource version: ${wanted}, current: ${current}`;
  return new ApiFailure(504, "Timeout", message, {
    details: {
      causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
      retryAfterSeconds: 1,
    },
  });
}

function formatToken(token: ContinueToken): string {
  return Buffer.from(JSON.stringify(token)).toString("base64url");
}

function parseToken(text: string | null): ContinueToken | undefined {
  if (text === null || text === "") return undefined;
  try {
    const token = JSON.parse(Buffer.from(text, "base64url").toString("utf8")) as unknown;
    if (isToken(token)) return token;
  } catch {
    // Falls through: not one of ours.
  }
  throw badRequest("continue key is not valid");
}

function isToken(value: unknown): value is ContinueToken {
  if (typeof value !== "object" || value === null) return false;
  const { id, from, after } = value as Partial<ContinueToken>;
  return (
    typeof id === "string" &&
    typeof after === "string" &&
    typeof from === "number" &&
    Number.isSafeInteger(from) &&
    from >= 0
  );
}

/** Orders as the store does: by namespace, then by name. `/` may stand in neither and sorts before what may. */
function keyOfItem({ object: { metadata } }: StoredObject): string {
  return `${metadata.namespace ?? ""}\0${metadata.name}`;
}

const COMMA = Buffer.from(",");
const END = Buffer.from("]}\n");

/** Joins the stored bytes: nothing is made to text anew. */
async function writeList(
  response: ServerResponse,
  resource: Resource,
  { items, metadata }: Page,
  clock: Clock,
): Promise<void> {
  const head = Buffer.from(
    `{"kind":"${resource.kind}List","apiVersion":"${apiVersionOf(resource)}",` +
      `"metadata":${JSON.stringify(metadata)},"items":[`,
  );
  let parts: Uint8Array[] = [head];
  let size = head.length;
  for (const [index, { bytes }] of items.entries()) {
    if (index > 0) parts.push(COMMA);
    parts.push(bytes);
    size += bytes.length + 1;
    if (size < CHUNK_BYTES) continue;
    if (!response.headersSent) response.writeHead(200, { "Content-Type": "application/json" });
    if (!(await writePatiently(response, Buffer.concat(parts), clock))) return;
    parts = [];
    size = 0;
    await nextTurn();
  }
  parts.push(END);
  const rest = Buffer.concat(parts);
  if (response.headersSent) response.end(rest);
  else sendBytes(response, 200, rest, "application/json");
}
