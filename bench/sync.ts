import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { silentLogger } from "../src/base/logger.ts";
import { systemClock } from "../src/base/system-clock.ts";
import { createAppLoop, type AppLoop } from "../src/controller/app-loop.ts";
import { StoreWorld } from "../src/controller/store-world.ts";
import { ensureSystemObjects } from "../src/controller/system-objects.ts";
import type { App, Release } from "../src/model/kinds.gen.ts";
import { openObjectStore, type OpenObjectStore } from "../src/store/cached-object-store.ts";
import type { ObjectEvent } from "../src/store/object-store.ts";
import { openLmdbStore } from "../src/store/lmdb-store.ts";
import { openSources } from "../src/sync/worker-sources.ts";
import { serveGit } from "../test/support/git-http.ts";
import { compared, median, type Bar, type BenchOptions, type Metric } from "./harness.ts";
import { makeManifests } from "./manifests.ts";
import { SyncRepo } from "./sync-repo.ts";

/*
 * From a commit to its plan and to the store, with the control plane's own parts: Git in its worker, the loop of Apps,
 * the store on disk. Nobody runs pods here. The peers are the bare `yaml` package, which parses the same files to plain
 * values and does nothing else, and the git binary, which finds out what a commit changed.
 */
const scale = Number(process.env["BERTH_BENCH_SCALE"] ?? "1");
const MANIFESTS = Math.round(10_000 * scale);
const FOLDERS = Math.round(500 * scale);
const APPS = Math.round(1000 * scale);
const ROUNDS = 5;

const ONE_FILE = "one file changed among 10,000 manifests in 500 folders: commit seen to planned";
const NO_OP = "1,000 Apps in one repo: a no-op commit in total";
const PLANNED = "1,000 Apps in one repo: all changed, planned";
const STORED = "1,000 Apps in one repo: all changed, desired state stored";
const COLD = "cold start on 10,000 manifests";
const COLD_MEMORY = "cold start on 10,000 manifests: memory";
const LAG = "event loop of the control plane during a fetch: longest block";

export const bars: readonly Bar[] = [
  { metric: ONE_FILE, of: "value", below: 100 },
  { metric: NO_OP, of: "value", below: 250 },
  { metric: PLANNED, of: "value", below: 3000 },
  { metric: STORED, of: "value", below: 10_000 },
  { metric: COLD, of: "ratio", below: 0.75 },
  { metric: COLD_MEMORY, of: "value", below: 300 },
  { metric: LAG, of: "value", below: 50 },
];

const PARTS: readonly (readonly [string, (options: BenchOptions) => Promise<Metric[]>])[] = [
  ["one-file", oneFile],
  ["apps", manyApps],
  ["cold", coldStart],
  ["fetch", fetching],
];

export async function run(options: BenchOptions): Promise<Metric[]> {
  const metrics: Metric[] = [];
  for (const [name, part] of PARTS) {
    if ((options.args?.length ?? 0) > 0 && options.args?.includes(name) !== true) continue;
    options.say(`${name} ...`);
    metrics.push(...(await part(options)));
  }
  return metrics;
}

/** A control plane that runs nothing but Apps. */
class Plane implements AsyncDisposable {
  readonly objects: OpenObjectStore;
  readonly loop: AppLoop;
  readonly #stack: AsyncDisposableStack;

  private constructor(objects: OpenObjectStore, loop: AppLoop, stack: AsyncDisposableStack) {
    this.objects = objects;
    this.loop = loop;
    this.#stack = stack;
  }

  static async start(): Promise<Plane> {
    const stack = new AsyncDisposableStack();
    const dir = await mkdtemp(join(tmpdir(), "berth-bench-plane-"));
    stack.defer(() => rm(dir, { recursive: true, force: true }));
    const store = await openLmdbStore({ path: join(dir, "store"), clock: systemClock });
    stack.defer(() => store.close());
    const objects = await openObjectStore({ store, clock: systemClock });
    stack.defer(() => objects.close());
    await ensureSystemObjects(objects);
    const mirrorDir = join(dir, "mirrors");
    const sources = await openSources({ mirrorDir, engine: "git", logger: silentLogger });
    stack.defer(() => sources.close());
    const loop = createAppLoop({
      objects,
      world: new StoreWorld(objects),
      sources,
      events: { write: () => undefined },
      clock: systemClock,
      logger: silentLogger,
      serviceCidr: "10.96.0.0/12",
      reservedIps: [],
    });
    const stop = new AbortController();
    const running = loop.run(stop.signal);
    stack.defer(async () => {
      stop.abort();
      await running;
    });
    return new Plane(objects, loop, stack);
  }

