import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getReleases } from "../../src/controller/app-context.ts";
import { pushRevert, type RevertContext } from "../../src/controller/revert-push.ts";
import { ensureSystemObjects } from "../../src/controller/system-objects.ts";
import { findCondition } from "../../src/model/condition.ts";
import type { App, ConfigMap, Job, Node, Pod, Release } from "../../src/model/kinds.gen.ts";
import { openObjectStore, type OpenObjectStore } from "../../src/store/cached-object-store.ts";
import { openLmdbStore } from "../../src/store/lmdb-store.ts";
import { GitError, type Commit } from "../../src/sync/git.ts";
import type { ReturnAnswer, ReturnRequest } from "../../src/sync/revert-folder.ts";
import { makeAppHarness, type AppHarness } from "./app-harness.ts";
import { FakeSources } from "./fake-sources.ts";
import { ManualClock } from "./manual-clock.ts";

type Files = Readonly<Record<string, string>>;

/** What one commit of the App holds: a ConfigMap with `value`, and a Job named after its work. */
export function filesOf(value: string, job: string, image = "tool:1"): Files {
  return {
    "a.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  value: "${value}"\n`,
    "job.yaml": `apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: ${job}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n        - name: work\n          image: ${image}\n`,
  };
}

/** One App with `autoRevert`, its looks and its pushes by hand, over a real store. */
export class RevertBed implements AsyncDisposable {
  readonly clock: ManualClock;
  readonly sources: FakeSources = new FakeSources();
  readonly objects: OpenObjectStore;
  readonly harness: AppHarness;
  readonly #close: () => Promise<void>;
  readonly #files = new Map<string, Files>();
  readonly failures: RevertContext["failures"] = new Map();
  /** Branches that commits were published to. */
  readonly published: string[] = [];
  /** While set, every push to the App's branch fails with it. */
  refusal: GitError | undefined;
  lastMessage = "";
  #pods = 0;

  private constructor(objects: OpenObjectStore, clock: ManualClock, close: () => Promise<void>) {
    this.objects = objects;
    this.clock = clock;
    this.#close = close;
    this.harness = makeAppHarness(objects, this.sources, this.clock);
  }

  static async make(spec: Partial<App["spec"]> = {}): Promise<RevertBed> {
    const dir = await mkdtemp(join(tmpdir(), "berth-revert-"));
    const clock = new ManualClock();
    const store = await openLmdbStore({ path: join(dir, "store"), clock });
    const objects = await openObjectStore({ store, clock, freeze: true });
    const bed = new RevertBed(objects, clock, async () => {
      await objects.close();
      await store.close();
      await rm(dir, { recursive: true });
    });
    await ensureSystemObjects(objects);
    await objects.create({
      apiVersion: "berth.dev/v1",
      kind: "App",
      metadata: { name: "shop" },
      spec: {
        repo: "/repo",
        branch: "main",
        path: ".",
        namespace: "default",
        intervalSeconds: 15,
        prune: true,
        autoRevert: true,
        ...spec,
      },
    } as App);
    await bed.node("good", "True");
    return bed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }

