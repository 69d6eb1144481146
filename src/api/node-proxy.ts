import type { ServerResponse } from "node:http";
import type { Clock, Millis } from "../base/clock.ts";
import { resourceOf } from "../model/resources.ts";
import { CHANNEL } from "../model/tunnel.ts";
import type { User } from "./authenticate.ts";
import { authorizeObjects, type AuthorizerFacts } from "./authorize.ts";
import { notFound, pathNotFound, unavailable } from "./failure.ts";
import { toNodeFailure } from "./pod-log.ts";
import { methodNotAllowed } from "./request-info.ts";
import { sendBytes } from "./respond.ts";
import type { TunnelHub } from "./tunnel.ts";

export interface NodeProxyContext extends AuthorizerFacts {
  readonly tunnels: TunnelHub;
  readonly clock: Clock;
}

/** A scrape waits ten seconds as a rule. */
const LIMIT_MS: Millis = 30_000;
/** Figures of a thousand containers are a few megabytes. */
const MAX_ANSWER_BYTES: number = 64 * 1024 * 1024;
const NODES = resourceOf({ apiVersion: "v1", kind: "Node" });
const TEXT = "text/plain; version=0.0.4; charset=utf-8";
const TYPES: ReadonlyMap<string, string> = new Map([
  ["metrics", TEXT],
  ["metrics/cadvisor", TEXT],
  ["metrics/resource", TEXT],
  ["stats/summary", "application/json"],
]);

/** Whether a path asks a node itself: `/api/v1/nodes/<name>/proxy/…`. Pure. */
export function isNodeProxyPath([
  root,
  version,
  plural,
  ,
  subresource,
]: readonly string[]): boolean {
  return root === "api" && version === "v1" && plural === "nodes" && subresource === "proxy";
}

/** Answers with what the node tells of itself, asked through its tunnel. Throws 403, 404, 405 or 503. */
export async function answerNodeProxy(
  response: ServerResponse,
  user: User,
  { method, segments }: { readonly method: string; readonly segments: readonly string[] },
  context: NodeProxyContext,
): Promise<void> {
  if (method !== "GET" && method !== "HEAD") throw methodNotAllowed();
  const [, , , name = "", , ...rest] = segments;
  authorizeObjects(user, { verb: "get", resource: NODES, name, subresource: "proxy" }, context);
  const page = rest.join("/");
  const type = TYPES.get(page);
  if (type === undefined) throw pathNotFound();
  if (context.objects.get({ apiVersion: "v1", kind: "Node", name }) === undefined)
    throw notFound(NODES, name);
  sendBytes(response, 200, await askNode(context, name, page), type);
}

async function askNode(
  { tunnels, clock }: NodeProxyContext,
  node: string,
  page: string,
): Promise<Buffer> {
  if (!tunnels.isConnected(node)) throw unavailable(`node "${node}" is not connected`);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const over = new AbortController();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const link = tunnels.open(
    node,
    { kind: "metrics", page },
    {
      data: (channel, chunk) => {
        link?.taken(channel, chunk.length);
        if (channel !== CHANNEL.stdout) return;
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) reject(unavailable(`node "${node}" says too much`));
        else chunks.push(chunk);
      },
      ended: () => undefined,
      drained: () => undefined,
      closed: () => resolve(Buffer.concat(chunks)),
      failed: (code, message) => reject(toNodeFailure(code, message)),
    },
  );
  if (link === undefined) throw unavailable(`node "${node}" serves too many streams`);
  clock.sleep(LIMIT_MS, over.signal).then(
    () => reject(unavailable(`node "${node}" did not answer within ${LIMIT_MS / 1000} s`)),
    () => undefined,
  );
  try {
    return await promise;
  } finally {
    over.abort();
    link.reset(499, "the answer is no longer wanted");
  }
}
