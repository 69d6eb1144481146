import { describe, expect, test } from "vitest";
import { viewApp, type AppView } from "../../src/cli/app-view.ts";
import { viewCluster, type ClusterView } from "../../src/cli/cluster-view.ts";
import { newsOf } from "../../src/cli/status-news.ts";
import { formatStatus, inTree } from "../../src/cli/status.ts";
import { fit } from "../../src/cli/watch-status.ts";
import type { App, Release } from "../../src/model/kinds.gen.ts";
import type { Condition } from "../../src/model/meta.ts";

const A = "a".repeat(40);
const B = "b".repeat(40);

interface AppFields {
  readonly spec?: Partial<App["spec"]>;
  readonly status?: App["status"];
  readonly parent?: string;
  readonly conditions?: readonly Condition[];
}

function app(name: string, fields: AppFields = {}): App {
  const { spec = {}, status = { seenCommit: A, appliedCommit: A }, parent } = fields;
  const conditions = fields.conditions ?? [ready("True")];
  return {
    apiVersion: "berth.dev/v1",
    kind: "App",
    metadata: { name, ...(parent === undefined ? {} : { labels: { "berth.dev/app": parent } }) },
    spec: {
      repo: "/srv/shop",
      branch: "main",
      path: name,
      namespace: "default",
      intervalSeconds: 15,
      prune: true,
      ...spec,
    },
    status: { ...status, conditions },
  } as App;
}

function ready(status: "True" | "False", message = ""): Condition {
  return { type: "Ready", status, reason: "x", message };
}

function release(name: string, status: Partial<Release["status"]> = {}, commit = A): Release {
  return {
    apiVersion: "berth.dev/v1",
    kind: "Release",
    metadata: { name: `${name}-1` },
    spec: {
      app: name,
      sequence: 1,
      repo: "/srv/shop",
      path: name,
      commit,
      tree: "t",
      author: "Ada <ada@example.org>",
      subject: "change",
      committedAt: "2026-01-01T00:00:00Z",
    },
    status: {
      phase: "Healthy",
      startedAt: "2026-01-01T00:00:00Z",
      inventory: [],
      applied: true,
      ...status,
    },
  };
}

describe("viewApp()", () => {
  const HELD = "it would remove all; consent with `berth approve web`";
  const cases: readonly (readonly [name: string, made: AppView, told: Partial<AppView>])[] = [
    [
      "a release that is in",
      viewApp(app("web"), [release("web")]),
      { sync: "Synced", health: "Healthy", problems: [], follows: "branch main" },
    ],
    [
      "no release yet",
      viewApp(app("web", { conditions: [] }), []),
      { sync: "Unknown", health: "Unknown" },
    ],
    [
      "what waits for a person",
      viewApp(app("web"), [release("web", { phase: "Held", message: HELD })]),
      { sync: "Held", waitsFor: HELD },
    ],
    [
      "what waits for another App",
      viewApp(app("web"), [release("web", { phase: "Pending", message: 'waits for App "db"' })]),
      { sync: "Pending", waitsFor: 'waits for App "db"' },
    ],
    [
      "a commit that was refused, with its problems; what runs is well",
      viewApp(app("web"), [
        release("web"),
        release("web", { phase: "Rejected", problems: ["a.yaml:1:1: x"] }),
      ]),
      { sync: "Rejected", health: "Healthy", problems: ["a.yaml:1:1: x"] },
    ],
    [
      "a rollout on its way",
      viewApp(app("web", { conditions: [ready("False", "1 of 3")] }), [
        release("web", { phase: "Progressing" }),
      ]),
      { sync: "Synced", health: "Progressing", problems: ["1 of 3"] },
    ],
    [
      "one that failed",
      viewApp(app("web", { conditions: [ready("False", "no image")] }), [
        release("web", { phase: "Failed" }),
      ]),
      { health: "Degraded", problems: ["no image"] },
    ],
    [
      "objects that are not in yet",
      viewApp(app("web", { status: { seenCommit: B, appliedCommit: A } }), [
        release("web", { phase: "Progressing", applied: false }),
      ]),
      { sync: "Applying" },
    ],
    [
      "a repository that is away",
      viewApp(
        app("web", {
          conditions: [
            ready("True"),
            { type: "SourceReady", status: "False", reason: "Unreachable", message: "no answer" },
          ],
        }),
        [release("web")],
      ),
      { sync: "Unreadable", health: "Healthy", problems: ["Git: no answer"] },
    ],
    [
      "drift that is only told",
      viewApp(
        app("web", {
          conditions: [
            ready("True"),
            { type: "Drifted", status: "True", reason: "Changed", message: "Service x" },
          ],
        }),
        [release("web")],
      ),
      { sync: "Synced", problems: ["drift: Service x"] },
    ],
    [
      "a suspended App",
      viewApp(app("web", { spec: { suspend: true } }), [release("web")]),
      { sync: "Suspended" },
    ],
    ["a tag", viewApp(app("web", { spec: { tag: "v1" } }), []), { follows: "tag v1" }],
    [
      "a range",
      viewApp(app("web", { spec: { semver: ">=1 <2" } }), []),
      { follows: "tags in >=1 <2" },
    ],
    [
      "a commit",
      viewApp(app("web", { spec: { commit: B, tag: "v1" } }), []),
      { follows: "commit bbbbbbbbbbbb" },
    ],
    [
      "a ref",
      viewApp(app("web", { spec: { ref: "refs/pull/7/head" } }), []),
      { follows: "ref refs/pull/7/head" },
    ],
  ];
  test.for(cases)("%s", ([, made, told]) => {
    expect(made).toMatchObject(told);
  });
});

