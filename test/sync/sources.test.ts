import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import { openDirectSources } from "../../src/sync/direct-sources.ts";
import type { SourceLocation, Sources } from "../../src/sync/source.ts";
import { openSources } from "../../src/sync/worker-sources.ts";
import { failure } from "../support/git-contract.ts";
import { GitUser, tempDir } from "../support/git-fixture.ts";

const signal = (): AbortSignal => AbortSignal.timeout(30_000);

function configMap(name: string, data = "1"): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  key: "${data}"\n`;
}

interface Scene {
  readonly user: GitUser;
  readonly sources: Sources;
  readonly at: SourceLocation;
}

type Open = (mirrorDir: string) => Promise<Sources>;

const FORMS: Readonly<Record<string, Open>> = {
  openDirectSources: async (mirrorDir) =>
    openDirectSources({ mirrorDir, engine: "auto", loadManifests, logger: silentLogger }),
  openSources: (mirrorDir) => openSources({ mirrorDir, engine: "auto", logger: silentLogger }),
};

async function using(open: Open, work: (scene: Scene) => Promise<void>): Promise<void> {
  await using dir = await tempDir();
  const user = await new GitUser(join(dir.path, "repo")).init();
  const sources = await open(join(dir.path, "mirrors"));
  const at = { repo: user.dir, branch: "main", path: "apps", namespace: "default" };
  try {
    await work({ user, sources, at });
  } finally {
    await sources.close();
  }
}

for (const [form, open] of Object.entries(FORMS)) {
  describe(`${form}()`, () => {
    test("loads the manifests of a commit, with positions from the repository's root", () =>
      using(open, async ({ user, sources, at }) => {
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
      using(open, async ({ user, sources, at }) => {
        const id = await user.commit({
          "apps/a.yaml": configMap("a"),
          "apps/bad.yaml": "kind: [\n",
        });
        const { loaded } = await sources.load(at, id, signal());
        expect(loaded.problems[0]?.at.file).toBe("apps/bad.yaml");
      }));

    test("hands over more manifests than fit into one slice, in order", () =>
      using(open, async ({ user, sources, at }) => {
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
      using(open, async ({ user, sources, at }) => {
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
      using(open, async ({ user, sources, at }) => {
        const id = await user.commit({
          "apps/README.md": "x",
          "apps/.hidden.yaml": configMap("h"),
        });
        const error = await failure(sources.load(at, id, signal()));
        expect(error.code).toBe("no-manifests");
        expect(error.message).toContain('folder "apps"');
      }));

    test("no repository, no commits, no branch and no path are errors of their own", () =>
      using(open, async ({ user, sources, at }) => {
        const codes = [(await failure(sources.head(at, signal()))).code];
        const id = await user.commit({ "apps/a.yaml": configMap("a") });
        codes.push(
          (await failure(sources.head({ ...at, branch: "prod" }, signal()))).code,
          (await failure(sources.load({ ...at, path: "app" }, id, signal()))).code,
          (await failure(sources.treeId({ ...at, path: "../x" }, id, signal()))).code,
          (await failure(sources.head({ ...at, repo: `${at.repo}-not` }, signal()))).code,
          (await failure(sources.head({ ...at, repo: "relative" }, signal()))).code,
          (await failure(sources.head({ ...at, repo: "ssh://git@host/x" }, signal()))).code,
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
      using(open, async ({ user, sources, at }) => {
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
      using(open, async ({ user, sources, at }) => {
        await user.commit({ "apps/a.yaml": configMap("a") });
        const told = Promise.withResolvers<void>();
        const stop = await sources.watch(at, () => told.resolve());
        const id = await user.commit({ "apps/a.yaml": configMap("a", "2") });
        await told.promise;
        expect((await sources.head(at, signal())).id).toBe(id);
        await stop();
      }));

    test("pin() keeps a commit by a ref", () =>
      using(open, async ({ user, sources, at }) => {
        const id = await user.commit({ "apps/a.yaml": configMap("a") });
        await sources.pin(at, "deployed/web", id, signal());
        expect(await user.git("rev-parse", "refs/berth/deployed/web")).toBe(id);
      }));

    test("an aborted call rejects with the reason, and the next one works", () =>
      using(open, async ({ user, sources, at }) => {
        const id = await user.commit({ "apps/a.yaml": configMap("a") });
        const cancel = new AbortController();
        const call = sources.load(at, id, cancel.signal);
        cancel.abort(new Error("enough"));
        await expect(call).rejects.toThrow("enough");
        expect((await sources.head(at, signal())).id).toBe(id);
      }));
  });
}

describe("openSources()", () => {
  test("survives a worker that runs out of memory: the call fails, the next ones work, watches go on", async () => {
    await using dir = await tempDir();
    const user = await new GitUser(join(dir.path, "repo")).init();
    const at = { repo: user.dir, branch: "main", path: "apps", namespace: "default" };
    const rows = Array.from({ length: 60_000 }, (_, index) => `- {a: ${index}, b: [1, 2, 3]}\n`);
    const big = await user.commit({ "apps/big.yaml": rows.join("") });
    const sources = await openSources({
      mirrorDir: join(dir.path, "mirrors"),
      engine: "auto",
      logger: silentLogger,
      maxHeapMb: 48,
    });
    let told = (): void => undefined;
    const stop = await sources.watch(at, () => told());
    const again = Promise.withResolvers<void>();
    told = again.resolve;
    const error = await failure(sources.load(at, big, signal()));
    expect(error.code).toBe("io");
    expect(error.message).toContain("memory");
    await again.promise; // The new worker watches, and says that something may have been missed.
    const small = Promise.withResolvers<void>();
    told = small.resolve;
    const id = await user.commit({ "apps/big.yaml": configMap("small") });
    await small.promise;
    expect((await sources.load(at, id, signal())).loaded.manifests).toHaveLength(1);
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
