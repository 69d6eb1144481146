import { expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { CommitWrites } from "../../src/controller/commit-writes.ts";
import { authorOf } from "../../src/controller/commit-writes-words.ts";
import { StoreWorld } from "../../src/controller/store-world.ts";
import type { App, Release } from "../../src/model/kinds.gen.ts";
import { refKey, refOf, type ApiObject, type ObjectRef } from "../../src/model/meta.ts";
import type { WriteAnswer, WriteRequest } from "../../src/model/write-request.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import type { ObjectEvent, ObjectStore } from "../../src/store/object-store.ts";
import { GitError, type Commit, type Publication } from "../../src/sync/git.ts";
import { editFiles, filesToOpen } from "../../src/sync/write/edit-files.ts";
import type { EditRequest, WritableSources } from "../../src/sync/write/writable-sources.ts";
import { ManualClock } from "../support/manual-clock.ts";

type Files = Readonly<Record<string, string>>;
const { signal } = new AbortController();
const map = (name: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  a: "1"\n`;
const refTo = (name: string): ObjectRef => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  namespace: "shop",
  name,
});

/** A repository in memory, whose pushes tests decide about, and a store that takes each head at once if it is to. */
class Rig {
  readonly clock = new ManualClock(1_800_000_000_000);
  readonly objects: ApiObject[] = [];
  readonly pushed: Commit[] = [];
  readonly composed: EditRequest[] = [];
  readonly #commits = new Map<string, { readonly commit: Commit; readonly files: Files }>();
  readonly #listeners: ((event: ObjectEvent) => void)[] = [];
  #head = "";
  applies = true;
  publish: (publication: Publication) => Promise<void> = async () => undefined;
  headFails: GitError | undefined;

  constructor(files: Files, apps: readonly Partial<App["spec"]>[] = [{}]) {
    for (const [index, spec] of apps.entries())
      this.objects.push(app(index === 0 ? "root" : `app-${index}`, spec));
    this.#head = this.#add(files, []).id;
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } };
    this.objects.push(namespace);
    for (const { object } of load(files).manifests) this.objects.push(stored(object));
  }

  readonly writes = (): CommitWrites => {
    const objects = {
      get: (ref: ObjectRef) => {
        const object = this.objects.find((one) => refKey(refOf(one)) === refKey(ref));
        return object === undefined ? undefined : { object, bytes: new Uint8Array() };
      },
      list: ({ kind }: { readonly kind: string }) => ({
        revision: 1,
        items: this.objects.filter((one) => one.kind === kind).map((object) => ({ object })),
      }),
      subscribe: (listener: (event: ObjectEvent) => void) => {
        this.#listeners.push(listener);
        return () => undefined;
      },
    } as unknown as ObjectStore;
    return new CommitWrites({
      objects,
      world: new StoreWorld(objects),
      sources: this.#sources(),
      clock: this.clock,
      logger: silentLogger,
      serviceCidr: "10.96.0.0/16",
      reservedIps: [],
      domain: "c.berth.local",
      syncAll: () => (this.applies ? this.#apply() : undefined),
      random: () => 0,
    });
  };

  /** Somebody else's commit. */
  push(files: Files): void {
    this.#head = this.#add(files, [this.#head]).id;
  }

  #sources(): WritableSources {
    return {
      head: async () => {
        if (this.headFails !== undefined) throw this.headFails;
        return this.#at(this.#head).commit;
      },
      load: async (_location: unknown, id: string) => {
        const { commit, files } = this.#at(id);
        return { commit, tree: commit.tree, loaded: load(files), files: 1 };
      },
      edit: async (_location: unknown, request: EditRequest) => {
        this.composed.push(request);
        const { files } = this.#at(request.parent);
        const placed = load(files).manifests.map(({ object, at }) => ({
          ref: refOf(object),
          file: at.file,
        }));
        const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
        const contents = new Map(
          filesToOpen(request.edits, placed).map((path) => [path, encode(files[path] ?? "")]),
        );
        const paths = new Set(Object.keys(files));
        const changes = editFiles(request.edits, { namespace: "shop", placed, paths, contents });
        const next = { ...files };
        for (const { path, content } of changes)
          next[path] = new TextDecoder().decode(content ?? undefined);
        return {
          kind: "composed",
          commit: this.#add(next, [request.parent], request.message),
          changes,
        };
      },
      publish: async (_location: unknown, publication: Publication) => {
        await this.publish(publication);
        if (publication.commit.parents[0] !== this.#head)
          throw new GitError("conflict", "the branch has moved");
        this.#head = publication.commit.id;
        this.pushed.push(publication.commit);
      },
    } as unknown as WritableSources;
  }

  #apply(): void {
    const { commit, files } = this.#at(this.#head);
    for (const { object } of load(files).manifests) {
      const index = this.objects.findIndex((one) => refKey(refOf(one)) === refKey(refOf(object)));
      if (index >= 0) this.objects[index] = stored(object);
    }
    const release = {
      apiVersion: "berth.dev/v1",
      kind: "Release",
      metadata: { name: `root-${this.pushed.length}` },
      spec: {
        app: "root",
        sequence: this.pushed.length,
        commit: commit.id,
        tree: commit.tree,
        committedAt: "2027-01-01T00:00:00Z",
      },
      status: { phase: "Progressing", applied: true, inventory: [] },
    } as unknown as Release;
    this.objects.push(release);
    for (const listener of this.#listeners)
      listener({ kind: "added", object: release, bytes: new Uint8Array(), revision: 1 });
  }

  #add(files: Files, parents: readonly string[], message = "change"): Commit {
    const id = String(this.#commits.size + 1).padStart(40, "0");
    const author = { name: "x", email: "x" };
    const commit = { id, tree: `t${id}`, parents, author, committedAt: 1_798_761_600_000, message };
    this.#commits.set(id, { commit, files });
    return commit;
  }

  #at(id: string): { readonly commit: Commit; readonly files: Files } {
    const found = this.#commits.get(id);
    if (found === undefined) throw new Error(`no commit ${id}`);
    return found;
  }
}

const load = (files: Files): ReturnType<typeof loadManifests> =>
  loadManifests(
    Object.entries(files).map(([path, text]) => ({
      path,
      content: new TextEncoder().encode(text),
    })),
    { namespace: "shop" },
  );
const app = (name: string, spec: Partial<App["spec"]>): App =>
  ({
    apiVersion: "berth.dev/v1",
    kind: "App",
    metadata: { name },
    spec: {
      repo: "/repo",
      branch: "main",
      path: ".",
      namespace: "default",
      intervalSeconds: 60,
      prune: true,
      ...spec,
    },
  }) as App;
const stored = (object: ApiObject): ApiObject => ({
  ...object,
  metadata: { ...object.metadata, uid: "u", labels: { "berth.dev/app": "root" } },
});

/** Sets one value of a ConfigMap. */
function request(name: string, value: string, user = "ada"): WriteRequest {
  return {
    verb: "update",
    ref: refTo(name),
    user,
    client: "kubectl patch",
    dryRun: false,
    change: (base) => {
      const after = { ...base, data: { a: value } } as unknown as ApiObject;
      return { written: after, after, warnings: [] };
    },
  };
}

const told = (answer: WriteAnswer): string =>
  answer.kind === "refused" ? `${answer.why}: ${answer.message}` : answer.kind;
const TWO = { "a.yaml": map("a"), "b.yaml": map("b") };

test("one person's writes within 200 ms are one commit, another person's are another", async () => {
  const rig = new Rig(TWO);
  const writes = rig.writes();
  const answers = [
    writes.write(request("a", "2"), signal),
    writes.write(request("b", "2"), signal),
    writes.write(request("a", "3", "grace"), signal),
  ];
  await rig.clock.advance(200);
  await rig.clock.advance(200);
  expect((await Promise.all(answers)).map(told)).toEqual(["written", "written", "written"]);
  expect(rig.pushed.map(({ message }) => message.split("\n")[0])).toEqual([
    "Change 2 configmaps",
    "Change data.a of configmap shop/a",
  ]);
  expect(rig.composed.map(({ author }) => author.name)).toEqual(["ada", "grace"]);
});

test("two writes of one object are two commits, in their order", async () => {
  const rig = new Rig(TWO);
  const writes = rig.writes();
  const answers = [
    writes.write(request("a", "2"), signal),
    writes.write(request("a", "3"), signal),
  ];
  await rig.clock.advance(200);
  await rig.clock.advance(200);
  expect((await Promise.all(answers)).map(told)).toEqual(["written", "written"]);
  expect(rig.composed.map(({ edits }) => edits.length)).toEqual([1, 1]);
  expect(rig.objects.find(({ metadata }) => metadata.name === "a")).toMatchObject({
    data: { a: "3" },
  });
});

test("a branch that moved is tried again on the new head, and theirs stays", async () => {
  const rig = new Rig(TWO);
  let races = 2;
  rig.publish = async () => {
    if (races-- > 0) rig.push({ ...TWO, "c.yaml": map(`c${races}`) });
  };
  const answer = rig.writes().write(request("a", "2"), signal);
  for (let step = 0; step < 5; step += 1) await rig.clock.advance(200);
  expect(told(await answer)).toBe("written");
  expect(rig.composed).toHaveLength(3);
  expect(rig.pushed).toHaveLength(1);
});

test("after eight races it is a conflict, and nothing was committed", async () => {
  const rig = new Rig(TWO);
  rig.publish = async () => rig.push(TWO);
  const answer = rig.writes().write(request("a", "2"), signal);
  for (let step = 0; step < 40; step += 1) await rig.clock.advance(200);
  expect(told(await answer)).toBe("conflict: the branch has moved");
  expect([rig.composed.length, rig.pushed.length]).toEqual([8, 0]);
});

test("what is not applied within 10 s is told with its commit; what waits behind, that nothing was committed", async () => {
  const rig = new Rig(TWO);
  rig.applies = false;
  const writes = rig.writes();
  const late = writes.write(request("a", "2"), signal);
  await rig.clock.advance(200);
  await rig.clock.advance(9800);
  expect(told(await late)).toMatch(
    /^timeout: committed 0000000 to main: a\.yaml, and it is not applied after 10 s/,
  );
  rig.publish = () => new Promise(() => undefined);
  const stuck = writes.write(request("a", "3"), signal);
  await rig.clock.advance(200);
  const waiting = writes.write(request("b", "3"), signal);
  await rig.clock.advance(9800);
  expect(told(await stuck)).toMatch(/^timeout: Git did not answer within 10 s/);
  await rig.clock.advance(200);
  expect(told(await waiting)).toMatch(/^timeout: nothing was committed within 10 s/);
});

test("Git away is told as that", async () => {
  const rig = new Rig(TWO);
  rig.headFails = new GitError("unreachable", "Cannot read repository: no answer");
  const answer = rig.writes().write(request("a", "2"), signal);
  await rig.clock.advance(200);
  expect(told(await answer)).toMatch(
    /^unavailable: Cannot read repository: no answer; nothing was changed/,
  );
});

test("one bad write does not take the others along", async () => {
  const rig = new Rig(TWO);
  const writes = rig.writes();
  const good = writes.write(request("a", "2"), signal);
  const bad = writes.write(
    {
      ...request("b", "2"),
      change: () => {
        throw new Error("no");
      },
    },
    signal,
  );
  const refusal = expect(bad).rejects.toThrow("no");
  await rig.clock.advance(200);
  await refusal;
  expect(told(await good)).toBe("written");
});

test.each<[what: string, apps: readonly Partial<App["spec"]>[], expected: RegExp]>([
  [
    "the only App of the namespace, in whose folder another App's object must not stand",
    [{}, { namespace: "shop" }],
    /^blocked: ConfigMap shop\/z belongs to App "root"/,
  ],
  [
    "two Apps of the namespace",
    [{}, { namespace: "shop" }, { namespace: "shop" }],
    /could go to several Apps: app-1, app-2; name one/,
  ],
  [
    "an App that denies",
    [{ write: "deny" }],
    /^forbidden: App "root" takes no writes \(write: deny\): add a manifest/,
  ],
  [
    "an App that follows a tag",
    [{ tag: "v1" }],
    /^blocked: App "root" follows tag "v1" and no branch/,
  ],
  ["a suspended App", [{ suspend: true }], /^blocked: App "root" is suspended/],
])("a new object goes to %s", async (_what, apps, expected) => {
  const rig = new Rig({ "z.yaml": map("z") }, apps);
  const after = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "n", namespace: "shop" },
    data: {},
  } as ApiObject;
  const answer = rig.writes().write(
    {
      ...request("n", "1"),
      verb: "create",
      change: () => ({ written: after, after, warnings: [] }),
    },
    signal,
  );
  for (let step = 0; step < 60; step += 1) await rig.clock.advance(200);
  expect(told(await answer)).toMatch(expected);
});

test.each([
  ["ada", "ada@c.berth.local"],
  ["Grace Hopper", "Grace-Hopper@c.berth.local"],
  ["oidc:ada@example.org", "oidc:ada@example.org"],
  ["<x>\n", "-x-@c.berth.local"],
])("the address of %j is %s", (user, email) => {
  expect(authorOf(user, "c.berth.local").email).toBe(email);
});
