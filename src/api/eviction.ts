import type { IncomingMessage, ServerResponse } from "node:http";
import { formatTime, type Clock } from "../base/clock.ts";
import { findCondition, isTrue, setCondition } from "../model/condition.ts";
import { markForDeletion } from "../model/deletion.ts";
import type { Pod, PodDisruptionBudget, PodDisruptionBudgetStatus } from "../model/kinds.gen.ts";
import { matchesSelector } from "../model/labels.ts";
import { refOf } from "../model/meta.ts";
import { withDisruption } from "../model/pod-disruption.ts";
import { isFinished } from "../model/pod-phase.ts";
import { resourceOf } from "../model/resources.ts";
import { ObjectStoreError, type ObjectStore } from "../store/object-store.ts";
import { isJsonObject, readJsonObject, type JsonObject } from "./body.ts";
import {
  ApiFailure,
  badRequest,
  conflict,
  forbidden,
  fromStoreError,
  notFound,
} from "./failure.ts";
import type { ResourceRequest } from "./request-info.ts";
import { sendJson } from "./respond.ts";
import { parseDryRun, refOfRequest } from "./write.ts";

/** Tries of an eviction, when others write the budget or the pod at the same time. */
const MAX_TRIES = 8;
/** Evicted pods that a budget remembers until they are asked to end, as in Kubernetes. */
const MAX_DISRUPTED_PODS = 2000;
/** After this time a client may ask again when the budget is being looked at. */
const RETRY_SECONDS = 10;

const BUDGETS = resourceOf({ apiVersion: "policy/v1", kind: "PodDisruptionBudget" });

export interface EvictionContext {
  readonly objects: ObjectStore;
  readonly query: URLSearchParams;
  readonly clock: Clock;
}

interface EvictionOptions {
  readonly graceSeconds: number | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly dryRun: boolean;
}

/**
 * Answers `pods/eviction`: ends a pod as its deletion would, if the budget that chooses it lets one go. Throws 429 when it
 * does not.
 */
export async function answerEviction(
  request: IncomingMessage,
  response: ServerResponse,
  what: ResourceRequest,
  context: EvictionContext,
): Promise<void> {
  const options = readEviction(await readJsonObject(request), what, context.query);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await evict(what, options, context);
      break;
    } catch (error) {
      if (!(error instanceof ObjectStoreError)) throw error;
      if (error.code !== "conflict" || attempt >= MAX_TRIES)
        throw fromStoreError(error, what.resource, { name: what.name ?? "" });
    }
  }
  const success = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
  sendJson(response, 201, success);
}

async function evict(
  what: ResourceRequest,
  options: EvictionOptions,
  { objects, clock }: EvictionContext,
): Promise<void> {
  const { resource, name = "" } = what;
  const pod = objects.get(refOfRequest(what))?.object as Pod | undefined;
  if (pod === undefined) throw notFound(resource, name);
  checkPreconditions(pod, options, what);
  const budget = mayIgnoreBudget(pod) ? undefined : budgetOf(objects, pod);
  const now = clock.now();
  if (budget !== undefined && !isUnhealthyAndFree(pod, budget)) {
    const status = takeFrom(budget, pod, formatTime(now));
    if (!options.dryRun) await objects.updateStatus({ ...budget, status } as PodDisruptionBudget);
  }
  if (options.dryRun) return;
  const told = withDisruption(
    pod,
    { reason: "EvictionByEvictionAPI", message: "Eviction API: evicting" },
    formatTime(now),
  );
  const current = told === pod ? pod : ((await objects.updateStatus(told)).object as Pod);
  const next = markForDeletion(current, { now, graceSeconds: options.graceSeconds });
  const { uid = "", resourceVersion = "" } = current.metadata;
  if (next === undefined) await objects.remove(refOf(current), { uid, resourceVersion });
  else if (next !== current) await objects.update(next);
}

/** What does no work yet, or any more, takes nothing from a budget when it goes. */
function mayIgnoreBudget(pod: Pod): boolean {
  const isPending = (pod.status?.phase ?? "Pending") === "Pending";
  return isFinished(pod) || isPending || pod.metadata.deletionTimestamp !== undefined;
}

function budgetOf(objects: ObjectStore, pod: Pod): PodDisruptionBudget | undefined {
  const { namespace = "", labels } = pod.metadata;
  const [budget, ...more] = objects
    .list(BUDGETS, namespace)
    .items.map(({ object }) => object as PodDisruptionBudget)
    .filter(({ spec }) => matchesSelector(spec.selector, labels));
  if (more.length === 0) return budget;
  throw new ApiFailure(
    500,
    "InternalError",
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
  );
}

