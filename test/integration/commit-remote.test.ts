import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { App, ConfigMap } from "../../src/model/kinds.gen.ts";
import { propose } from "../../src/controller/commit-writes-policy.ts";
import type { Publication } from "../../src/sync/git.ts";
import type { WritableSources } from "../../src/sync/write/writable-sources.ts";
import { fakeForge } from "../support/fake-forge.ts";
import { GitUser, tempDir, type TempDir } from "../support/git-fixture.ts";
import { serveGit, type GitHttpServer } from "../support/git-http.ts";
import { findKubectls, openKubectl, type Kubectl } from "../support/kubectl.ts";
import { startWritePlane, type WritePlane } from "../support/write-plane.ts";

/*
 * A repository behind HTTP, written to with both engines: pushes that land, that the server refuses, and that wait for
 * a pull request.
 */

const map = (name: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  a: "1"\n`;

const withPolicy = (app: App, write: "pull-request" | "deny"): App => ({
  ...app,
  spec: { ...app.spec, write },
});

describe.each(["git", "isomorphic"] as const)("engine %s", (engine) => {
  let dir: TempDir;
  let bare: GitUser;
  let server: GitHttpServer;
  let plane: WritePlane;
  let kubectl: Kubectl;
  beforeAll(async () => {
    dir = await tempDir();
    bare = await new GitUser(join(dir.path, "served", "repo.git")).init("--bare");
    await bare.git("config", "http.receivepack", "true");
    server = await serveGit(join(dir.path, "served"));
    const user = await new GitUser(join(dir.path, "user")).init();
    await user.commit({ "a.yaml": map("a"), "b.yaml": map("b") }, "first");
    await user.git("push", "--quiet", bare.dir, "HEAD:main");
    plane = await startWritePlane({ engine, spec: { repo: `${server.url}/repo.git` } });
    const binary = (await findKubectls()).at(-1);
    if (binary === undefined) throw new Error("There is no kubectl");
    kubectl = await openKubectl(binary, await plane.kubeconfig("ada"));
  });
  afterAll(async () => {
    await kubectl[Symbol.asyncDispose]();
    await plane[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });
  const patch = (name: string, value: string): ReturnType<Kubectl["run"]> =>
    kubectl.run("patch", "configmap", name, "-p", JSON.stringify({ data: { a: value } }));

  test("a write is pushed, and what others push meanwhile stays", async () => {
    const other = new GitUser(join(dir.path, "user"));
    const running = patch("a", "2");
    await other.git("pull", "--quiet", bare.dir, "main");
    await other.commit({ "c.yaml": map("c") }, "meanwhile");
    await other.git("push", "--quiet", bare.dir, "HEAD:main").catch(() => undefined);
    expect(await running).toMatchObject({ code: 0 });
    expect(await bare.git("show", "main:a.yaml")).toContain('a: "2"');
    expect(await bare.git("log", "-1", "--format=%an: %s", "main", "--", "a.yaml")).toBe(
      "ada: Change data.a of configmap a",
    );
    const found = plane.get({
      apiVersion: "v1",
      kind: "ConfigMap",
      namespace: "default",
      name: "a",
    });
    expect((found as ConfigMap).data).toEqual({ a: "2" });
  });

  test("a push that a hook refuses is told in the hook's words", async () => {
    const hook = join(bare.dir, "hooks", "pre-receive");
    await writeFile(hook, "#!/bin/sh\necho 'main is frozen until Monday' >&2\nexit 1\n");
    await chmod(hook, 0o755);
    const { code, stderr } = await patch("b", "2");
    await writeFile(hook, "#!/bin/sh\nexit 0\n");
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/frozen until Monday|pre-receive hook declined/),
    ]);
    expect(await bare.git("show", "main:b.yaml")).toContain('a: "1"');
  });

  test("with write: pull-request the branch stays, and another one is pushed", async () => {
    const app = plane.get({ apiVersion: "berth.dev/v1", kind: "App", name: "root" }) as App;
    await plane.objects.update(withPolicy(app, "pull-request"));
    const head = await bare.git("rev-parse", "main");
    const { code, stderr } = await patch("b", "3");
    expect([code, await bare.git("rev-parse", "main")]).toEqual([1, head]);
    const branch = /branch "(berth\/[0-9a-f]{10})" was pushed: open a pull request/.exec(
      stderr,
    )?.[1];
    expect(await bare.git("show", `${branch}:b.yaml`)).toContain('a: "3"');
    expect(await bare.git("rev-parse", `${branch}~1`)).toBe(head);
  });

  test("with write: deny the answer names the line to edit", async () => {
    const app = plane.get({ apiVersion: "berth.dev/v1", kind: "App", name: "root" }) as App;
    await plane.objects.update(withPolicy(app, "deny"));
    const { stderr } = await patch("b", "4");
    expect(stderr).toContain(
      'App "root" takes no writes (write: deny): edit b.yaml:1 and commit it',
    );
  });
});

test.each(["github", "gitlab", "gitea"] as const)(
  "a pull request is opened on %s",
  async (kind) => {
    await using server = await fakeForge(kind);
    const pushed: Publication[] = [];
    const sources = {
      publish: async (_location: unknown, publication: Publication) =>
        void pushed.push(publication),
    } as unknown as WritableSources;
    const { token, ...forge } = server.options;
    const message = "Scale deployment web to 5\n\nBerth-Request: kubectl scale\n";
    const commit = {
      id: "abcdef0123".repeat(4),
      tree: "",
      parents: [],
      author: { name: "", email: "" },
      committedAt: 0,
      message,
    };
    const app = { metadata: { name: "shop" }, spec: {} } as unknown as App;
    const repo = "https://git.example.com/team/shop.git";
    const location = {
      repo,
      branch: "main",
      path: ".",
      namespace: "default",
      access: { password: token },
    };
    const draft = { commit, changes: [], manifests: [] };
    const context = { sources, forgeOf: () => forge };
    const said = await propose(app, draft, location, context, new AbortController().signal);
    expect(said).toMatch(
      /^not applied: App "shop" takes writes as pull requests; pull request http\S+ proposes the change: merge it$/,
    );
    expect(pushed).toMatchObject([{ branch: "berth/abcdef0123", isNew: true }]);
    expect(server.pulls).toMatchObject([
      { head: "berth/abcdef0123", base: "main", title: "Scale deployment web to 5" },
    ]);
  },
);
