import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../base/clock.ts";
import { sha256 } from "../base/hash.ts";
import type { Logger } from "../base/logger.ts";
import { BERTH_PATHS } from "../model/node-endpoints.ts";
import type { ClusterInfo } from "../model/node-endpoints.ts";
import type { CommitWriter } from "../model/write-request.ts";
import { ObjectStoreError } from "../store/object-store.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { negotiateDiscovery, negotiateForm } from "./accept.ts";
import { answerReview, reviewOf } from "./access-reviews.ts";
import type { Admit } from "./admit.ts";
import type { User } from "./authenticate.ts";
import {
  NODE_LEASE_NAMESPACE,
  authorizeMaster,
  authorizeNode,
  authorizeObjects,
  authorizePath,
} from "./authorize.ts";
import { readJsonObject } from "./body.ts";
import { answerForApply, readsForApply } from "./commit-write-apply.ts";
import { answerDelete } from "./delete.ts";
import type { Complete } from "./direct-write.ts";
import type { Discovery } from "./discovery.ts";
import { answerEviction } from "./eviction.ts";
import {
  ApiFailure,
  badRequest,
  expired,
  forbidden,
  notFound,
  pathNotFound,
  unauthorized,
  unavailable,
} from "./failure.ts";
import type { HeartbeatRegistry } from "./heartbeats.ts";
import { impersonate } from "./impersonate.ts";
import { imagesNeeded, readReferences } from "./images-needed.ts";
import { answerList } from "./list.ts";
import { answerUsage, isMetricsPath } from "./metrics-api.ts";
import { readUsageReport, type UsageTable } from "./metrics-table.ts";
import type { Snapshots } from "./list.ts";
import { askDoctor } from "./node-doctor.ts";
import { answerNodeProxy, isNodeProxyPath } from "./node-proxy.ts";
import type { NodePods } from "./node-pods.ts";
import { answerOpenApi, isOpenApiPath } from "./openapi-answer.ts";
import type { OpenApi } from "./openapi.ts";
import { answerLog } from "./pod-log.ts";
import { methodNotAllowed, parseCount, parseResourceRequest, parseUrl } from "./request-info.ts";
import type { ResourceRequest } from "./request-info.ts";
import type { Rbac } from "./rbac/rbac.ts";
import { sendBytes, sendFailure, sendJson, sendStored } from "./respond.ts";
import { toScale } from "./scale.ts";
import { isStreamSubresource } from "./streams/upgrade.ts";
import { parseSelection } from "./selection.ts";
import type { Joining } from "./join/answer-join.ts";
import { authenticateRequest, type Authenticators } from "./tokens/bearer.ts";
import { answerIssuer } from "./tokens/issuer-documents.ts";
import { answerTokenRequest } from "./tokens/token-request.ts";
import { toPartial, toTable } from "./table.ts";
import { parseInclude } from "./list.ts";
import type { TunnelHub } from "./tunnel.ts";
import { answerWatch } from "./watch.ts";
import type { WatchRegistry } from "./watch.ts";
import { MAX_WITHDRAWAL_MS } from "./withdrawals.ts";
import type { Withdrawals } from "./withdrawals.ts";
import { answerWrite, refOfRequest } from "./write.ts";

/** What the answers are made from. */
export interface Services extends Authenticators {
  readonly objects: ObjectStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly cluster: ClusterInfo;
  readonly version: unknown;
  readonly discovery: Discovery;
  readonly openApi: OpenApi;
  readonly snapshots: Snapshots;
  readonly watches: WatchRegistry;
  readonly nodePods: NodePods;
  readonly rbac: Rbac;
  /** Absent: nobody can join. */
  readonly joining?: Joining | undefined;
  readonly tunnels: TunnelHub;
  readonly heartbeats: HeartbeatRegistry;
  readonly withdrawals: Withdrawals;
  readonly usage: UsageTable;
  readonly onSync: () => void;
  readonly admit?: Admit | undefined;
  readonly complete?: Complete | undefined;
  readonly commits?: CommitWriter | undefined;
  readonly metrics: () => Promise<string>;
  /** Aborts when the server closes. */
  readonly signal: AbortSignal;
}

/** Answers one request. Never throws: what goes wrong is told to the caller as a `Status`. */
export async function handleRequest(
  request: IncomingMessage,
  response: ServerResponse,
  services: Services,
): Promise<void> {
  const startedAt = services.clock.monotonic();
  const { method = "GET", url = "/" } = request;
  try {
    await route(request, response, services);
  } catch (error) {
    sendFailure(response, toFailure(error, services.logger));
  }
  const ms = Math.round(services.clock.monotonic() - startedAt);
  services.logger.debug({ method, url, code: response.statusCode, ms }, "Answered a request");
}

/** A request on its way to its answer. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly services: Services;
  readonly method: string;
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
}

type Route = (exchange: Exchange, user: User) => Promise<void> | void;

/** Paths that answer everybody: they tell nothing about the cluster. */
const OPEN_PATHS: ReadonlyMap<string, (exchange: Exchange) => void> = new Map([
  ["/version", ({ response, services }: Exchange) => sendJson(response, 200, services.version)],
  ["/healthz", answerOk],
  ["/livez", answerOk],
  ["/readyz", answerOk],
]);

