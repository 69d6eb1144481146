import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import type { KnownFiles, LoadedFile } from "../../src/schema/loaded-file.ts";
import { openDirectSources } from "../../src/sync/direct-sources.ts";
import type { SourceLocation, Sources } from "../../src/sync/source.ts";
import { openSources } from "../../src/sync/worker-sources.ts";
import { failure } from "../support/git-contract.ts";
import { GitUser, type TempDir, tempDir } from "../support/git-fixture.ts";

/** Real processes on a machine that may be busy. */
const PATIENCE = { timeout: 30_000 };
const signal = (): AbortSignal => AbortSignal.timeout(30_000);

function configMap(name: string, data = "1"): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  key: "${data}"\n`;
}

interface Scene {
  readonly user: GitUser;
  readonly at: SourceLocation;
}

type Open = (mirrorDir: string) => Promise<Sources>;

const FORMS: Readonly<Record<string, Open>> = {
  openDirectSources: async (mirrorDir) =>
    openDirectSources({ mirrorDir, engine: "auto", loadManifests, logger: silentLogger }),
  openSources: (mirrorDir) => openSources({ mirrorDir, engine: "auto", logger: silentLogger }),
};

test("openSources() remembers the commit that it gave last", PATIENCE, async () => {
  await using dir = await tempDir();
  const user = await new GitUser(join(dir.path, "repo")).init();
  const at = { repo: user.dir, branch: "main", path: "apps", namespace: "default" };
  const first = await user.commit({ "apps/a.yaml": configMap("a") });
  const second = await user.commit({ "apps/a.yaml": configMap("a", "2") });
  const sources = await openSources({
    mirrorDir: dir.path,
    engine: "auto",
    logger: silentLogger,
  });
  const one = await sources.load(at, first, signal());
  expect(await sources.load(at, first, signal())).toBe(one);
  // Another way to read it, or another key, is another question.
  const other = await sources.load({ ...at, namespace: "blue" }, first, signal());
  expect(other.loaded.manifests[0]?.object.metadata.namespace).toBe("blue");
  expect(await sources.load({ ...at, access: { bearerToken: "t" } }, first, signal())).not.toBe(
    one,
  );
  const two = await sources.load(at, second, signal());
  expect(two.commit.id).toBe(second);
  expect(two.loaded.manifests).not.toEqual(one.loaded.manifests);
  expect(await sources.load(at, first, signal())).toEqual(one);
  await sources.close();
});

test("openDirectSources() reads only the blobs that it does not know", PATIENCE, async () => {
  await using dir = await tempDir();
  const user = await new GitUser(join(dir.path, "repo")).init();
  const read: string[] = [];
  const files = new Map<string, LoadedFile>();
  const known: KnownFiles = {
    get: (key) => files.get(key),
    set: (key, file) => {
      read.push(file.source.path);
      files.set(key, file);
    },
  };
  const sources = openDirectSources({
    mirrorDir: dir.path,
    engine: "auto",
    loadManifests,
    logger: silentLogger,
    known,
  });
  const at = { repo: user.dir, branch: "main", path: "apps", namespace: "default" };
  const names = async (id: string): Promise<string> => {
    const { loaded, files: count } = await sources.load(at, id, signal());
    return `${count}: ${loaded.manifests.map(({ object }) => object.metadata.name).join(", ")}`;
  };
  const first = await user.commit({ "apps/a.yaml": configMap("a"), "apps/b.yaml": configMap("b") });
  expect(await names(first)).toBe("2: a, b");
  const second = await user.commit({ "apps/b.yaml": configMap("c") });
  expect(await names(second)).toBe("2: a, c");
  expect(read).toEqual(["a.yaml", "b.yaml", "b.yaml"]);
  await sources.close();
});

for (const [form, open] of Object.entries(FORMS)) {
  describe(`${form}()`, PATIENCE, () => {
    let mirrors: TempDir;
    let sources: Sources;
    beforeAll(async () => {
      mirrors = await tempDir();
      sources = await open(mirrors.path);
    });
    afterAll(async () => {
      await sources.close();
      await mirrors[Symbol.asyncDispose]();
    });

    async function using(work: (scene: Scene) => Promise<void>): Promise<void> {
      await using dir = await tempDir();
      const user = await new GitUser(join(dir.path, "repo")).init();
      await work({
        user,
        at: { repo: user.dir, branch: "main", path: "apps", namespace: "default" },
      });
    }

    test("files that .berthignore or the App ignores are no manifests", () =>
      using(async ({ user, at }) => {
        const id = await user.commit({
          "apps/.berthignore": "drafts/\nvalues.yaml\n",
          "apps/a.yaml": configMap("a"),
          "apps/values.yaml": "not: a manifest",
          "apps/drafts/b.yaml": "not: a manifest",
          "apps/c.yaml": configMap("c"),
        });
        const names = async (ignore?: string): Promise<string[]> => {
          const location = ignore === undefined ? at : { ...at, ignore };
          const { loaded } = await sources.load(location, id, signal());
          expect(loaded.problems).toEqual([]);
          return loaded.manifests.map(({ object }) => object.metadata.name);
        };
        expect(await names()).toEqual(["a", "c"]);
        expect(await names("c.yaml\n")).toEqual(["a"]);
        const none = await failure(sources.load({ ...at, ignore: "*\n" }, id, signal()));
        expect(none.code).toBe("no-manifests");
      }));

    test("the next commit's manifests are whole, and those of the same files the same objects", () =>
      using(async ({ user, at }) => {
        const first = await user.commit({
          "apps/a.yaml": configMap("a"),
          "apps/b.yaml": configMap("b"),
        });
        const second = await user.commit({ "apps/b.yaml": null, "apps/c.yaml": configMap("c") });
        const before = (await sources.load(at, first, signal())).loaded.manifests;
        const after = (await sources.load(at, second, signal())).loaded.manifests;
        expect(after.map(({ object }) => object.metadata.name)).toEqual(["a", "c"]);
        expect(after[0]?.object).toBe(before[0]?.object);
      }));

    test("look() tells of each location by itself, and asks for the history of a commit", () =>
      using(async ({ user, at }) => {
        const first = await user.commit({ "apps/a.yaml": configMap("a") });
        const second = await user.commit({ "apps/a.yaml": configMap("b") });
        const seen = await sources.look(
          [at, { ...at, path: "nowhere" }, { ...at, revision: { kind: "commit", id: first } }],
          signal(),
        );
        expect(seen.map((one) => (one.kind === "seen" ? one.commit.id : one.code))).toEqual([
          second,
          "no-such-path",
          first,
        ]);
        expect(await sources.descends(at, second, first, signal())).toBe(true);
        expect(await sources.descends(at, first, second, signal())).toBe(false);
      }));

    test("loads the manifests of a commit, with positions from the repository's root", () =>
      using(async ({ user, at }) => {
        const id = await user.commit({
          "apps/a.yaml": configMap("a"),
          "apps/deep/b.yml": configMap("b"),
          "apps/README.md": "x",
          "other/c.yaml": "not: a manifest",
        });
        expect((await sources.head(at, signal())).id).toBe(id);
        const revision = await sources.load(at, id, signal());
        expect(revision).toMatchObject({ files: 2, commit: { id } });
        expect(revision.tree).toBe(await sources.treeId(at, id, signal()));
        expect(revision.loaded.problems).toEqual([]);
        const places = revision.loaded.manifests.map(
          ({ object, at }) =>
            `${object.metadata.namespace}/${object.metadata.name} ${at.file}:${at.line}`,
        );
        expect(places).toEqual(["default/a apps/a.yaml:1", "default/b apps/deep/b.yml:1"]);
      }));

    test("gives problems with their places, and no error", () =>
      using(async ({ user, at }) => {
        const id = await user.commit({
          "apps/a.yaml": configMap("a"),
          "apps/bad.yaml": "kind: [\n",
        });
        const { loaded } = await sources.load(at, id, signal());
        expect(loaded.problems[0]?.at.file).toBe("apps/bad.yaml");
      }));

    test("hands over more manifests than fit into one slice, in order", () =>
      using(async ({ user, at }) => {
        const names = Array.from(
          { length: 450 },
          (_, index) => `m${String(index).padStart(3, "0")}`,
        );
        const id = await user.commit({
          "apps/all.yaml": names.map((name) => configMap(name)).join("---\n"),
        });
        const { loaded } = await sources.load(at, id, signal());
        expect(loaded.manifests.map(({ object }) => object.metadata.name)).toEqual(names);
      }));

    test("an equal tree is loaded once, whatever its commit", () =>
      using(async ({ user, at }) => {
        const first = await user.commit({ "apps/a.yaml": configMap("a") });
        const second = await user.commit({ "docs/d.md": "d" });
        const one = await sources.load(at, first, signal());
        const two = await sources.load(at, second, signal());
        expect(two.commit.id).toBe(second);
        expect({ ...two, commit: undefined }).toEqual({ ...one, commit: undefined });
        const other = await sources.load({ ...at, namespace: "blue" }, second, signal());
        expect(other.loaded.manifests[0]?.object.metadata.namespace).toBe("blue");
      }));

    test("a folder without manifests is no-manifests, never an empty revision", () =>
      using(async ({ user, at }) => {
        const id = await user.commit({
          "apps/README.md": "x",
          "apps/.hidden.yaml": configMap("h"),
        });
        const error = await failure(sources.load(at, id, signal()));
        expect(error.code).toBe("no-manifests");
        expect(error.message).toContain('folder "apps"');
      }));

    test("no repository, no commits, no branch and no path are errors of their own", () =>
      using(async ({ user, at }) => {
        const codes = [(await failure(sources.head(at, signal()))).code];
        const id = await user.commit({ "apps/a.yaml": configMap("a") });
        codes.push(
          (await failure(sources.head({ ...at, branch: "prod" }, signal()))).code,
          (await failure(sources.load({ ...at, path: "app" }, id, signal()))).code,
          (await failure(sources.treeId({ ...at, path: "../x" }, id, signal()))).code,
          (await failure(sources.head({ ...at, repo: `${at.repo}-not` }, signal()))).code,
          (await failure(sources.head({ ...at, repo: "relative" }, signal()))).code,
          (await failure(sources.head({ ...at, repo: "svn://host/x" }, signal()))).code,
        );
        expect(codes).toEqual([
          "no-commits",
          "no-such-branch",
          "no-such-path",
          "no-such-path",
          "not-a-repository",
          "invalid-url",
          "invalid-url",
        ]);
      }));

    test("a link out of the folder is a problem; a link inside and a submodule are warnings", () =>
      using(async ({ user, at }) => {
        await user.put("apps/a.yaml", configMap("a"));
        await symlink("/etc/passwd", join(user.dir, "apps/evil.yaml"));
        await symlink("a.yaml", join(user.dir, "apps/same.yaml"));
        await user.git("add", "apps");
        const gitlink = "160000,1111111111111111111111111111111111111111,apps/sub";
        await user.git("update-index", "--add", "--cacheinfo", gitlink);
        const id = await user.commit({});
        const { loaded, files } = await sources.load(at, id, signal());
        expect(files).toBe(1);
        expect(loaded.problems.map(({ at, code }) => `${at.file} ${code}`)).toEqual([
          "apps/evil.yaml git/symlink",
        ]);
        expect(loaded.warnings.map(({ at, code }) => `${at.file} ${code}`)).toEqual([
          "apps/same.yaml git/symlink",
          "apps/sub git/submodule",
        ]);
      }));

    test("watch() tells of a commit, until it is stopped", () =>
      using(async ({ user, at }) => {
        await user.commit({ "apps/a.yaml": configMap("a") });
        const told = Promise.withResolvers<void>();
        const stop = await sources.watch(at, () => told.resolve());
        const id = await user.commit({ "apps/a.yaml": configMap("a", "2") });
        await told.promise;
        expect((await sources.head(at, signal())).id).toBe(id);
        await stop();
      }));

    test("pin() keeps a commit by a ref", () =>
      using(async ({ user, at }) => {
        const id = await user.commit({ "apps/a.yaml": configMap("a") });
        await sources.pin(at, "deployed/web", id, signal());
        expect(await user.git("rev-parse", "refs/berth/deployed/web")).toBe(id);
      }));

    test("an aborted call rejects with the reason, and the next one works", () =>
      using(async ({ user, at }) => {
        const id = await user.commit({ "apps/a.yaml": configMap("a") });
        const cancel = new AbortController();
        const call = sources.load(at, id, cancel.signal);
        cancel.abort(new Error("enough"));
        await expect(call).rejects.toThrow("enough");
        expect((await sources.head(at, signal())).id).toBe(id);
      }));
  });
}

describe("openSources() and its worker", PATIENCE, () => {
  test("survives a crash: the call fails, the next one works, watches go on", async () => {
    await using dir = await tempDir();
    const user = await new GitUser(join(dir.path, "repo")).init();
    const at = { repo: user.dir, branch: "main", path: "apps", namespace: "default" };
    const bad = await user.commit({ "apps/a.yaml": "crash" });
    const sources = await openSources({
      mirrorDir: join(dir.path, "mirrors"),
      engine: "auto",
      logger: silentLogger,
      program: new URL("../support/git-crashing-worker.ts", import.meta.url),
    });
    let told = (): void => undefined;
    const stop = await sources.watch(at, () => told());
    const again = Promise.withResolvers<void>();
    told = again.resolve;
    const [error, other] = await Promise.all([
      failure(sources.load(at, bad, signal())),
      failure(sources.load(at, bad, signal())),
    ]);
    expect([error.code, other.code]).toEqual(["io", "io"]);
    expect(error.message).toContain("it is started again");
    await again.promise; // The new worker watches, and says that something may have been missed.
    const next = Promise.withResolvers<void>();
    told = next.resolve;
    const id = await user.commit({ "apps/a.yaml": "fine" });
    await next.promise;
    expect((await sources.load(at, id, signal())).commit.id).toBe(id);
    await stop();
    await sources.close();
  });

  test("refuses calls after close()", async () => {
    await using dir = await tempDir();
    const sources = await openSources({
      mirrorDir: dir.path,
      engine: "auto",
      logger: silentLogger,
    });
    await sources.close();
    const at = { repo: dir.path, branch: "main", path: ".", namespace: "default" };
    expect((await failure(sources.head(at, signal()))).message).toContain("they were closed");
  });
});
