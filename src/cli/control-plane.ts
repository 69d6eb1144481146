import { mkdir } from "node:fs/promises";
import { collectDefaultMetrics, Registry } from "prom-client";
import { ApiServerError, startApiServer } from "../api/server.ts";
import type { JoinOptions } from "../api/join/answer-join.ts";
import { loadAuthority, readKeyPair, type Authority } from "../api/pki.ts";
import { systemClock } from "../base/system-clock.ts";
import { QueueMetrics } from "../controller/queue-metrics.ts";
import { createControllers, type Controllers } from "../controller/run-controllers.ts";
import { apiServiceIp } from "../model/api-service.ts";
import type { WriteAnswer } from "../model/write-request.ts";
import { openObjectStore, type OpenObjectStore } from "../store/cached-object-store.ts";
import { acquireLeadership } from "../store/leader.ts";
import { openLmdbStore } from "../store/lmdb-store.ts";
import { StoreError } from "../store/store.ts";
import { openSources } from "../sync/worker-sources.ts";
import { createServiceTokens } from "../api/tokens/service-tokens.ts";
import { openIssuers, readIssuers } from "./authentication-file.ts";
import { clusterInfo } from "./cluster-info.ts";
import { CliError } from "./cli-error.ts";
import { readConfig, type ClusterConfig, type DataDir } from "./data-dir.ts";
import { foregroundLogger } from "./process-logger.ts";
import { openClusterIdentities } from "./secret-key.ts";
import { openSigningKey } from "./signing-key.ts";
import { VERSION } from "./version.ts";

/** How often expired Events are removed. */
const EXPIRE_EVERY_MS = 60_000;
/** How often the event loop's lag is sampled for the metrics: each sample wakes the process. */
const LAG_SAMPLE_MS = 250;

/** What writes are told before the loops are there. */
const STARTING: WriteAnswer = {
  kind: "refused",
  why: "unavailable",
  message: "the control plane starts; try again",
};

/** The control plane of one machine: store, API and loops, until `signal` aborts. */
export async function runControlPlane(dir: DataDir, signal: AbortSignal): Promise<void> {
  const config = await readConfig(dir);
  if (config === undefined) throw new CliError(`Cannot find a cluster in "${dir.root}"`);
  const logger = foregroundLogger("control-plane");
  const clock = systemClock;
  const ended = new AbortController();
  const running = AbortSignal.any([signal, ended.signal]);
  await using stack = new AsyncDisposableStack();

  const objects = await openObjects(dir, stack);
  await mkdir(dir.mirrors, { recursive: true, mode: 0o700 });
  const identities = await openClusterIdentities(dir);
  const sources = await openSources({ mirrorDir: dir.mirrors, engine: "auto", logger, identities });
  stack.defer(() => sources.close());

  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_SAMPLE_MS });
  const cluster = clusterInfo(config);
  let controllers: Controllers | undefined;
  const tls = await serverTls(dir);
  const tokens = createServiceTokens({
    objects,
    keys: [await openSigningKey(dir)],
    issuer: `https://kubernetes.default.svc.${config.domain}`,
    clock,
  });
  const oidc = openIssuers(await readIssuers(dir), { clock, logger });
  const api = await startApiServer({
    objects,
    host: config.listen,
    port: config.port,
    tls,
    cluster,
    tokens,
    oidc,
    join: { authority: await loadCa(dir), config: nodeConfigOf(config) },
    onSync: () => controllers?.syncAll(),
    webhooks: {
      tokens: () => controllers?.webhooks.tokens() ?? [],
      look: (apps, addresses) => controllers?.webhooks.look(apps, addresses) ?? [],
    },
    metrics: () => registry.metrics(),
    admit: (object) => controllers?.admission.admit(object),
    complete: (object, stored) => controllers?.directWrites.complete(object, stored),
    commits: {
      write: async (request, signal) =>
        (await controllers?.commits.write(request, signal)) ?? STARTING,
      lastApplied: async (object, signal) => controllers?.commits.lastApplied(object, signal),
    },
    clock,
    logger,
  }).catch((error: unknown) => {
    throw error instanceof ApiServerError ? new CliError(error.message, { cause: error }) : error;
  });
  stack.defer(() => api.close());
  controllers = createControllers({
    objects,
    sources,
    podCidr: config.podCidr,
    serviceCidr: config.serviceCidr,
    reservedIps: [config.dnsIp, apiServiceIp(config.serviceCidr)],
    version: VERSION,
    caBundle: tls.ca,
    authorDomain: `${config.clusterId}.berth.local`,
    lastSeen: (node) => api.heartbeats.lastSeen(node),
    usage: api.usage,
    readLog: (node, request, signal) => api.readLog(node, request, signal),
    clock,
    logger,
    metrics: new QueueMetrics(registry),
  });
  logger.info(
    { port: api.port, revision: objects.revision, version: VERSION },
    "control plane is up",
  );
  try {
    await Promise.race([controllers.run(running), objects.ended, expireEvents(objects, running)]);
  } finally {
    ended.abort();
    logger.info({}, "control plane ends");
  }
}

async function openObjects(dir: DataDir, stack: AsyncDisposableStack): Promise<OpenObjectStore> {
  const clock = systemClock;
  try {
    const store = await openLmdbStore({ path: dir.store, clock });
    stack.defer(() => store.close());
    const leader = await acquireLeadership(store);
    const objects = await openObjectStore({ store, clock, leader });
    stack.defer(() => objects.close());
    return objects;
  } catch (error) {
    if (error instanceof StoreError) throw new CliError(error.message, { cause: error });
    throw error;
  }
}

async function serverTls(
  dir: DataDir,
): Promise<{ readonly ca: string; readonly cert: string; readonly key: string }> {
  const [ca, server] = await Promise.all([
    readKeyPair(dir.pki, "ca"),
    readKeyPair(dir.pki, "server"),
  ]);
  if (ca !== undefined && server !== undefined) return { ca: ca.cert, ...server };
  throw new CliError(`Cannot find the API's certificates in "${dir.pki}"`, {
    cure: "run `berth up` again: it makes them",
  });
}

/** Signs for machines that join. */
async function loadCa(dir: DataDir): Promise<Authority> {
  const pair = await readKeyPair(dir.pki, "ca");
  if (pair === undefined) throw new CliError(`Cannot read the CA of the cluster in "${dir.pki}"`);
  return loadAuthority(pair, systemClock.now());
}

/** What every node must know, wherever it reaches the API. */
function nodeConfigOf(config: ClusterConfig): JoinOptions["config"] {
  const { clusterId, podCidr, serviceCidr, dnsIp, domain, networkDriver } = config;
  const driver = networkDriver === undefined ? {} : { networkDriver };
  return { clusterId, podCidr, serviceCidr, dnsIp, domain, ...driver };
}

async function expireEvents(objects: OpenObjectStore, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await objects.expireEvents(systemClock.now(), signal);
    await systemClock.sleep(EXPIRE_EVERY_MS, signal).catch(() => undefined);
  }
}