/** Paths of Berth's own, by method and path. */
const BERTH_ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  [
    `GET ${BERTH_PATHS.cluster}`,
    ({ response, services }) => sendJson(response, 200, services.cluster),
  ],
  [`POST ${BERTH_PATHS.sync}`, answerSync],
  [
    `GET ${BERTH_PATHS.doctor}`,
    async ({ response, services, query }, user) => {
      authorizeMaster(user, BERTH_PATHS.doctor);
      sendJson(response, 200, await askDoctor(services, query.get("node") ?? ""));
    },
  ],
  [`POST ${BERTH_PATHS.endpointReport}`, answerEndpointReport],
  [`GET ${BERTH_PATHS.withdrawal}`, answerWithdrawal],
  [`POST ${BERTH_PATHS.usageReport}`, answerUsageReport],
  [`POST ${BERTH_PATHS.imagesNeeded}`, answerImagesNeeded],
]);
const BERTH_PATH_SET: ReadonlySet<string> = new Set(Object.values(BERTH_PATHS));

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  services: Services,
): Promise<void> {
  const { method = "GET", url = "/" } = request;
  const { segments, query } = parseUrl(url);
  const exchange: Exchange = { request, response, services, method, segments, query };
  const path = `/${segments.join("/")}`;
  const open = OPEN_PATHS.get(path);
  if (open !== undefined) {
    requireRead(method);
    return open(exchange);
  }
  if (await services.joining?.answer(request, response, path)) return;
  const sender = await authenticateRequest(request, services.clock.now(), services);
  if (sender === undefined) throw unauthorized();
  const user = impersonate(request, sender, services.rbac);
  if (BERTH_PATH_SET.has(path)) {
    const own = BERTH_ROUTES.get(`${method} ${path}`);
    if (own === undefined) throw methodNotAllowed();
    return own(exchange, user);
  }
  if (path === "/metrics") return answerMetrics(exchange, user);
  if (answerDocument(exchange, path)) return;
  if (isOpenApiPath(path)) return answerOpenApi(request, response, path, services.openApi);
  if (isMetricsPath(segments)) return answerUsage(response, user, exchange, services);
  if (isNodeProxyPath(segments)) return answerNodeProxy(response, user, exchange, services);
  if (answerIssuer(response, path, services.tokens)) return;
  const review = reviewOf(segments);
  if (review !== undefined) return answerReview(request, response, user, review, services);
  const what = parseResourceRequest(method, segments, query);
  if (what === undefined) throw pathNotFound();
  return answerObjects(exchange, user, what);
}

/** Discovery: documents that do not change. Returns false when the path is none of them. */
function answerDocument(exchange: Exchange, path: string): boolean {
  const { request, services, method } = exchange;
  const { discovery } = services;
  if (path === "/api" || path === "/apis") {
    requireRead(method);
    const version = negotiateDiscovery(request.headers.accept);
    if (version === undefined) sendDocument(exchange, discovery.legacy.get(path));
    else {
      const root = path === "/api" ? "api" : "apis";
      const type = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
      sendDocument(exchange, discovery.aggregated(root, version), type);
    }
    return true;
  }
  const document = discovery.legacy.get(path);
  if (document === undefined) return false;
  requireRead(method);
  sendDocument(exchange, document);
  return true;
}

function sendDocument(
  { request, response }: Exchange,
  document: unknown,
  contentType = "application/json",
): void {
  const content = Buffer.from(`${JSON.stringify(document)}\n`);
  const tag = `"${sha256(content)}"`;
  response.setHeader("ETag", tag).setHeader("Vary", "Accept");
  if (request.headers["if-none-match"] === tag) response.writeHead(304).end();
  else sendBytes(response, 200, content, contentType);
}

async function answerObjects(exchange: Exchange, user: User, what: ResourceRequest): Promise<void> {
  const { request, response, services, query } = exchange;
  const { verb, subresource } = what;
  const reads = verb === "list" || verb === "watch";
  const selection = reads ? parseSelection(what, query) : undefined;
  const labelSelector = query.get("labelSelector") ?? undefined;
  authorizeObjects(user, { ...what, fields: selection?.fields, labelSelector }, services);
  if (subresource === "log") {
    if (verb !== "get") throw methodNotAllowed();
    return answerLog(response, what, { ...services, query });
  }
  if (isStreamSubresource(subresource)) throw badRequest("Upgrade request required");
  if (subresource === "token") {
    if (verb !== "create") throw methodNotAllowed();
    return answerTokenRequest(request, response, user, what, services);
  }
  if (subresource === "eviction") {
    if (verb !== "create") throw methodNotAllowed();
    return answerEviction(request, response, what, { ...services, query });
  }
  if (selection !== undefined) {
    const form = negotiateForm(request.headers.accept);
    return verb === "watch"
      ? answerWatch(response, { selection, query, form }, services)
      : answerList(response, { selection, query, form }, services);
  }
  switch (verb) {
    case "get":
      return answerGet(exchange, what);
    case "delete":
    case "deletecollection":
      return answerDelete(request, response, what, { ...services, user, query });
    case "create":
    case "update":
    case "patch":
      await answerWrite(request, response, what, { ...services, user, query });
      return noteHeartbeat(services, user, what);
    default:
      throw methodNotAllowed();
  }
}

