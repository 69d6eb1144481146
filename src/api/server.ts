import { createServer } from "node:https";
import type { Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { LogRequest } from "../model/tunnel.ts";
import type { ClusterInfo } from "../model/node-endpoints.ts";
import { TUNNEL_PATH } from "../model/tunnel.ts";
import type { UsageView } from "../model/usage.ts";
import type { CommitWriter } from "../model/write-request.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { Admit } from "./admit.ts";
import { authorizeNode, authorizeObjects } from "./authorize.ts";
import type { Complete } from "./direct-write.ts";
import { createDiscovery } from "./discovery.ts";
import { ApiFailure, badRequest, pathNotFound, toStatus, unauthorized } from "./failure.ts";
import { handleRequest, toFailure } from "./handler.ts";
import type { Services } from "./handler.ts";
import { HeartbeatRegistry } from "./heartbeats.ts";
import type { Heartbeats } from "./heartbeats.ts";
import { impersonate } from "./impersonate.ts";
import { Joining, type JoinOptions } from "./join/answer-join.ts";
import { NodeConnections } from "./join/node-connections.ts";
import { Snapshots } from "./list.ts";
import { UsageTable } from "./metrics-table.ts";
import { followNodePods } from "./node-pods.ts";
import { createOpenApi } from "./openapi.ts";
import { followRbac } from "./rbac/rbac.ts";
import { parseResourceRequest, parseUrl } from "./request-info.ts";
import { readSchemaFiles } from "./schema-files.ts";
import { isStreamSubresource, serveStream, type Upgrade } from "./streams/upgrade.ts";
import { authenticateRequest, type TokenAuthenticators } from "./tokens/bearer.ts";
import { readLog } from "./read-log.ts";
import { TunnelHub } from "./tunnel.ts";
import type { Tunnels } from "./tunnel.ts";
import { WatchRegistry } from "./watch.ts";
import { serveWatch } from "./watch-socket.ts";
import { Webhooks, type WebhookTarget } from "./webhooks.ts";
import { followWithdrawals } from "./withdrawals.ts";
import type { EndpointReports } from "./withdrawals.ts";

export interface ApiServerOptions extends TokenAuthenticators {
  readonly objects: ObjectStore;
  readonly host: string;
  /** 0 chooses a free one. */
  readonly port: number;
  /** PEM: the CA that client certificates must come from, and the server's own certificate and key. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly cluster: ClusterInfo;
  /** Somebody asks to look at the Git sources now. */
  readonly onSync: () => void;
  /** Where webhooks of Git hosts go; nowhere without it. */
  readonly webhooks?: WebhookTarget | undefined;
  /** Whether an object may be created, beside who may; `undefined` while nobody can say. */
  readonly admit?: Admit | undefined;
  /** What becomes of objects that are written past Git; `undefined` while nobody can say. */
  readonly complete?: Complete | undefined;
  /** Makes commits of what people write; without it such writes are refused. */
  readonly commits?: CommitWriter | undefined;
  /** The process' figures in Prometheus' text form. */
  readonly metrics: () => Promise<string>;
  /** Who signs for machines that join; absent: nobody can. */
  readonly join?: JoinOptions | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The running API, with what the controllers learn from it. */
export interface ApiServer {
  readonly port: number;
  readonly heartbeats: Heartbeats;
  readonly endpointReports: EndpointReports;
  readonly tunnels: Tunnels;
  /** The last lines of a container, for Berth's own use; none where its node cannot be asked. */
  readLog(
    node: string,
    request: LogRequest & { readonly limitBytes: number },
    signal: AbortSignal,
  ): Promise<string>;
  /** What nodes and pods use. */
  readonly usage: UsageView;
  /** Ends watches and tunnels, lets short requests finish, then closes what is left. */
  close(): Promise<void>;
}

export type ApiServerErrorCode = "port-taken" | "port-forbidden" | "host-unknown" | "io";

/** The API cannot listen. `message` names the address and the cure. */
export class ApiServerError extends Error {
  override readonly name = "ApiServerError";
  readonly code: ApiServerErrorCode;

  constructor(code: ApiServerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Go's clients keep idle connections for 90 s: ours must last longer, else they meet a closing one. */
const KEEP_ALIVE_MS: Millis = 120_000;
const HEADERS_LIMIT_MS: Millis = 20_000;
const REQUEST_LIMIT_MS: Millis = 60_000;
const HANDSHAKE_LIMIT_MS: Millis = 10_000;
const CLOSE_LIMIT_MS: Millis = 3000;
const MAX_CONNECTIONS = 20_000;
const MAX_HEADER_BYTES = 32 * 1024;

/** The Kubernetes version whose behaviour the API follows. */
const KUBERNETES_VERSION = { major: "1", minor: "33" } as const;

/** Serves the API over TLS 1.3 until `close`. Throws `ApiServerError`. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { objects, clock, logger } = options;
  const closing = new AbortController();
  const heartbeats = new HeartbeatRegistry();
  const usage = new UsageTable(clock);
  const tunnels = new TunnelHub(logger);
  const watches = new WatchRegistry();
  const server = createServer({
    ...options.tls,
    requestCert: true,
    // Whoever comes without a certificate of ours is told so by the API, not by a broken handshake.
    rejectUnauthorized: false,
    minVersion: "TLSv1.3",
    handshakeTimeout: HANDSHAKE_LIMIT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: HEADERS_LIMIT_MS,
    requestTimeout: REQUEST_LIMIT_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    noDelay: true,
  });
  server.maxConnections = MAX_CONNECTIONS;
  const port = await listen(server, options);
  const services: Services = {
    objects,
    clock,
    logger,
    cluster: options.cluster,
    version: versionDocument(options.cluster.version),
    discovery: createDiscovery(`${options.host}:${port}`),
    openApi: createOpenApi(options.cluster.version, readSchemaFiles),
    snapshots: new Snapshots(clock),
    watches,
    nodePods: followNodePods(objects),
    rbac: followRbac(objects),
    nodeConnections: new NodeConnections(objects),
    joining:
      options.join === undefined
        ? undefined
        : new Joining(options.join, { objects, heartbeats, clock, logger }),
    tokens: options.tokens,
    oidc: options.oidc,
    tunnels,
    heartbeats,
    withdrawals: followWithdrawals(objects, clock),
    usage,
    onSync: options.onSync,
    admit: options.admit,
    complete: options.complete,
    commits: options.commits,
    metrics: options.metrics,
    signal: closing.signal,
  };
  const { webhooks: target } = options;
  const webhooks = target === undefined ? undefined : new Webhooks({ target, clock, logger });
  server.on("request", (request, response) => {
    if (webhooks !== undefined && Webhooks.concerns(request))
      void webhooks.handle(request, response);
    else void handleRequest(request, response, services);
  });
  server.on(
    "upgrade",
    (request, socket, head) => void upgrade({ request, socket, head }, services),
  );
  server.on("clientError", refuseBrokenRequest);
  server.on("error", (error) => logger.error({ error }, "The API's listener failed"));
  server.on("tlsClientError", (error) => logger.debug({ error }, "A TLS handshake failed"));
  const loops = Promise.all([
    watches.run(clock, closing.signal),
    tunnels.run(clock, closing.signal),
  ]);
  return {
    port,
    heartbeats,
    usage,
    endpointReports: services.withdrawals,
    tunnels,
    readLog: (node, request, signal) => readLog(tunnels, node, request, signal),
    close: async () => {
      closing.abort();
      services.nodePods.close();
      services.rbac.close();
      services.nodeConnections.close();
      services.withdrawals.close();
      await loops;
      await closeServer(server, clock);
    },
  };
}

function listen(server: Server, { host, port }: ApiServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(toServerError(error, host, port));
    });
    server.listen({ host, port }, () => {
      server.removeAllListeners("error");
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function toServerError(error: NodeJS.ErrnoException, host: string, port: number): ApiServerError {
  const address = `${host}:${port}`;
  const options = { cause: error };
  switch (error.code) {
    case "EADDRINUSE":
      return new ApiServerError(
        "port-taken",
        `Cannot serve the API on ${address}: another process listens on port ${port}; end it or choose another port`,
        options,
      );
    case "EACCES":
      return new ApiServerError(
        "port-forbidden",
        `Cannot serve the API on ${address}: port ${port} is not permitted to this user; run as root or choose one above 1023`,
        options,
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new ApiServerError(
        "host-unknown",
        `Cannot serve the API on ${address}: "${host}" is no address of this machine; choose one that is`,
        options,
      );
    default:
      return new ApiServerError(
        "io",
        `Cannot serve the API on ${address}: ${error.message}`,
        options,
      );
  }
}

/** Tunnels of nodes, streams of people and watches: nothing else is upgraded. */
async function upgrade(asked: Upgrade, services: Services): Promise<void> {
  const { request, socket, head } = asked;
  const { tunnels, clock, signal, logger } = services;
  socket.on("error", () => socket.destroy());
  try {
    if (signal.aborted) return void socket.destroy();
    const sender = await authenticateRequest(request, clock.now(), services);
    if (sender === undefined) throw unauthorized();
    const user = impersonate(request, sender, services.rbac);
    const { path, segments, query } = parseUrl(request.url ?? "/");
    if (path === TUNNEL_PATH) {
      return tunnels.accept(authorizeNode(user, TUNNEL_PATH), request, socket, head);
    }
    const what = parseResourceRequest(request.method ?? "GET", segments, query);
    const { subresource } = what ?? {};
    if (what?.verb === "watch") return await serveWatch(asked, what, user, services);
    if (what === undefined || !isStreamSubresource(subresource)) throw pathNotFound();
    authorizeObjects(user, what, services);
    await serveStream(asked, { ...what, subresource }, query, services);
  } catch (error) {
    if (socket.writable) refuse(socket, toFailure(error, logger));
    else socket.destroy();
  }
}

/** What is not even HTTP, or comes too slowly. */
function refuseBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return refuse(
        socket,
        new ApiFailure(431, "RequestHeaderFieldsTooLarge", "the headers are too large"),
      );
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return refuse(socket, new ApiFailure(408, "Timeout", "the request came too slowly"));
    default:
      return refuse(socket, badRequest("the request is not HTTP"));
  }
}

/** Answers on a bare connection, and ends it. */
function refuse(socket: Duplex, failure: ApiFailure): void {
  const body = `${JSON.stringify(toStatus(failure))}\n`;
  socket.end(
    `HTTP/1.1 ${failure.code} ${failure.reason}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

async function closeServer(server: Server, clock: Clock): Promise<void> {
  const closed = Promise.withResolvers<void>();
  const done = new AbortController();
  server.close(() => closed.resolve());
  server.closeIdleConnections();
  clock.sleep(CLOSE_LIMIT_MS, done.signal).then(
    () => server.closeAllConnections(),
    () => undefined,
  );
  await closed.promise;
  done.abort();
}

function versionDocument(version: string): unknown {
  const { major, minor } = KUBERNETES_VERSION;
  return {
    major,
    minor,
    gitVersion: `v${major}.${minor}.0+berth.${version}`,
    gitCommit: "",
    gitTreeState: "clean",
    buildDate: "1970-01-01T00:00:00Z",
    goVersion: `node${process.versions.node}`,
    compiler: "node",
    platform: `${process.platform}/${process.arch === "x64" ? "amd64" : process.arch}`,
  };
}