  async follow(name: string, repo: string, path: string): Promise<void> {
    const place = { repo, branch: "main", path, namespace: "default" };
    // The manifests of the benches have Secrets among them, and nobody to keep them from.
    const secrets = { plain: "allow" } as const;
    const spec: App["spec"] = { ...place, intervalSeconds: 3600, prune: true, secrets };
    await this.objects.create({
      apiVersion: "berth.dev/v1",
      kind: "App",
      metadata: { name },
      spec,
    } as App);
  }

  /** Resolves once as many events as that have been to the taste of `isIt`, each object counted once. */
  until(count: number, isIt: (event: ObjectEvent) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const seen = new Set<string>();
      const stop = this.objects.subscribe((event) => {
        if (!isIt(event)) return;
        seen.add(`${event.object.kind} ${event.object.metadata.name}`);
        if (seen.size < count) return;
        stop();
        resolve();
      });
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

const isReleaseOf =
  (commit: string, applied: boolean) =>
  ({ object, kind }: ObjectEvent): boolean =>
    kind !== "deleted" &&
    object.kind === "Release" &&
    (object as Release).spec.commit === commit &&
    (!applied || (object as Release).status.applied === true);

function manifestTree(): Map<string, Uint8Array> {
  const files = makeManifests(MANIFESTS);
  return new Map(
    files.map(({ content }, index) => [
      `apps/d${index % FOLDERS}/f${Math.floor(index / FOLDERS)}.yaml`,
      content,
    ]),
  );
}

async function oneFile({ say }: BenchOptions): Promise<Metric[]> {
  await using repo = await SyncRepo.make();
  await using plane = await Plane.start();
  const files = manifestTree();
  const first = await repo.commit(files);
  const stored = plane.until(1, isReleaseOf(first, true));
  await plane.follow("root", repo.path, "apps");
  await stored;
  const times: number[] = [];
  const peers: number[] = [];
  let before = first;
  const [[path, content] = ["", new Uint8Array()]] = files;
  for (let round = 0; round <= ROUNDS; round += 1) {
    const changed = Buffer.from(content)
      .toString()
      .replace("1.27.3", `1.27.${round + 4}`);
    const commit = await repo.commit(new Map([[path, changed]]));
    const startedAt = performance.now();
    const cpuAt = process.cpuUsage();
    const planned = plane.until(1, isReleaseOf(commit, false));
    plane.loop.syncAll();
    await planned;
    const took = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(cpuAt);
    const peerAt = performance.now();
    const diff = await repo.git(["-C", repo.path, "diff-tree", "-r", before, commit]);
    const id = diff.split(" ")[3] ?? "";
    parse(await repo.git(["-C", repo.path, "cat-file", "blob", id]));
    const peer = performance.now() - peerAt;
    // Of all threads: on a machine that is busy with other things it says more than the time.
    const cpu = ((user + system) / 1000).toFixed(1);
    say(`round ${round}: ${took.toFixed(1)} ms, CPU ${cpu} ms, git and yaml ${peer.toFixed(1)} ms`);
    before = commit;
    // The first one is for the machine to get warm.
    if (round > 0) {
      times.push(took);
      peers.push(peer);
    }
    await plane.until(1, isReleaseOf(commit, true));
  }
  return [compared(ONE_FILE, "ms", times, peers)];
}

function appFiles(round: number): Map<string, string> {
  const files = new Map<string, string>();
  for (let index = 0; index < APPS; index += 1) {
    const name = `app-${index}`;
    const meta = `metadata:\n  name: ${name}\n  labels:\n    round: "${round}"\n`;
    const labels = `app: ${name}`;
    const parts = [
      `apiVersion: apps/v1\nkind: Deployment\n${meta}spec:\n  replicas: 0\n  selector:\n    matchLabels:\n      ${labels}\n  template:\n    metadata:\n      labels:\n        ${labels}\n    spec:\n      serviceAccountName: ${name}\n      containers:\n        - name: web\n          image: registry.example.com/shop/web:1\n`,
      `apiVersion: v1\nkind: ServiceAccount\n${meta}`,
      `apiVersion: v1\nkind: Service\n${meta}spec:\n  selector:\n    ${labels}\n  ports:\n    - port: 80\n`,
      `apiVersion: v1\nkind: ConfigMap\n${meta}data:\n  round: "${round}"\n`,
    ];
    files.set(`apps/${name}/app.yaml`, parts.join("---\n"));
  }
  return files;
}

async function manyApps({ say }: BenchOptions): Promise<Metric[]> {
  await using repo = await SyncRepo.make();
  await using plane = await Plane.start();
  const first = await repo.commit(appFiles(0));
  const stored = plane.until(APPS, isReleaseOf(first, true));
  for (let index = 0; index < APPS; index += 1)
    await plane.follow(`app-${index}`, repo.path, `apps/app-${index}`);
  await stored;
  const noOps: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    await systemClock.sleep(500);
    const commit = await repo.commit(new Map([["README.md", `round ${round}\n`]]));
    const startedAt = performance.now();
    const noted = plane.until(
      APPS,
      ({ object }) => object.kind === "App" && (object as App).status?.seenCommit === commit,
    );
    plane.loop.syncAll();
    await noted;
    noOps.push(performance.now() - startedAt);
    say(`no-op ${round}: ${noOps.at(-1)?.toFixed(0)} ms`);
  }
  const planned: number[] = [];
  const written: number[] = [];
  for (let round = 1; round <= 2; round += 1) {
    await systemClock.sleep(500);
    const commit = await repo.commit(appFiles(round));
    const startedAt = performance.now();
    const all = plane.until(APPS, isReleaseOf(commit, false)).then(() => performance.now());
    const applied = plane.until(APPS, isReleaseOf(commit, true)).then(() => performance.now());
    plane.loop.syncAll();
    planned.push((await all) - startedAt);
    written.push((await applied) - startedAt);
    say(
      `all changed: planned ${planned.at(-1)?.toFixed(0)} ms, stored ${written.at(-1)?.toFixed(0)} ms`,
    );
  }
  const bare: number[] = [];
  const peerAt = performance.now();
  for (const text of appFiles(9).values()) text.split("---\n").forEach((part) => parse(part));
  bare.push(performance.now() - peerAt);
  return [
    { name: NO_OP, value: Math.round(median(noOps.slice(1))), unit: "ms" },
    compared(PLANNED, "ms", planned, bare),
    compared(STORED, "ms", written, bare),
  ];
}

/** In a process of its own, which loads the tree and tells its time and its memory. */
async function coldStart({ say }: BenchOptions): Promise<Metric[]> {
  await using repo = await SyncRepo.make();
  const files = manifestTree();
  const commit = await repo.commit(files);
  const times: number[] = [];
  const peers: number[] = [];
  const memory: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const mirrors = join(repo.dir, `mirrors-${round}`);
    const told = await child([repo.path, commit, mirrors]);
    times.push(told.ms);
    memory.push(told.rssMb);
    peers.push((await child([repo.path, commit, "yaml"])).ms);
    say(
      `cold ${told.ms.toFixed(0)} ms, ${told.rssMb.toFixed(0)} MB; yaml ${peers.at(-1)?.toFixed(0)} ms`,
    );
  }
  return [
    compared(COLD, "ms", times, peers),
    { name: COLD_MEMORY, value: Math.round(median(memory)), unit: "MB" },
  ];
}

async function child(
  args: readonly string[],
): Promise<{ readonly ms: number; readonly rssMb: number }> {
  const program = fileURLToPath(new URL("./sync-cold.ts", import.meta.url));
  const started = spawn(process.execPath, [program, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  for await (const chunk of started.stdout) text += String(chunk);
  return JSON.parse(text) as { readonly ms: number; readonly rssMb: number };
}

async function fetching({ say }: BenchOptions): Promise<Metric[]> {
  await using repo = await SyncRepo.make();
  await repo.commit(manifestTree());
  // The server must not be what blocks: it is a process of its own behind a few lines that pass bytes on.
  await using server = await serveGit(repo.dir);
  await using plane = await Plane.start();
  await systemClock.sleep(500);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const started = performance.now();
  const seen = plane.until(
    1,
    ({ object }) => object.kind === "App" && (object as App).status?.conditions !== undefined,
  );
  await plane.follow("root", `${server.url}/repo.git`, "nowhere");
  await seen;
  delay.disable();
  say(`fetched in ${(performance.now() - started).toFixed(0)} ms`);
  return [{ name: LAG, value: Number((delay.max / 1e6).toPrecision(3)), unit: "ms" }];
}