function answerGet(
  { request, response, services, query }: Exchange,
  what: ResourceRequest,
): Promise<void> | void {
  const { objects, clock } = services;
  const { resource, name = "" } = what;
  const form = negotiateForm(request.headers.accept);
  const found = objects.get(refOfRequest(what));
  if (found === undefined) throw notFound(resource, name);
  const { object, bytes } = found;
  if (what.subresource === "scale") return sendJson(response, 200, toScale(object));
  const { commits } = services;
  if (form.kind === "object" && commits !== undefined && readsForApply(request))
    return answerForApply(response, object, { ...services, commits });
  if (form.kind === "object") return sendStored(response, 200, bytes);
  if (form.kind === "partial") return sendJson(response, 200, toPartial(object, form.version));
  const { resourceVersion } = object.metadata;
  const metadata = resourceVersion === undefined ? {} : { resourceVersion };
  const include = parseInclude(query);
  const options = { version: form.version, include, now: clock.now(), headers: true };
  return sendJson(response, 200, toTable(resource, [object], metadata, options));
}

function noteHeartbeat({ heartbeats, clock }: Services, user: User, what: ResourceRequest): void {
  const isHeartbeat = what.resource.plural === "leases" && what.namespace === NODE_LEASE_NAMESPACE;
  if (isHeartbeat && user.node !== undefined) heartbeats.beat(user.node, clock.monotonic());
}

async function answerMetrics({ response, services, method }: Exchange, user: User): Promise<void> {
  requireRead(method);
  authorizePath(user, "get", "/metrics", services);
  const text = await services.metrics();
  sendBytes(response, 200, Buffer.from(text), "text/plain; version=0.0.4; charset=utf-8");
}

function answerSync({ response, services }: Exchange, user: User): void {
  authorizeMaster(user, BERTH_PATHS.sync);
  services.onSync();
  sendJson(response, 202, {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    code: 202,
  });
}

async function answerEndpointReport(
  { request, response, services }: Exchange,
  user: User,
): Promise<void> {
  const node = authorizeNode(user, BERTH_PATHS.endpointReport);
  const report = await readJsonObject(request);
  const { node: named, revision } = report;
  if (named !== node) throw forbidden(`node "${node}" may only report for itself`);
  if (typeof revision !== "number" || !Number.isSafeInteger(revision) || revision < 0) {
    throw badRequest(`"revision" must be a whole number`);
  }
  services.withdrawals.report(node, revision);
  sendJson(response, 200, { node, revision });
}

async function answerUsageReport(
  { request, response, services }: Exchange,
  user: User,
): Promise<void> {
  const node = authorizeNode(user, BERTH_PATHS.usageReport);
  services.usage.report(readUsageReport(await readJsonObject(request), node, services.objects));
  sendJson(response, 200, { node });
}

async function answerImagesNeeded(
  { request, response, services }: Exchange,
  user: User,
): Promise<void> {
  authorizeNode(user, BERTH_PATHS.imagesNeeded);
  const references = readReferences(await readJsonObject(request));
  sendJson(response, 200, { references: imagesNeeded(services.objects, references) });
}

async function answerWithdrawal(
  { response, services, query }: Exchange,
  user: User,
): Promise<void> {
  authorizeNode(user, BERTH_PATHS.withdrawal);
  const uid = query.get("uid") ?? "";
  if (uid === "") throw badRequest(`"uid" of the pod is required`);
  const timeoutMs = parseCount(query, "timeoutMs") ?? MAX_WITHDRAWAL_MS;
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const signal = AbortSignal.any([gone.signal, services.signal]);
  try {
    sendJson(response, 200, await services.withdrawals.wait(uid, timeoutMs, signal));
  } catch (error) {
    if (gone.signal.aborted) return;
    throw services.signal.aborted ? unavailable("the control plane is shutting down") : error;
  }
}

function answerOk({ response }: Exchange): void {
  sendBytes(response, 200, Buffer.from("ok"), "text/plain; charset=utf-8");
}

function requireRead(method: string): void {
  if (method !== "GET" && method !== "HEAD") throw methodNotAllowed();
}

/** Only what is our own mistake is a 500, and its details are for the log alone. */
export function toFailure(error: unknown, logger: Logger): ApiFailure {
  if (error instanceof ApiFailure) return error;
  if (error instanceof ObjectStoreError && error.code === "expired") return expired(error.message);
  if (error instanceof ObjectStoreError && error.code === "fenced") {
    return unavailable("this control plane is not the leader any more");
  }
  logger.error({ error }, "Cannot answer a request");
  return new ApiFailure(500, "InternalError", "Internal error occurred: see the log of the API");
}
