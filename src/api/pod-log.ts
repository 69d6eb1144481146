import type { ServerResponse } from "node:http";
import type { Container, ContainerStatus, Pod } from "../model/kinds.gen.ts";
import type { LogRequest } from "../model/tunnel.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { parseTime } from "../base/clock.ts";
import { ApiFailure, badRequest, invalid, notFound, unavailable } from "./failure.ts";
import { parseBoolean, parseCount } from "./request-info.ts";
import type { ResourceRequest } from "./request-info.ts";
import { sendFailure } from "./respond.ts";
import type { TunnelHub } from "./tunnel.ts";
import { refOfRequest } from "./write.ts";

export interface LogContext {
  readonly objects: ObjectStore;
  readonly tunnels: TunnelHub;
  readonly query: URLSearchParams;
}

/** Answers `pods/log`: text as the pod's node sends it, until it ends or the reader goes. */
export function answerLog(
  response: ServerResponse,
  what: ResourceRequest,
  { objects, tunnels, query }: LogContext,
): Promise<void> {
  const pod = objects.get(refOfRequest(what))?.object as Pod | undefined;
  if (pod === undefined) throw notFound(what.resource, what.name ?? "");
  const request = toLogRequest(pod, query);
  const node = pod.spec.nodeName;
  if (node === undefined || node === "") {
    throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
  }
  if (!tunnels.isConnected(node)) throw unavailable(`node "${node}" is not connected`);
  if (request.previous && hasNoPrevious(pod, request)) throw badRequest(noPrevious(request));
  return relay(response, { node, pod, request, tunnels });
}

/** As far as its status says. The containers themselves do not tell a last one from one before it. */
function hasNoPrevious(pod: Pod, { container }: LogRequest): boolean {
  const status = statusOf(pod, container);
  return status !== undefined && status.lastState?.terminated === undefined;
}

function noPrevious({ container, pod }: LogRequest): string {
  return `previous terminated container "${container}" in pod "${pod}" not found`;
}

interface Relay {
  readonly node: string;
  readonly pod: Pod;
  readonly request: LogRequest;
  readonly tunnels: TunnelHub;
}

/** Carries a stream from the tunnel to the reader; a slow reader makes the node wait. Resolves at its end. */
function relay(response: ServerResponse, { node, pod, request, tunnels }: Relay): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const begin = (): void => {
    if (response.headersSent) return;
    response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8" });
    response.flushHeaders();
  };
  const link = tunnels.open(node, request, {
    accepted: begin,
    data: (channel, chunk) => {
      begin();
      response.write(chunk, () => link?.taken(channel, chunk.length));
    },
    ended: () => undefined,
    drained: () => undefined,
    closed: () => {
      begin();
      response.end();
      resolve();
    },
    failed: (code, message) => {
      if (response.headersSent) response.end();
      else sendFailure(response, toNodeFailure(code, explainWaiting(pod, request, message)));
      resolve();
    },
  });
  if (link === undefined) throw unavailable(`node "${node}" serves too many streams`);
  response.once("close", () => {
    link.reset(499, "the reader has gone");
    resolve();
  });
  return promise;
}

function toLogRequest(pod: Pod, query: URLSearchParams): LogRequest {
  refuseZero(pod, query, "sinceSeconds");
  refuseZero(pod, query, "limitBytes");
  const tailLines = parseCount(query, "tailLines");
  const sinceSeconds = parseCount(query, "sinceSeconds");
  const sinceTime = query.get("sinceTime") ?? "";
  const limitBytes = parseCount(query, "limitBytes");
  if (sinceTime !== "" && parseTime(sinceTime) === undefined) {
    throw badRequest(
      `invalid value ${JSON.stringify(sinceTime)} for "sinceTime": must be RFC 3339`,
    );
  }
  if (sinceTime !== "" && sinceSeconds !== undefined) {
    const message = "at most one of `sinceTime` or `sinceSeconds` may be specified";
    throw invalid(LOG_OPTIONS, pod.metadata.name, [
      { reason: "FieldValueForbidden", field: "", message: `Forbidden: ${message}` },
    ]);
  }
  return {
    kind: "logs",
    namespace: pod.metadata.namespace ?? "",
    pod: pod.metadata.name,
    podUid: pod.metadata.uid ?? "",
    container: containerName(pod, query.get("container") ?? ""),
    follow: parseBoolean(query.get("follow")),
    previous: parseBoolean(query.get("previous")),
    timestamps: parseBoolean(query.get("timestamps")),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(sinceTime === "" ? {} : { sinceTime }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
  };
}

const LOG_OPTIONS = { kind: "PodLogOptions", group: "" } as const;

/** Throws 422. */
function refuseZero(pod: Pod, query: URLSearchParams, field: "sinceSeconds" | "limitBytes"): void {
  if (parseCount(query, field) !== 0) return;
  const message = "Invalid value: 0: must be greater than 0";
  throw invalid(LOG_OPTIONS, pod.metadata.name, [{ reason: "FieldValueInvalid", field, message }]);
}

function statusOf({ status }: Pod, container: string): ContainerStatus | undefined {
  return [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ].find(({ name }) => name === container);
}

/** What has not begun has no log: Kubernetes says why it has not. */
function explainWaiting(pod: Pod, { container }: LogRequest, message: string): string {
  const reason = statusOf(pod, container)?.state?.waiting?.reason ?? "";
  if (reason === "" || !message.endsWith(" is waiting to start")) return message;
  return `${message}: ${WAITING_WORDS[reason] ?? reason}`;
}

const WAITING_WORDS: Readonly<Record<string, string>> = {
  ErrImagePull: "image can't be pulled",
  ImagePullBackOff: "trying and failing to pull image",
};

/** The container that is meant. Throws 400 when there is none of that name, or none is named and there are several. Pure. */
export function containerName({ metadata, spec }: Pod, wanted: string): string {
  const names = (containers: readonly Container[] = []): readonly string[] =>
    containers.map(({ name }) => name);
  const main = names(spec.containers);
  const init = names(spec.initContainers);
  const ephemeral = (spec.ephemeralContainers ?? []).map(({ name }) => name);
  const all = [...main, ...init, ...ephemeral];
  if (wanted !== "") {
    if (all.includes(wanted)) return wanted;
    throw badRequest(`container ${wanted} is not valid for pod ${metadata.name}`);
  }
  const [only] = main;
  if (only !== undefined && main.length === 1) return only;
  const orInit = init.length === 0 ? "" : ` or one of the init containers: [${init.join(" ")}]`;
  throw badRequest(
    `a container name must be specified for pod ${metadata.name}, choose one of: [${main.join(" ")}]${orInit}`,
  );
}

const REASONS: ReadonlyMap<number, string> = new Map([
  [400, "BadRequest"],
  [403, "Forbidden"],
  [404, "NotFound"],
  [429, "TooManyRequests"],
  [503, "ServiceUnavailable"],
]);

/** The agent's words, with a code that is an error whatever the agent says. */
export function toNodeFailure(code: number, message: string): ApiFailure {
  const isError = code >= 400 && code <= 599;
  return new ApiFailure(isError ? code : 502, REASONS.get(code) ?? "InternalError", message);
}
