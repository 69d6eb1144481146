import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatKubeconfig } from "../../src/api/kubeconfig.ts";
import { createAuthority } from "../../src/api/pki.ts";
import type { Authority, KeyPair } from "../../src/api/pki.ts";
import { startApiServer } from "../../src/api/server.ts";
import type { ApiServer, ApiServerOptions } from "../../src/api/server.ts";
import type { OidcAuthenticator } from "../../src/api/tokens/oidc.ts";
import { createServiceTokens } from "../../src/api/tokens/service-tokens.ts";
import { generateSigningKey, readSigningKey } from "../../src/api/tokens/signing-keys.ts";
import type { Clock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import type { Logger } from "../../src/base/logger.ts";
import { systemClock } from "../../src/base/system-clock.ts";
import type { ApiClient } from "../../src/client/client.ts";
import { createApiClient } from "../../src/client/http-client.ts";
import type { ApiCredentials } from "../../src/client/transport.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import type { ClusterInfo } from "../../src/model/node-endpoints.ts";
import { openObjectStore } from "../../src/store/cached-object-store.ts";
import { openLmdbStore } from "../../src/store/lmdb-store.ts";
import type { ObjectStore, StoredObject } from "../../src/store/object-store.ts";

export const CLUSTER: ClusterInfo = {
  clusterId: "abc123",
  version: "0.1.0",
  podCidr: "10.32.0.0/11",
  serviceCidr: "10.96.0.0/16",
  dnsIp: "10.96.0.10",
  domain: "cluster.local",
};

/** An API on a free port of the loopback, over a store of its own. */
export interface ApiUnderTest extends AsyncDisposable {
  readonly objects: ObjectStore;
  readonly server: ApiServer;
  readonly url: string;
  readonly authority: Authority;
  /** How often somebody asked to sync. */
  readonly syncs: () => number;
  readonly admin: ApiClient;
  credentials(user: string, groups: readonly string[]): Promise<ApiCredentials>;
  /** A client of its own, closed with the server. */
  connect(user: string, groups: readonly string[]): Promise<ApiClient>;
  node(name: string): Promise<ApiClient>;
  kubeconfig(user?: string, groups?: readonly string[]): Promise<string>;
  /** Creates the object as controllers do, beside the API; the status too. */
  put(object: ApiObject): Promise<StoredObject>;
  /** Ends the server and starts it anew on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** What nodes are told when they join. */
const { version: _, ...JOIN_CONFIG } = CLUSTER;

/** Who signs the tokens of accounts. */
export const ISSUER = "https://kubernetes.default.svc.cluster.local";

export interface ApiTestOptions {
  readonly oidc?: OidcAuthenticator;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Events that watches can go back. */
  readonly maxEvents?: number;
}

export async function startTestApi(options: ApiTestOptions = {}): Promise<ApiUnderTest> {
  const clock = options.clock ?? systemClock;
  const directory = await mkdtemp(join(tmpdir(), "berth-api-"));
  const store = await openLmdbStore({ path: join(directory, "store"), clock: systemClock });
  const ring = options.maxEvents === undefined ? {} : { ring: { maxEvents: options.maxEvents } };
  const objects = await openObjectStore({ store, clock, freeze: true, ...ring });
  const authority = await createAuthority({ commonName: "berth-test", now: Date.now() });
  const issued = await authority.issueServer({
    commonName: "berth-api",
    hosts: ["127.0.0.1", "localhost"],
    now: Date.now(),
  });
  const tokens = createServiceTokens({
    objects,
    keys: [await readSigningKey(generateSigningKey())],
    issuer: ISSUER,
    clock,
  });
  let syncs = 0;
  const serverOptions = (port: number): ApiServerOptions => ({
    objects,
    host: "127.0.0.1",
    port,
    tls: { ca: authority.cert, ...issued },
    cluster: CLUSTER,
    tokens,
    join: { authority, config: JOIN_CONFIG },
    ...(options.oidc === undefined ? {} : { oidc: options.oidc }),
    onSync: () => {
      syncs += 1;
    },
    metrics: () => Promise.resolve("figures 1\n"),
    clock,
    logger: options.logger ?? silentLogger,
  });
  let server = await startApiServer(serverOptions(0));
  const { port } = server;
  const url = `https://127.0.0.1:${port}`;
  const clients: ApiClient[] = [];

  async function credentials(user: string, groups: readonly string[]): Promise<ApiCredentials> {
    return { server: url, ca: authority.cert, ...(await issue(authority, user, groups)) };
  }
  async function connect(user: string, groups: readonly string[]): Promise<ApiClient> {
    const client = createApiClient(await credentials(user, groups));
    clients.push(client);
    return client;
  }
  return {
    objects,
    get server() {
      return server;
    },
    url,
    authority,
    syncs: () => syncs,
    admin: await connect("admin", ["system:masters"]),
    credentials,
    connect,
    node: (name) => connect(`system:node:${name}`, ["system:nodes"]),
    kubeconfig: async (user = "admin", groups = ["system:masters"]) =>
      formatKubeconfig({
        server: url,
        ca: authority.cert,
        user,
        credentials: await issue(authority, user, groups),
      }),
    put: (object) => objects.create(object),
    restart: async () => {
      await server.close();
      server = await startApiServer(serverOptions(port));
    },
    stop: () => server.close(),
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.close();
      await server.close();
      await objects.close();
      await store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function issue(authority: Authority, user: string, groups: readonly string[]): Promise<KeyPair> {
  return authority.issueClient({ commonName: user, organizations: groups, now: Date.now() });
}