/** A pod that is not Ready may go when its budget says so, or holds without it. */
function isUnhealthyAndFree(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  if (isTrue(pod.status?.conditions, "Ready")) return false;
  if (spec.unhealthyPodEvictionPolicy === "AlwaysAllow") return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy;
}

/** The budget's status with the pod taken from it. Throws 403 or 429. */
function takeFrom(
  { metadata, status }: PodDisruptionBudget,
  pod: Pod,
  now: string,
): PodDisruptionBudgetStatus {
  if (status === undefined || (status.observedGeneration ?? 0) < (metadata.generation ?? 0))
    throw tooManyRequests(
      `The disruption budget ${metadata.name} is still being processed by the server.`,
      RETRY_SECONDS,
    );
  const { disruptionsAllowed, disruptedPods = {}, desiredHealthy, currentHealthy } = status;
  // Taken by a try before this one, and still to be asked to end.
  if (Object.hasOwn(disruptedPods, pod.metadata.name)) return status;
  if (disruptionsAllowed < 0)
    throw forbidden(`pdb disruptions allowed is negative`, { name: metadata.name });
  if (Object.keys(disruptedPods).length > MAX_DISRUPTED_PODS)
    throw forbidden(
      `DisruptedPods map too big - too many evictions not confirmed by PDB controller`,
      { name: metadata.name },
    );
  if (disruptionsAllowed === 0) {
    const condition = findCondition(status.conditions, "DisruptionAllowed");
    const why =
      condition?.reason === "SyncFailed" ? `: ${condition.message ?? condition.reason}` : "";
    throw tooManyRequests(
      "Cannot evict pod as it would violate the pod's disruption budget.",
      0,
      `The disruption budget ${metadata.name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently${why}`,
    );
  }
  const left = disruptionsAllowed - 1;
  const exhausted = {
    type: "DisruptionAllowed",
    status: "False",
    reason: "InsufficientPods",
    message: "",
    observedGeneration: metadata.generation ?? 0,
  } as const;
  return {
    ...status,
    disruptionsAllowed: left,
    disruptedPods: { ...disruptedPods, [pod.metadata.name]: now },
    ...(left === 0 ? { conditions: setCondition(status.conditions, exhausted, now) } : {}),
  };
}

function tooManyRequests(message: string, retryAfterSeconds: number, cause?: string): ApiFailure {
  const causes =
    cause === undefined ? {} : { causes: [{ reason: "DisruptionBudget", message: cause }] };
  return new ApiFailure(429, "TooManyRequests", message, {
    details: { ...causes, ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}) },
  });
}

function readEviction(
  body: JsonObject,
  { name, namespace }: ResourceRequest,
  query: URLSearchParams,
): EvictionOptions {
  const { kind, apiVersion, metadata } = body;
  const isEviction =
    (kind === undefined || kind === "Eviction") &&
    (apiVersion === undefined || apiVersion === "policy/v1" || apiVersion === "policy/v1beta1");
  if (!isEviction)
    throw badRequest(`the body must be a policy/v1 Eviction, not ${JSON.stringify(kind)}`);
  const given = isJsonObject(metadata) ? metadata : {};
  const isOther =
    (given["name"] !== undefined && given["name"] !== name) ||
    (given["namespace"] !== undefined && given["namespace"] !== namespace);
  if (isOther) throw badRequest("name in URL does not match name in Eviction object");
  const options = isJsonObject(body["deleteOptions"]) ? body["deleteOptions"] : {};
  const preconditions = isJsonObject(options["preconditions"]) ? options["preconditions"] : {};
  const grace = options["gracePeriodSeconds"];
  if (
    grace !== undefined &&
    grace !== null &&
    !(Number.isSafeInteger(grace) && (grace as number) >= 0)
  )
    throw badRequest("gracePeriodSeconds must be a whole number of seconds");
  const dryRun = options["dryRun"] ?? [];
  return {
    graceSeconds: typeof grace === "number" ? grace : undefined,
    uid: textOf(preconditions["uid"]),
    resourceVersion: textOf(preconditions["resourceVersion"]),
    dryRun: parseDryRun([
      ...(Array.isArray(dryRun) ? dryRun : [dryRun]),
      ...query.getAll("dryRun"),
    ]),
  };
}

function checkPreconditions(
  { metadata }: Pod,
  { uid, resourceVersion }: EvictionOptions,
  { resource }: ResourceRequest,
): void {
  if (uid !== undefined && uid !== metadata.uid)
    throw conflict(
      resource,
      metadata.name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid ?? ""}`,
    );
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
    throw conflict(
      resource,
      metadata.name,
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion ?? ""}`,
    );
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
