import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../base/clock.ts";
import { isTrue } from "../model/condition.ts";
import { markForDeletion, type Propagation } from "../model/deletion.ts";
import type { Node, Pod } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { apiVersionOf } from "../model/resources.ts";
import { ObjectStoreError } from "../store/object-store.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { CommitWriter } from "../model/write-request.ts";
import type { User } from "./authenticate.ts";
import { isJsonObject, readOptionalJsonObject } from "./body.ts";
import type { JsonObject } from "./body.ts";
import { commitWrite, sendAnswer, type CommitContext } from "./commit-write.ts";
import {
  ApiFailure,
  badRequest,
  conflict,
  detailsOf,
  forbidden,
  fromStoreError,
  invalid,
  notFound,
} from "./failure.ts";
import type { Status } from "./failure.ts";
import { methodNotAllowed, parseCount } from "./request-info.ts";
import type { ResourceRequest } from "./request-info.ts";
import { candidates, isSelected, parseSelection } from "./selection.ts";
import { parseDryRun, refOfRequest } from "./write.ts";
import { goesToGit, refuseDeclared } from "./write-policy.ts";

/** Tries of a deletion, when others write the object at the same time. */
const MAX_TRIES = 8;

export interface DeleteContext {
  readonly objects: ObjectStore;
  readonly user: User;
  readonly query: URLSearchParams;
  readonly clock: Clock;
  /** Makes commits of what people delete; without it such deletions are refused. */
  readonly commits?: CommitWriter | undefined;
  readonly signal: AbortSignal;
}

interface DeleteOptions {
  readonly graceSeconds: number | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  /** What becomes of what the object owns; as its finalizers say, unless given. */
  readonly propagation: Propagation | undefined;
  readonly dryRun: boolean;
}

const PROPAGATIONS: readonly Propagation[] = ["Foreground", "Background", "Orphan"];
/** Kinds whose dependents stay when the caller says nothing, as Kubernetes has it for the sake of old clients. */
const ORPHANING: ReadonlySet<string> = new Set(["jobs", "replicationcontrollers"]);

/**
 * Deletes one object, or all of a selection. A pod on a node ends with grace, what has finalizers waits for them, the
 * rest is gone at once. Throws 405 for subresources.
 */
export async function answerDelete(
  request: IncomingMessage,
  response: ServerResponse,
  what: ResourceRequest,
  context: DeleteContext,
): Promise<void> {
  if (what.subresource !== undefined) throw methodNotAllowed();
  if (what.verb === "deletecollection") return deleteCollection(request, response, what, context);
  const options = readOptions(await readOptionalJsonObject(request), context.query);
  const { before, left, warnings } = await deleteObject(request, what, { options, context });
  sendAnswer(response, 200, warnings, left ?? success(before, what));
}

/** Objects that one request asks to end at the same time; those of one App go in one commit. */
const AT_ONCE = 200;

/**
 * Deletes all objects of a selection, and answers with the list of them. What went meanwhile is passed over; the first
 * refusal is the answer, once the others have had their turn.
 */
async function deleteCollection(
  request: IncomingMessage,
  response: ServerResponse,
  what: ResourceRequest,
  context: DeleteContext,
): Promise<void> {
  const options = readOptions(await readOptionalJsonObject(request), context.query);
  const selection = parseSelection(what, context.query);
  const { items, revision } = candidates(context.objects, selection);
  const chosen = items
    .map(({ object }) => object)
    .filter((object) => isSelected(selection, object));
  const warnings = new Set<string>();
  for (let start = 0; start < chosen.length; start += AT_ONCE) {
    context.signal.throwIfAborted();
    const tries = chosen.slice(start, start + AT_ONCE).map(({ metadata: { name, namespace } }) => {
      const place = namespace === undefined ? { name } : { name, namespace };
      return deleteObject(request, { ...what, verb: "delete", ...place }, { options, context });
    });
    for (const outcome of await Promise.allSettled(tries)) {
      if (outcome.status === "fulfilled")
        for (const said of outcome.value.warnings) warnings.add(said);
      else if (!isGone(outcome.reason)) throw outcome.reason;
    }
  }
  const { resource } = what;
  sendAnswer(response, 200, [...warnings], {
    kind: `${resource.kind}List`,
    apiVersion: apiVersionOf(resource),
    metadata: { resourceVersion: String(revision) },
    items: chosen,
  });
}

