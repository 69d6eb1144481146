import type { ServerResponse } from "node:http";
import type { Container, Pod } from "../model/kinds.gen.ts";
import type { LogRequest, TunnelRequest } from "../model/tunnel.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { parseTime } from "../base/clock.ts";
import { ApiFailure, badRequest, notFound, unavailable } from "./failure.ts";
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
  return relay(response, { node, request, tunnels });
}

interface Relay {
  readonly node: string;
  readonly request: TunnelRequest;
  readonly tunnels: TunnelHub;
}

/** Carries a stream from the tunnel to the reader; a slow reader makes the node wait. Resolves at its end. */
function relay(response: ServerResponse, { node, request, tunnels }: Relay): Promise<void> {
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
      else sendFailure(response, toNodeFailure(code, message));
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
    throw badRequest("at most one of sinceTime or sinceSeconds may be specified");
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
