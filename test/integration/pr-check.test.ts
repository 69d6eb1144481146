import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { describe, expect, test } from "vitest";
import { dataDirAt } from "../../src/cli/data-dir.ts";
import { prCheck, type PrCheckOptions } from "../../src/cli/pr-check.ts";
import { writeSnapshot, type ClusterState } from "../../src/cli/snapshot.ts";
import { node } from "../support/builders.ts";
import { fakeForge, type FakeForge } from "../support/fake-forge.ts";
import { GitUser, tempDir } from "../support/git-fixture.ts";
import { runningState } from "../support/plan-world.ts";

const { signal } = new AbortController();

const web = (image: string, replicas = 2): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: app, image: "${image}" }] }
`;
const config = (value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: cfg }\ndata: { a: "${value}" }\n`;

interface Rig extends AsyncDisposable {
  readonly dir: string;
  readonly user: GitUser;
  readonly state: ClusterState;
  /** Runs the check as a CI would, with what it printed. */
  run(
    env: Readonly<Record<string, string>>,
    options?: Partial<PrCheckOptions>,
  ): Promise<{ readonly code: number; readonly out: string; readonly err: string }>;
}

/** A checkout on branch `change`, made off main, which has moved on since: `late` was added. */
async function rig(): Promise<Rig> {
  const temp = await tempDir();
  const user = await new GitUser(join(temp.path, "repo")).init();
  const files = { "web.yaml": web("app:v1"), "cfg.yaml": config("1") };
  await user.commit(files, "first");
  const tree = await user.git("rev-parse", "HEAD^{tree}");
  await user.git("checkout", "--quiet", "-b", "change");
  const state = runningState([node({ name: "alpha" }), node({ name: "beta" })], files);
  const objects = state.objects.map((object) =>
    object.kind === "Release"
      ? { ...object, spec: { ...(object as unknown as { spec: object }).spec, tree } }
      : object,
  );
  const snapshot = join(temp.path, "snap.json");
  await writeFile(snapshot, writeSnapshot({ ...state, objects }, "1"));
  return {
    dir: temp.path,
    user,
    state,
    async run(env, options = {}) {
      const lines = { out: [] as string[], err: [] as string[] };
      const code = await prCheck(
        dataDirAt(join(temp.path, "no-cluster")),
        {
          repo: user.dir,
          apps: [],
          snapshot,
          name: "prod",
          strict: false,
          paths: ["."],
          namespace: "shop",
          ...(Object.keys(env).length === 0 ? { base: "main" } : {}),
          ...options,
        },
        {
          env,
          output: { out: (line) => lines.out.push(line), err: (line) => lines.err.push(line) },
        },
        signal,
      );
      return { code, out: lines.out.join("\n"), err: lines.err.join("\n") };
    },
    [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose](),
  };
}

function actions(server: FakeForge, event: string, summary: string): Record<string, string> {
  return {
    GITHUB_ACTIONS: "true",
    GITHUB_API_URL: server.options.apiUrl,
    GITHUB_REPOSITORY: server.options.project,
    GITHUB_EVENT_PATH: event,
    GITHUB_STEP_SUMMARY: summary,
    GITHUB_TOKEN: server.options.token,
  };
}