function isGone(error: unknown): boolean {
  return error instanceof ApiFailure && error.code === 404;
}

interface Deleted {
  readonly before: Pick<ApiObject, "metadata">;
  /** What is left of it, and goes in time. */
  readonly left: ApiObject | undefined;
  readonly warnings: readonly string[];
}

interface Deleting<C extends DeleteContext = DeleteContext> {
  readonly options: DeleteOptions;
  readonly context: C;
}

async function deleteObject(
  request: IncomingMessage,
  what: ResourceRequest,
  { options, context }: Deleting,
): Promise<Deleted> {
  const { resource } = what;
  const ref = refOfRequest(what);
  const { commits, objects, user } = context;
  for (let attempt = 1; ; attempt += 1) {
    const current = objects.get(ref);
    if (current === undefined) throw notFound(resource, ref.name);
    const { object } = current;
    const asked = { user, verb: "delete" as const, resource, current: object };
    if (commits !== undefined && goesToGit(objects, asked))
      return commitDelete(request, what, { options, context: { ...context, commits } });
    refuseDeclared(objects, asked);
    checkPreconditions(object, options, what);
    const next = nextState(object, what, { options, context });
    if (options.dryRun) return { before: object, left: next, warnings: [] };
    try {
      if (next === undefined) {
        await objects.remove(ref, preconditionsOf(object));
        return { before: object, left: undefined, warnings: [] };
      }
      const stored = next === object ? current : await objects.update(next);
      return { before: object, left: stored.object, warnings: [] };
    } catch (error) {
      if (!(error instanceof ObjectStoreError)) throw error;
      if (error.code !== "conflict" || attempt >= MAX_TRIES) {
        throw fromStoreError(error, resource, ref);
      }
    }
  }
}

/** The same deletion, made in Git. The object goes once its App is healthy without it. */
async function commitDelete(
  request: IncomingMessage,
  what: ResourceRequest,
  { options, context }: Deleting<DeleteContext & CommitContext>,
): Promise<Deleted> {
  const { resource } = what;
  const ref = refOfRequest(what);
  const { dryRun } = options;
  const before = context.objects.get(ref)?.object ?? { metadata: { name: ref.name } };
  const wanted = (base: ApiObject | undefined): undefined => {
    if (base !== undefined) checkPreconditions(base, options, what);
  };
  const call = { verb: "delete" as const, ref, dryRun, resource, wanted };
  const { warnings } = await commitWrite(request, call, context);
  return { before, left: dryRun ? undefined : context.objects.get(ref)?.object, warnings };
}

/** What is left of the object; `undefined` when it is to be removed. Throws 403. */
function nextState(
  object: ApiObject,
  { resource, name }: ResourceRequest,
  given: { readonly options: DeleteOptions; readonly context: DeleteContext },
): ApiObject | undefined {
  const { options, context } = given;
  const { graceSeconds } = options;
  const request = {
    now: context.clock.now(),
    graceSeconds,
    propagation: options.propagation ?? usualPropagation(object, resource.plural),
  };
  if (resource.plural !== "pods") return markForDeletion(object, request);
  if (context.user.node !== undefined) {
    if (graceSeconds === 0) return markForDeletion(object, { ...request, isEnded: true });
    throw forbidden(
      `pods "${name ?? ""}" is forbidden: a node may only remove a pod that has ended (gracePeriodSeconds 0)`,
      detailsOf(resource, name),
    );
  }
  // By force, and nobody is there who could end it: the administrator takes the blame.
  const isEnded = graceSeconds === 0 && !isNodeReady(context.objects, object as Pod);
  return markForDeletion(object, { ...request, isEnded });
}