  async node(name: string, ready: "True" | "Unknown"): Promise<void> {
    const status = { conditions: [{ type: "Ready", status: ready, reason: "x", message: "" }] };
    await this.objects.create({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name },
      spec: {},
      status,
    } as unknown as Node);
  }

  commit(files: Files, message?: string): Commit {
    const commit = this.sources.commit(files, message);
    this.#files.set(commit.id, files);
    return commit;
  }

  async look(times = 3): Promise<void> {
    for (let time = 0; time < times; time += 1) await this.harness.look("shop");
  }

  push(): ReturnType<typeof pushRevert> {
    return pushRevert("shop", this.pushContext(), new AbortController().signal);
  }

  pushContext(): RevertContext {
    const { sources } = this;
    return {
      ...this.harness.context,
      failures: this.failures,
      lookNow: () => undefined,
      sources: {
        head: (location) => sources.head(location),
        goBack: async (location, request) => this.#goBack(request, location.path),
        publish: async (_, { branch, commit, isNew }) => {
          if (isNew !== true && this.refusal !== undefined) throw this.refusal;
          this.published.push(branch);
          this.lastMessage = commit.message;
          if (isNew !== true) this.commit(this.#files.get(commit.tree) ?? {}, commit.message);
        },
      },
    };
  }

  async #goBack(request: ReturnRequest, path: string): Promise<ReturnAnswer> {
    const location = { repo: "/repo", branch: "main", path, namespace: "default" };
    const head = await this.sources.head(location);
    const tree = await this.sources.treeId(location, head.id);
    if (tree === (await this.sources.treeId(location, request.to))) return { kind: "there", head };
    if (tree !== request.from) return { kind: "moved", head };
    const { to, message, author } = request;
    const commit = { ...head, id: `${to.slice(0, 39)}f`, tree: to, message, author };
    return { kind: "composed", commit, changes: [] };
  }

  job(name: string): Job | undefined {
    const ref = { apiVersion: "batch/v1", kind: "Job", namespace: "default", name };
    return this.objects.get(ref)?.object as Job | undefined;
  }

  /** The Job ends; when it failed, with a pod of it on a node. */
  async end(
    name: string,
    type: "Complete" | "Failed",
    pod: Partial<Pod["status"]> & { node?: string } = {},
  ): Promise<void> {
    const job = this.job(name);
    if (job === undefined) throw new Error(`there is no Job ${name}`);
    const reason = type === "Failed" ? "BackoffLimitExceeded" : "CompletionsReached";
    const conditions = [{ type, status: "True", reason, message: `${name} has ended` }];
    await this.objects.updateStatus({ ...job, status: { conditions } } as unknown as Job);
    if (type !== "Failed") return;
    const { node = "good", ...status } = pod;
    const { uid = "" } = job.metadata;
    const owner = { apiVersion: "batch/v1", kind: "Job", name, uid, controller: true };
    this.#pods += 1;
    await this.objects.create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: `${name}-${this.#pods}`,
        namespace: "default",
        ownerReferences: [owner],
      },
      spec: { ...job.spec.template.spec, ...(node === "" ? {} : { nodeName: node }) },
      status: {
        phase: "Failed",
        containerStatuses: [
          {
            name: "work",
            image: "",
            imageID: "",
            ready: false,
            restartCount: 0,
            state: { terminated: { exitCode: 3, reason: "Error" } },
            lastState: {},
          },
        ],
        ...status,
      },
    } as unknown as Pod);
  }

  /** A commit that becomes Healthy. */
  async good(value: string, job: string): Promise<Commit> {
    const commit = this.commit(filesOf(value, job));
    await this.look();
    await this.end(job, "Complete");
    await this.look();
    return commit;
  }

  /** A commit that fails, looked at until it was judged. */
  async bad(value: string, job: string, message?: string): Promise<Commit> {
    const commit = this.commit(filesOf(value, job), message);
    await this.look();
    await this.end(job, "Failed");
    await this.look();
    return commit;
  }

  app(): App {
    const ref = { apiVersion: "berth.dev/v1", kind: "App", name: "shop" };
    return this.objects.get(ref)?.object as App;
  }

  async change(spec: Partial<App["spec"]>): Promise<void> {
    const app = this.app();
    await this.objects.update({ ...app, spec: { ...app.spec, ...spec } } as App);
  }

  releases(): readonly Release[] {
    return getReleases("shop", this.harness.context);
  }

  history(): readonly string[] {
    return this.releases().map(({ spec, status }) =>
      [spec.sequence, status.phase, spec.returnsFrom]
        .filter((part) => part !== undefined)
        .join(" "),
    );
  }

  async approve(name: string): Promise<void> {
    const release = this.releases().find(({ metadata }) => metadata.name === name);
    if (release === undefined) throw new Error(`there is no ${name}`);
    const annotations = { ...release.metadata.annotations, "berth.dev/approved": "true" };
    await this.objects.update({ ...release, metadata: { ...release.metadata, annotations } });
  }

  value(): string | undefined {
    const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "a" };
    return (this.objects.get(ref)?.object as ConfigMap | undefined)?.data?.["value"];
  }

  condition(type: string): string {
    const found = findCondition(this.app().status?.conditions, type);
    return found === undefined ? "none" : `${found.status} ${found.reason}: ${found.message}`;
  }
}