describe("berth pr-check", () => {
  test("plans the result of the merge, not the head alone", async () => {
    await using it = await rig();
    await it.user.commit({ "web.yaml": web("app:v2") }, "new image");
    await it.user.git("checkout", "--quiet", "main");
    await it.user.commit({ "cfg.yaml": config("2") }, "on main since");
    await it.user.git("checkout", "--quiet", "change");
    const before = await it.user.git("for-each-ref");
    const { code, out } = await it.run({});
    expect(code).toBe(0);
    expect(out).toContain("### Berth plan: 0 to add, 1 to change, 0 to remove");
    expect(out).toContain("The cluster does not run the base of this change: 1 object differs");
    expect(out).toContain('image: "app:v1" → "app:v2"');
    expect(out).not.toContain("data.a");
    expect(out).toMatch(/starts on node (alpha|beta)/);
    expect(out).toContain("the result of the merge");
    expect(await it.user.git("for-each-ref")).toBe(before);
    expect(await it.user.git("status", "--porcelain")).toBe("");
  });

  test("keeps one comment and a status on GitHub, and a summary", async () => {
    await using it = await rig();
    await using server = await fakeForge("github");
    const head = await it.user.commit({ "web.yaml": web("app:v2") }, "new image");
    const [event, summary] = [join(it.dir, "event.json"), join(it.dir, "summary.md")];
    const base = await it.user.git("rev-parse", "main");
    await writeFile(
      event,
      JSON.stringify({ pull_request: { number: 7, base: { sha: base }, head: { sha: head } } }),
    );
    const env = actions(server, event, summary);
    const first = await it.run(env);
    expect(first).toMatchObject({ code: 0, err: "" });
    expect(await readFile(summary, "utf8")).toContain("### Berth plan: 0 to add, 1 to change");
    expect(server.statuses).toEqual([
      {
        commit: head,
        body: {
          state: "success",
          context: "berth/plan (prod)",
          description: "0 to add, 1 to change, 0 to remove",
        },
      },
    ]);
    await it.run(env);
    expect(server.comments).toHaveLength(1);
    await it.user.commit({ "web.yaml": web("app:v3") }, "newer image");
    const next = await it.user.git("rev-parse", "HEAD");
    await it.run(env, { head: next });
    expect(server.comments).toHaveLength(1);
    expect(server.comments[0]?.body).toContain("app:v3");
    expect(server.comments[0]?.body).toMatch(/`Berth-Plan: root:(?:[0-9a-f]{8}-){4}[0-9a-f]{8}`/);
  });

  test("a bad manifest fails it, with file and line", async () => {
    await using it = await rig();
    await it.user.commit({ "web.yaml": web("app:v2", -1) }, "wrong");
    const { code, out } = await it.run({});
    expect(code).toBe(1);
    expect(out).toContain("would be Rejected");
    expect(out).toMatch(/web\.yaml:6:\d+: spec\.replicas must be/);
  });

  test("says that it does not merge, and where", async () => {
    await using it = await rig();
    await it.user.commit({ "web.yaml": web("app:v2") }, "ours");
    await it.user.git("checkout", "--quiet", "main");
    await it.user.commit({ "web.yaml": web("app:v3") }, "theirs");
    await it.user.git("checkout", "--quiet", "change");
    const { code, out } = await it.run({});
    expect(code).toBe(1);
    expect(out).toContain("### Berth plan: it does not merge");
    expect(out).toContain("\nweb.yaml\n");
  });

  test("validates, and says that it did no more, where there is no cluster", async () => {
    await using it = await rig();
    await it.user.commit({ "web.yaml": web("app:v2") }, "fine");
    const fine = await it.run({}, { snapshot: undefined });
    expect(fine.code).toBe(0);
    expect(fine.out).toContain("### Berth plan: 2 objects are valid; not planned");
    expect(fine.out).toContain("There is no cluster to plan against");
    await it.user.commit({ "web.yaml": web("app:v2", -1) }, "wrong");
    expect((await it.run({}, { snapshot: undefined })).code).toBe(1);
  });

  test("--strict fails what somebody should look at", async () => {
    await using it = await rig();
    await it.user.commit({ "web.yaml": web("app:v1", 0) }, "to nothing");
    await it.user.commit({ "other.yaml": config("1").replace("cfg", "x") }, "more");
    await it.user.commit(
      { "web.yaml": null, "cfg.yaml": null, "other.yaml": config("3").replace("cfg", "y") },
      "away",
    );
    expect((await it.run({})).code).toBe(0);
    const strict = await it.run({}, { strict: true });
    expect(strict.code).toBe(1);
    expect(strict.out).toContain("would be Held");
  });

  test("a server that refuses is told of, and the check stands", async () => {
    await using it = await rig();
    await using server = await fakeForge("github");
    await it.user.commit({ "web.yaml": web("app:v2") }, "fine");
    server.refuse(403);
    const env = actions(server, "", join(it.dir, "summary.md"));
    const { code, err } = await it.run(env, { number: 7, base: "main" });
    expect(code).toBe(0);
    expect(err).toContain("the token may not do that");
    expect(server.comments).toHaveLength(1);
  });

  test("names what is missing in a shallow checkout", async () => {
    await using it = await rig();
    await expect(it.run({}, { base: "nowhere" })).rejects.toMatchObject({
      message: expect.stringContaining("Cannot find the base"),
      cure: expect.stringContaining("fetch-depth: 0"),
    });
  });
});

