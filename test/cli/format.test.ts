import { describe, expect, test } from "vitest";
import type { AppView } from "../../src/cli/app-view.ts";
import type { ReleaseView } from "../../src/cli/release-view.ts";
import { formatHistory } from "../../src/cli/history.ts";
import { formatStatus } from "../../src/cli/status.ts";
import { formatTable } from "../../src/cli/table.ts";

const RELEASE: ReleaseView = {
  name: "root-2",
  app: "root",
  sequence: 2,
  commit: "b".repeat(40),
  phase: "Rejected",
  reason: "InvalidManifests",
  message: "a.yaml:1:1: bad [field/type]",
  problems: ["a.yaml:1:1: bad [field/type]"],
  subject: "break it",
  author: "Ada <ada@example.com>",
  startedAt: "2026-01-01T00:00:00Z",
  finishedAt: "2026-01-01T00:00:00Z",
  plan: undefined,
  planned: undefined,
};

const APP: AppView = {
  name: "root",
  repo: "/srv/shop",
  branch: "main",
  path: ".",
  seenCommit: "b".repeat(40),
  appliedCommit: "a".repeat(40),
  healthyCommit: "a".repeat(40),
  release: RELEASE,
  ready: true,
  message: "",
  sourceProblem: undefined,
  follows: "branch main",
  parent: undefined,
  sync: "Rejected",
  health: "Healthy",
  waitsFor: undefined,
  problems: ["a.yaml:1:1: bad [field/type]"],
};

describe("formatTable()", () => {
  test("is as wide as its widest cells, and nothing trails", () => {
    expect(
      formatTable(
        ["A", "LONG"],
        [
          ["wide cell", "x"],
          ["y", ""],
        ],
      ),
    ).toBe("A          LONG\nwide cell  x\ny");
  });
});

describe("formatStatus()", () => {
  test("tells what runs, what was refused and why", () => {
    const nodes = [{ name: "alpha", ready: true, message: "" }];
    const deployments = [
      { namespace: "shop", name: "web", replicas: 3, ready: 2, updated: 3, available: 2 },
    ];
    expect(formatStatus({ apps: [APP], nodes, deployments })).toBe(
      [
        "App root: /srv/shop, branch main, path .",
        "  seen     bbbbbbbbbbbb",
        "  applied  aaaaaaaaaaaa  healthy",
        "  healthy  aaaaaaaaaaaa",
        "  release  #2 bbbbbbbbbbbb Rejected: break it",
        "           a.yaml:1:1: bad [field/type]",
        "",
        "NODE   READY  MESSAGE",
        "alpha  yes",
        "",
        "NAMESPACE  DEPLOYMENT  READY  UPDATED",
        "shop       web         2/3    3",
      ].join("\n"),
    );
  });

  test("says what is not well, and what to do in an empty cluster", () => {
    const ill = {
      ...APP,
      ready: false,
      message: "Deployment shop/web: image not found",
      release: undefined,
      sourceProblem: "no such branch",
    };
    const text = formatStatus({ apps: [ill], nodes: [], deployments: [] });
    expect(text).toContain("  applied  aaaaaaaaaaaa  Deployment shop/web: image not found");
    expect(text).toContain("  Git: no such branch");
    expect(formatStatus({ apps: [], nodes: [], deployments: [] })).toContain(
      "berth up --repo PATH",
    );
  });
});

describe("formatStatus() of plans", () => {
  const id = (part: string): string => `root:aaaaaaaa-bbbbbbbb-${part}-dddddddd-eeeeeeee`;
  const view = (planned: string | undefined): string =>
    formatStatus({
      apps: [{ ...APP, release: { ...RELEASE, plan: id("cccccccc"), planned } }],
      nodes: [],
      deployments: [],
    });

  test("says whether what ran was what was planned, and what moved", () => {
    expect(view(undefined)).not.toContain("plan ");
    expect(view(id("cccccccc"))).toContain("\n  plan     as planned");
    expect(view(id("00000000"))).toContain(
      "\n  plan     not as planned: objects of the App had changed in the cluster",
    );
  });
});

describe("formatHistory()", () => {
  test("has a line per release, with the reason of those that did not become Healthy", () => {
    const healthy = {
      ...RELEASE,
      sequence: 1,
      phase: "Healthy",
      subject: "first",
      message: "2 objects are as declared",
    };
    const entries = [
      { ...RELEASE, counts: undefined },
      {
        ...healthy,
        finishedAt: "2026-01-01T00:03:00Z",
        counts: { created: 1, changed: 2, removed: 0 },
        plan: "root:x",
        planned: "root:y",
      },
    ];
    const [, second, first] = formatHistory(entries).split("\n");
    expect(second).toBe(
      "2  bbbbbbbbbbbb  Rejected  2026-01-01T00:00:00Z  0s    Ada     -         break it  a.yaml:1:1: bad [field/type]",
    );
    expect(first).toBe(
      "1  bbbbbbbbbbbb  Healthy   2026-01-01T00:00:00Z  3m    Ada     +1 ~2 -0  first",
    );
    expect(formatHistory(entries, true)).toContain("not as planned  2026-01-01T00:03:00Z");
    expect(formatHistory([])).toBe("No release yet");
  });
});
