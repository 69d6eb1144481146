import type { ServerResponse } from "node:http";
import { formatTime, type Clock } from "../base/clock.ts";
import type { ApiObject } from "../model/meta.ts";
import { resourceOf } from "../model/resources.ts";
import type { Resource } from "../model/resources.ts";
import type { Usage, UsageView } from "../model/usage.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { User } from "./authenticate.ts";
import { authorizeObjects, type AuthorizerFacts } from "./authorize.ts";
import { notFound, pathNotFound } from "./failure.ts";
import { METRICS_GROUP, METRICS_VERSION } from "./metrics-discovery.ts";
import { methodNotAllowed, parseBoolean } from "./request-info.ts";
import { sendJson } from "./respond.ts";
import { candidates, isSelected, parseSelection } from "./selection.ts";

export interface MetricsRequest {
  readonly method: string;
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
}

export interface MetricsContext extends AuthorizerFacts {
  readonly objects: ObjectStore;
  readonly usage: UsageView;
  readonly clock: Clock;
}

const API_VERSION = `${METRICS_GROUP}/${METRICS_VERSION}`;
const PODS = resourceOf({ apiVersion: "v1", kind: "Pod" });
const NODES = resourceOf({ apiVersion: "v1", kind: "Node" });

/** Whether a path is one of metrics.k8s.io's resources. Pure. */
export function isMetricsPath([root, group, version, ...rest]: readonly string[]): boolean {
  const isGroup = root === "apis" && group === METRICS_GROUP && version === METRICS_VERSION;
  return isGroup && rest.length > 0;
}

/** Answers `metrics.k8s.io`: what pods and nodes use, as `kubectl top` asks for it. Throws 403, 404 or 405. */
export function answerUsage(
  response: ServerResponse,
  user: User,
  { method, segments, query }: MetricsRequest,
  context: MetricsContext,
): void {
  const { plural, namespace, name } = placeOf(segments.slice(3));
  const source = plural === "pods" ? PODS : NODES;
  const resource = metricsResource(source);
  if (method !== "GET" && method !== "HEAD") throw methodNotAllowed();
  if (parseBoolean(query.get("watch"))) throw methodNotAllowed();
  const scope = namespace === undefined ? {} : { namespace };
  const named = name === undefined ? {} : { name };
  const what = { verb: name === undefined ? "list" : "get", ...scope, ...named } as const;
  const selection = parseSelection({ ...what, resource: source }, query);
  authorizeObjects(user, { ...what, resource, fields: selection.fields }, context);
  const found = candidates(context.objects, selection)
    .items.map(({ object }) => object)
    .filter((object) => isSelected(selection, object))
    .flatMap((object) => toMetrics(object, context) ?? []);
  if (name !== undefined) {
    const [item] = found;
    if (item === undefined) {
      throw notFound(resource, namespace === undefined ? name : `${namespace}/${name}`);
    }
    return sendJson(response, 200, item);
  }
  const kind = `${resource.kind}List`;
  sendJson(response, 200, { kind, apiVersion: API_VERSION, metadata: {}, items: found });
}

function placeOf(rest: readonly string[]): {
  readonly plural: "pods" | "nodes";
  readonly namespace?: string;
  readonly name?: string;
} {
  const [first, second, third, fourth, ...surplus] = rest;
  if (first === "nodes" && third === undefined)
    return second === undefined ? { plural: "nodes" } : { plural: "nodes", name: second };
  if (first === "pods" && second === undefined) return { plural: "pods" };
  if (first === "namespaces" && second !== undefined && third === "pods" && surplus.length === 0) {
    const pods = { plural: "pods", namespace: second } as const;
    return fourth === undefined ? pods : { ...pods, name: fourth };
  }
  throw pathNotFound();
}

/** As messages and rules name it. */
function metricsResource(source: Resource): Resource {
  return {
    ...source,
    group: METRICS_GROUP,
    version: METRICS_VERSION,
    kind: `${source.kind}Metrics`,
    declarable: false,
  };
}

function toMetrics(object: ApiObject, { usage, clock }: MetricsContext): unknown {
  const { name, namespace, labels, uid } = object.metadata;
  const metadata = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    creationTimestamp: formatTime(clock.now()),
    ...(labels === undefined ? {} : { labels }),
  };
  if (object.kind === "Node") {
    const sample = usage.nodeUsage(name);
    if (sample === undefined) return undefined;
    return { ...headOf("NodeMetrics", metadata, sample), usage: toUsage(sample) };
  }
  const sample = usage.podUsage(namespace ?? "", name);
  if (sample === undefined || sample.uid !== uid) return undefined;
  const containers = sample.containers.map((container) => ({
    name: container.name,
    usage: toUsage(container),
  }));
  return { ...headOf("PodMetrics", metadata, sample), containers };
}

function headOf(
  kind: string,
  metadata: object,
  { at, windowMs }: { readonly at: number; readonly windowMs: number },
): object {
  const window = `${Math.round(windowMs) / 1000}s`;
  return { kind, apiVersion: API_VERSION, metadata, timestamp: formatTime(at), window };
}

function toUsage({ cpuNanocores, memoryBytes }: Usage): object {
  return { cpu: `${cpuNanocores}n`, memory: `${Math.ceil(memoryBytes / 1024)}Ki` };
}