describe("examples/ci", () => {
  const read = async (path: string): Promise<unknown> =>
    parse(await readFile(new URL(`../../examples/ci/${path}`, import.meta.url), "utf8"));

  /** Runs the command of a workflow: all behind `pr-check`. */
  async function runCommand(
    it: Rig,
    env: Record<string, string>,
    command: string,
  ): Promise<number> {
    const words = command.trim().split(/\s+/);
    expect(words.slice(0, 4)).toEqual(["npx", "--yes", "@berth/berth", "pr-check"]);
    expect(words.slice(4)).toEqual(["--name", "production"]);
    return (await it.run(env, { name: "production" })).code;
  }

  test("GitHub's workflow asks for what it needs, and its command runs", async () => {
    const flow = (await read("github/.github/workflows/berth.yaml")) as {
      readonly on: object;
      readonly permissions: object;
      readonly jobs: { readonly plan: { readonly steps: readonly Record<string, unknown>[] } };
    };
    expect(Object.keys(flow.on)).toEqual(["pull_request", "merge_group"]);
    expect(flow.permissions).toEqual({
      contents: "read",
      "pull-requests": "write",
      statuses: "write",
    });
    const { steps } = flow.jobs.plan;
    expect(steps[0]).toMatchObject({ with: { "fetch-depth": 0 } });
    await using it = await rig();
    await using server = await fakeForge("github");
    const head = await it.user.commit({ "web.yaml": web("app:v2") }, "fine");
    const base = await it.user.git("rev-parse", "main");
    const event = join(it.dir, "event.json");
    const pull = { number: 7, base: { sha: base, ref: "main" }, head: { sha: head } };
    await writeFile(event, JSON.stringify({ pull_request: pull }));
    const env = actions(server, event, join(it.dir, "summary.md"));
    const command = steps.findLast((step) => "run" in step)?.["run"] as string;
    expect(await runCommand(it, env, command)).toBe(0);
    expect(server.comments[0]?.body).toContain("<!-- berth-plan: production -->");
  });

  test("GitLab's job fetches the target branch, and its command runs", async () => {
    const jobs = (await read("gitlab/.gitlab-ci.yml")) as Record<
      "berth-plan",
      { readonly script: readonly string[]; readonly variables: object; readonly rules: unknown }
    >;
    const job = jobs["berth-plan"];
    expect(job.variables).toEqual({ GIT_DEPTH: "0" });
    await using it = await rig();
    await using server = await fakeForge("gitlab");
    await it.user.git("remote", "add", "origin", it.user.dir);
    await it.user.commit({ "web.yaml": web("app:v2") }, "fine");
    const [fetch = "", command = ""] = job.script;
    const args = fetch
      .replaceAll("$CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main")
      .replaceAll('"', "");
    await it.user.git(...args.split(" ").slice(1));
    const env = {
      GITLAB_CI: "true",
      CI_API_V4_URL: server.options.apiUrl,
      CI_PROJECT_PATH: server.options.project,
      CI_MERGE_REQUEST_IID: "9",
      CI_MERGE_REQUEST_TARGET_BRANCH_NAME: "main",
      CI_COMMIT_SHA: await it.user.git("rev-parse", "HEAD"),
      BERTH_FORGE_TOKEN: server.options.token,
    };
    expect(await runCommand(it, env, command)).toBe(0);
    expect(server.comments[0]).toMatchObject({ pull: 9 });
    expect(server.statuses[0]?.body).toMatchObject({ state: "success" });
  });
});
