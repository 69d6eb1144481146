import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dataDirAt } from "../../src/cli/data-dir.ts";
import { rollback, type RollbackOptions } from "../../src/cli/rollback.ts";
import type { App } from "../../src/model/kinds.gen.ts";
import { mustRun } from "../support/command.ts";
import { serveGit } from "../support/git-http.ts";
import { makeWorkRepo } from "../support/work-repo.ts";
import { startWritePlane, type WritePlane } from "../support/write-plane.ts";

const configMap = (name: string, value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  value: "${value}"\n`;
const signal = AbortSignal.timeout(110_000);

describe("berth rollback", () => {
  let plane: WritePlane;
  let dir: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "berth-rollback-"));
    plane = await startWritePlane({
      files: { "deploy/a.yaml": configMap("a", "1"), "docs/readme": "1" },
      spec: { path: "deploy" },
    });
    await writeFile(join(dir, "kubeconfig"), await plane.kubeconfig());
  });
  afterEach(async () => {
    await plane[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  async function run(
    options: Partial<RollbackOptions> = {},
  ): Promise<{ readonly code: number; readonly lines: string }> {
    const lines: string[] = [];
    const print = (line: string): void => void lines.push(line);
    const defaults = { to: undefined, commit: undefined, message: undefined };
    const flags = { dryRun: false, plan: false, yes: true, isColoured: false };
    const given = { app: "root", ...defaults, ...flags, ...options };
    const code = await rollback(dataDirAt(dir), given, { out: print, err: print }, signal);
    return { code, lines: lines.join("\n") };
  }

  async function commit(value: string, message: string): Promise<string> {
    await plane.repo.write("deploy/a.yaml", configMap("a", value));
    return plane.repo.commit(message);
  }

  async function change(spec: Partial<App["spec"]>): Promise<void> {
    const app = plane.get({ apiVersion: "berth.dev/v1", kind: "App", name: "root" }) as App;
    await plane.objects.update({ ...app, spec: { ...app.spec, ...spec } } as App);
  }

  const failure = async (options: Partial<RollbackOptions> = {}): Promise<string> =>
    run(options).then(
      ({ lines }) => `no failure: ${lines}`,
      (error: unknown) => String(error),
    );

  test("undoes the newest commit in the App's folder, and says what stays", async () => {
    await plane.repo.write("docs/readme", "2");
    const bad = await commit("2", "two");
    const { code, lines } = await run();
    expect(code).toBe(0);
    expect(lines).toContain(`undoes ${bad.slice(0, 12)} "two"`);
    expect(lines).toContain('also changed "docs/readme", outside of folder "deploy": that stays');
    expect(await plane.read("deploy/a.yaml")).toBe(configMap("a", "1"));
    expect(await plane.read("docs/readme")).toBe("2");
    expect(await plane.git("log", "-1", "--format=%(trailers:only,unfold)|%cn")).toBe(
      `Berth-App: root\nBerth-Reverts: ${bad}\n|Berth`,
    );
  });

  test("undoes a merge as a whole, although commits outside of the folder came later", async () => {
    await plane.git("checkout", "-q", "-b", "side");
    await commit("2", "side one");
    await commit("3", "side two");
    await plane.git("checkout", "-q", "main");
    await plane.git("merge", "-q", "--no-ff", "side", "-m", "merge side");
    await plane.repo.write("docs/readme", "2");
    await plane.repo.commit("docs");
    const { lines } = await run({ message: "Stop this\n\nIt was too early." });
    expect(lines).toContain('"merge side"');
    expect(await plane.read("deploy/a.yaml")).toBe(configMap("a", "1"));
    expect(await plane.log()).toEqual(["Stop this"]);
    expect(await plane.git("log", "-1", "--format=%(trailers:only,unfold)")).toContain(
      "Berth-Reverts: ",
    );
  });

  test("goes back over several commits by content, in one commit", async () => {
    const first = await plane.git("rev-parse", "HEAD");
    await commit("2", "two");
    await plane.repo.write("deploy/b.yaml", configMap("b", "1"));
    const third = await plane.repo.commit("three");
    await run({ to: first });
    expect(await plane.git("diff", "--stat", first, "HEAD", "--", "deploy")).toBe("");
    expect(await plane.git("rev-parse", "HEAD~1")).toBe(third);
    expect(await failure({ to: first })).toContain("is already as it was at commit");
  });

  test("plans the revert and changes nothing", async () => {
    const bad = await commit("2", "two");
    await plane.applied();
    const { code, lines } = await run({ plan: true });
    expect(code).toBe(2);
    expect(lines).toContain("ConfigMap default/a");
    expect(lines).toMatch(/"?2"?.*"?1"?/);
    expect(await plane.git("rev-parse", "main")).toBe(bad);
    expect(await plane.git("status", "--porcelain")).toBe("");
  });

  test("a commit in the middle: undone where nothing stands against it, else the files are named", async () => {
    const bad = await commit("2", "two");
    await plane.repo.write("deploy/b.yaml", configMap("b", "1"));
    await plane.repo.commit("three");
    await run({ commit: bad });
    expect(await plane.read("deploy/a.yaml")).toBe(configMap("a", "1"));
    expect(await failure({ commit: bad })).toContain("is undone already");
    const again = await commit("3", "four");
    await commit("4", "five");
    expect(await failure({ commit: again })).toMatch(/later commits changed .*deploy\/a\.yaml/);
  });

  test("changes of one's own in the work tree are not overwritten", async () => {
    const bad = await commit("2", "two");
    await plane.repo.write("deploy/a.yaml", "mine");
    expect(await failure()).toContain("commit or stash them first");
    expect(await plane.git("rev-parse", "main")).toBe(bad);
    expect(await plane.read("deploy/a.yaml")).toBe("mine");
  });

  test("an App that takes pull requests gets a branch, one that takes no writes a message", async () => {
    const bad = await commit("2", "two");
    await change({ write: "pull-request" });
    const { lines } = await run();
    expect(lines).toContain(`branch "berth/revert-${bad.slice(0, 10)}" holds the revert`);
    expect(await plane.git("rev-parse", "main")).toBe(bad);
    expect(await plane.git("rev-parse", `berth/revert-${bad.slice(0, 10)}~1`)).toBe(bad);
    await change({ write: "deny" });
    expect(await failure()).toContain("takes no writes");
    await change({ write: "commit", tag: "v1" });
    expect(await failure()).toContain('follows tag "v1" and no branch');
  });

  test("a branch that a server protects gets a branch beside it", async () => {
    const root = await mkdtemp(join(tmpdir(), "berth-protected-"));
    const bare = join(root, "shop.git");
    await mustRun("git", ["init", "-q", "--bare", "-b", "main", bare]);
    await mustRun("git", ["-C", bare, "config", "http.receivepack", "true"]);
    await using server = await serveGit(root);
    const work = await makeWorkRepo(join(root, "work"));
    await work.write("deploy/a.yaml", configMap("a", "1"));
    await work.commit("one");
    await work.write("deploy/a.yaml", configMap("a", "2"));
    const bad = await work.commit("two");
    await work.git("push", "-q", bare, "main");
    const hook =
      '#!/bin/sh\ncase "$1" in refs/heads/main) echo "main is protected"; exit 1;; esac\n';
    await writeFile(join(bare, "hooks", "update"), hook, { mode: 0o755 });
    await change({ repo: `${server.url}/shop.git` });
    const { lines } = await run();
    expect(lines).toContain("not on main yet: ");
    expect(lines).toContain("main is protected");
    const branch = `berth/revert-${bad.slice(0, 10)}`;
    expect(lines).toContain(`branch "${branch}" holds the revert`);
    const found = await mustRun("git", ["-C", bare, "rev-parse", `${branch}~1`, "main"]);
    expect(found.trim()).toBe(`${bad}\n${bad}`);
    await rm(root, { recursive: true });
  });
});