const view = (apps: readonly App[], releases: readonly Release[] = []): ClusterView =>
  viewCluster({ apps, releases, nodes: [], deployments: [] });

describe("several Apps", () => {
  test("are a table, as a tree, with more of those that have something to tell", () => {
    const text = formatStatus(
      view(
        [
          app("root"),
          app("web", { parent: "root" }),
          app("db", { parent: "root", spec: { tag: "v1" } }),
          app("cache", { parent: "db" }),
        ],
        [release("root"), release("web", { phase: "Held", message: "`berth approve web`" })],
      ),
    );
    expect(text.split("\n\n")[0]).toBe(
      [
        "APP          SYNC     HEALTH   FOLLOWS      RELEASE",
        "root         Synced   Healthy  branch main  #1 aaaaaaaaaaaa Healthy",
        "├─ db        Unknown  Healthy  tag v1       -",
        "│  └─ cache  Unknown  Healthy  branch main  -",
        "└─ web       Held     Healthy  branch main  #1 aaaaaaaaaaaa Held",
      ].join("\n"),
    );
    expect(text).toContain("App web: /srv/shop, branch main, path web\n");
    expect(text).toContain("           `berth approve web`");
    expect(text).not.toContain("App root:");
  });

  test("that hold each other, or that are held by none, are each told once", () => {
    const apps = view([
      app("a", { parent: "b" }),
      app("b", { parent: "a" }),
      app("c", { parent: "gone" }),
    ]);
    expect(inTree(apps.apps).map(({ app: { name }, branch }) => branch + name)).toEqual([
      "c",
      "a",
      "└─ b",
    ]);
  });
});

describe("newsOf()", () => {
  test("tells releases, Apps and problems that are new, and what went", () => {
    const before = view([app("root"), app("old")], [release("root")]);
    expect(newsOf(before, before)).toEqual([]);
    const bad = { phase: "Rejected", problems: ["a.yaml:1:1: x"] } as const;
    expect(newsOf(before, view([app("root")], [release("root", bad, B)]))).toEqual([
      'App root #1 bbbbbbbbbbbb "change" is Rejected',
      "App root: Rejected, Healthy",
      "App root: a.yaml:1:1: x",
      "App old: removed",
    ]);
  });

  test("tells rollouts and nodes", () => {
    const web = { namespace: "shop", name: "web", replicas: 3, ready: 1, updated: 2, available: 1 };
    const nodes = [{ name: "a", ready: false, message: "silent" }];
    const before = { apps: [], nodes: [], deployments: [web] };
    const after = { apps: [], nodes, deployments: [{ ...web, ready: 3, updated: 3 }] };
    expect(newsOf(before, after)).toEqual([
      "Deployment shop/web: 3/3 ready, 3 updated",
      "node a: not ready: silent",
    ]);
  });
});

describe("fit()", () => {
  test.for([
    ["what fits is whole", "a\nb", "a\nb\n"],
    ["what is too long is counted", "a\nb\nc\nd\ne", "a\nb\n… 3 more lines\n"],
    ["what is too wide is cut", "abcdefgh", "abcde\n"],
  ] as const)("%s", ([, text, told]) => {
    expect(fit(text, { rows: 4, columns: 5 })).toBe(told);
  });

  test("a terminal that tells no size is shown all", () => {
    expect(fit("abcdefgh", { rows: 0, columns: 0 })).toBe("abcdefgh\n");
  });
});