/** Of a first deletion of a kind that orphans: its finalizers say nothing yet. */
function usualPropagation({ metadata }: ApiObject, plural: string): Propagation | undefined {
  const isFirst = metadata.deletionTimestamp === undefined;
  return isFirst && ORPHANING.has(plural) ? "Orphan" : undefined;
}

function isNodeReady(objects: Pick<ObjectStore, "get">, { spec }: Pod): boolean {
  const name = spec.nodeName ?? "";
  const node = objects.get({ apiVersion: "v1", kind: "Node", name })?.object as Node | undefined;
  return isTrue(node?.status?.conditions, "Ready");
}

function readOptions(body: JsonObject | undefined, query: URLSearchParams): DeleteOptions {
  const preconditions = isJsonObject(body?.["preconditions"]) ? body["preconditions"] : {};
  const grace = body?.["gracePeriodSeconds"] ?? parseCount(query, "gracePeriodSeconds");
  if (grace !== undefined && !(Number.isSafeInteger(grace) && (grace as number) >= 0)) {
    throw badRequest("gracePeriodSeconds must be a whole number of seconds");
  }
  const dryRun = body?.["dryRun"] ?? [];
  return {
    graceSeconds: grace as number | undefined,
    uid: textOf(preconditions["uid"]),
    resourceVersion: textOf(preconditions["resourceVersion"]),
    propagation: readPropagation(body, query),
    dryRun: parseDryRun([
      ...(Array.isArray(dryRun) ? dryRun : [dryRun]),
      ...query.getAll("dryRun"),
    ]),
  };
}

/** `orphanDependents` is how old clients say it. Throws 422. */
function readPropagation(
  body: JsonObject | undefined,
  query: URLSearchParams,
): Propagation | undefined {
  const orphan = body?.["orphanDependents"] ?? query.get("orphanDependents") ?? undefined;
  const policy = body?.["propagationPolicy"] ?? query.get("propagationPolicy") ?? undefined;
  const refuse = (field: string, message: string): never => {
    throw invalid({ kind: "DeleteOptions", group: "meta.k8s.io" }, "", [{ field, message }]);
  };
  if (orphan !== undefined && policy !== undefined) {
    const why = "orphanDependents and deletionPropagation cannot be both set";
    return refuse("propagationPolicy", `Invalid value: ${JSON.stringify(policy)}: ${why}`);
  }
  if (orphan !== undefined) return orphan === true || orphan === "true" ? "Orphan" : "Background";
  if (policy === undefined) return undefined;
  const found = PROPAGATIONS.find((known) => known === policy);
  const known = PROPAGATIONS.map((word) => `"${word}"`).join(", ");
  const message = `Unsupported value: ${JSON.stringify(policy)}: supported values: ${known}`;
  return found ?? refuse("propagationPolicy", message);
}

function checkPreconditions(
  { metadata }: ApiObject,
  { uid, resourceVersion }: DeleteOptions,
  { resource }: ResourceRequest,
): void {
  if (uid !== undefined && uid !== metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`;
    throw conflict(resource, metadata.name, why);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw conflict(
      resource,
      metadata.name,
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ` +
        `ResourceVersion in object meta: ${metadata.resourceVersion}`,
    );
  }
}

/** Only what was looked at is removed. */
function preconditionsOf({ metadata: { uid, resourceVersion } }: ApiObject) {
  return { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) };
}

function success({ metadata }: Pick<ApiObject, "metadata">, { resource }: ResourceRequest): Status {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: { ...detailsOf(resource, metadata.name), ...(metadata.uid && { uid: metadata.uid }) },
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
