import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatKubeconfig } from "../../src/api/kubeconfig.ts";
import { createAuthority } from "../../src/api/pki.ts";
import { startApiServer } from "../../src/api/server.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { systemClock } from "../../src/base/system-clock.ts";
import { createControllers } from "../../src/controller/run-controllers.ts";
import type { App, Release } from "../../src/model/kinds.gen.ts";
import type { ObjectRef } from "../../src/model/meta.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { resourceOf } from "../../src/model/resources.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import { openObjectStore } from "../../src/store/cached-object-store.ts";
import { openLmdbStore } from "../../src/store/lmdb-store.ts";
import type { ObjectStore } from "../../src/store/object-store.ts";
import { openDirectSources } from "../../src/sync/direct-sources.ts";
import { CLUSTER } from "./api-server.ts";
import { eventually } from "./eventually.ts";
import { makeWorkRepo, type WorkRepo } from "./work-repo.ts";

/** A whole control plane in this process over a repository of its own; no node, so no pod runs. */
export interface WritePlane extends AsyncDisposable {
  readonly objects: ObjectStore;
  readonly repo: WorkRepo;
  readonly url: string;
  kubeconfig(user?: string): Promise<string>;
  /** What `git` says in the work tree. */
  git(...args: readonly string[]): Promise<string>;
  /** Subjects of the branch's commits, newest first. */
  log(count?: number): Promise<readonly string[]>;
  read(file: string): Promise<string>;
  get(ref: ObjectRef): ApiObject | undefined;
  /** Resolves once the head is in the store. */
  applied(): Promise<void>;
}

export interface WritePlaneOptions {
  /** Files of the repository's first commit; without any, `spec` names another repository. */
  readonly files?: Readonly<Record<string, string>>;
  readonly spec?: Partial<App["spec"]>;
  readonly engine?: "git" | "isomorphic";
  /** The cluster's private age keys. */
  readonly identities?: readonly string[];
}

export async function startWritePlane(options: WritePlaneOptions): Promise<WritePlane> {
  const directory = await mkdtemp(join(tmpdir(), "berth-write-"));
  const repo = await makeWorkRepo(join(directory, "repo"));
  for (const [file, text] of Object.entries(options.files ?? {})) await repo.write(file, text);
  if (options.files !== undefined) await repo.commit("first");
  const clock = systemClock;
  const store = await openLmdbStore({ path: join(directory, "store"), clock });
  const objects = await openObjectStore({ store, clock });
  const logger = silentLogger;
  const sources = openDirectSources({
    mirrorDir: join(directory, "mirrors"),
    engine: options.engine ?? "auto",
    loadManifests,
    logger,
    ...(options.identities === undefined ? {} : { identities: options.identities }),
  });
  const controllers = createControllers({
    objects,
    sources,
    podCidr: CLUSTER.podCidr,
    serviceCidr: CLUSTER.serviceCidr,
    reservedIps: [CLUSTER.dnsIp],
    lastSeen: () => undefined,
    authorDomain: "abc123.berth.local",
    clock,
    logger,
  });
  const authority = await createAuthority({ commonName: "berth-test", now: Date.now() });
  const issued = await authority.issueServer({
    commonName: "berth-api",
    hosts: ["127.0.0.1"],
    now: Date.now(),
  });
  const server = await startApiServer({
    objects,
    host: "127.0.0.1",
    port: 0,
    tls: { ca: authority.cert, ...issued },
    cluster: CLUSTER,
    onSync: () => controllers.syncAll(),
    metrics: () => Promise.resolve(""),
    admit: (object) => controllers.admission.admit(object),
    complete: (object, stored) => controllers.directWrites.complete(object, stored),
    commits: controllers.commits,
    clock,
    logger,
  });
  const spec = {
    repo: repo.path,
    branch: "main",
    path: ".",
    namespace: "default",
    intervalSeconds: 3600,
    prune: true,
    ...options.spec,
  };
  await objects.create({
    apiVersion: "berth.dev/v1",
    kind: "App",
    metadata: { name: "root" },
    spec,
  } as unknown as App);
  const stop = new AbortController();
  const running = controllers.run(stop.signal);
  const git = (...args: readonly string[]): Promise<string> => repo.git(...args);
  const url = `https://127.0.0.1:${server.port}`;
  const applied = async (): Promise<void> => {
    const head = options.files === undefined ? undefined : await git("rev-parse", "main");
    await eventually(`${head} is applied`, () => {
      const releases = objects.list(resourceOf({ apiVersion: "berth.dev/v1", kind: "Release" }));
      const found = releases.items.map(({ object }) => object as Release);
      const release = found.find(({ spec }) => head === undefined || spec.commit === head);
      if (release?.status.applied === true) return true;
      throw new Error(JSON.stringify(found.map(({ status, spec }) => [spec.commit, status])));
    });
  };
  await applied();
  return {
    objects,
    repo,
    url,
    kubeconfig: async (user = "admin") =>
      formatKubeconfig({
        server: url,
        ca: authority.cert,
        user,
        credentials: await authority.issueClient({
          commonName: user,
          organizations: ["system:masters"],
          now: Date.now(),
        }),
      }),
    git,
    log: async (count = 1) => (await git("log", `-n${count}`, "--format=%s", "main")).split("\n"),
    read: (file) => readFile(join(repo.path, file), "utf8"),
    get: (ref) => objects.get(ref)?.object,
    applied,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running.catch(() => undefined);
      await server.close();
      await sources.close();
      await objects.close();
      await store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
