import { describe, expect, test } from "vitest";
import type { App, Release, ReleasePhase } from "../../src/model/kinds.gen.ts";
import type { ObjectRef } from "../../src/model/meta.ts";
import {
  currentRelease,
  endOfReplaced,
  expiredReleases,
  judgeCommit,
  nextReleaseStatus,
  owedBy,
  planPrune,
  RELEASE_HISTORY_LIMIT,
  releasesOf,
} from "../../src/planner/release-rules.ts";

function release(
  sequence: number,
  phase: ReleasePhase,
  tree = `tree-${sequence}`,
  more: Partial<Release["status"]> = {},
): Release {
  return {
    apiVersion: "berth.dev/v1",
    kind: "Release",
    metadata: { name: `root-${sequence}` },
    spec: {
      app: "root",
      sequence,
      repo: "/repo",
      path: ".",
      commit: `commit-${sequence}`,
      tree,
      author: "Ada <ada@example.com>",
      subject: "change",
      committedAt: "2026-01-01T00:00:00Z",
    },
    status: { phase, startedAt: "2026-01-01T00:00:00Z", inventory: [], ...more },
  };
}

function app(seenCommit?: string): App {
  return {
    apiVersion: "berth.dev/v1",
    kind: "App",
    metadata: { name: "root" },
    spec: {
      repo: "/repo",
      branch: "main",
      path: ".",
      namespace: "default",
      intervalSeconds: 15,
      prune: true,
    },
    ...(seenCommit === undefined ? {} : { status: { seenCommit } }),
  };
}

const ref = (kind: string, name: string): ObjectRef => ({
  apiVersion: kind === "Deployment" ? "apps/v1" : "v1",
  kind,
  namespace: "default",
  name,
});

describe("judgeCommit()", () => {
  const cases = [
    {
      name: "the first commit is new",
      seen: undefined,
      releases: [],
      commit: "c1",
      tree: "t1",
      verdict: "new",
    },
    {
      name: "the same commit is known",
      seen: "c1",
      releases: [release(1, "Healthy", "t1")],
      commit: "c1",
      tree: "t1",
      verdict: "known",
    },
    {
      name: "another commit with that content changes nothing",
      seen: "c1",
      releases: [release(1, "Healthy", "t1")],
      commit: "c2",
      tree: "t1",
      verdict: "same-content",
    },
    {
      name: "other content is new",
      seen: "c1",
      releases: [release(1, "Healthy", "t1")],
      commit: "c2",
      tree: "t2",
      verdict: "new",
    },
    {
      name: "rejected content stays rejected",
      seen: "c1",
      releases: [release(1, "Rejected", "t1")],
      commit: "c2",
      tree: "t1",
      verdict: "same-content",
    },
    {
      name: "going back from rejected content is new",
      seen: "c2",
      releases: [release(1, "Healthy", "t1"), release(2, "Rejected", "t2")],
      commit: "c3",
      tree: "t1",
      verdict: "new",
    },
  ] as const;
  test.for(cases)("$name", ({ seen, releases, commit, tree, verdict }) => {
    expect(judgeCommit(app(seen), releases, commit, tree).kind).toBe(verdict);
  });

  test("a held release that was approved is looked at anew", () => {
    const held = release(1, "Held", "t1");
    const approved = {
      ...held,
      metadata: { ...held.metadata, annotations: { "berth.dev/approved": "true" } },
    };
    expect(judgeCommit(app("c1"), [held], "c1", "t1").kind).toBe("known");
    expect(judgeCommit(app("c1"), [approved], "c1", "t1").kind).toBe("new");
  });

  test("the same tree of another folder or repository is new", () => {
    const moved = app("c1");
    const releases = [release(1, "Healthy", "t1")];
    expect(
      judgeCommit({ ...moved, spec: { ...moved.spec, path: "deploy" } }, releases, "c1", "t1").kind,
    ).toBe("new");
    expect(
      judgeCommit({ ...moved, spec: { ...moved.spec, repo: "/other" } }, releases, "c1", "t1").kind,
    ).toBe("new");
  });
});

describe("currentRelease()", () => {
  const cases = [
    { name: "none", phases: [], current: undefined },
    { name: "a rejected one does not count", phases: ["Healthy", "Rejected"], current: 1 },
    { name: "a held one does not count", phases: ["Healthy", "Held"], current: 1 },
    {
      name: "a failed one counts: its objects are there",
      phases: ["Healthy", "Failed"],
      current: 2,
    },
    { name: "the newest counts", phases: ["Healthy", "Superseded", "Progressing"], current: 3 },
  ] as const;
  test.for(cases)("$name", ({ phases, current }) => {
    const releases = phases.map((phase, index) => release(index + 1, phase));
    expect(currentRelease(releases)?.spec.sequence).toBe(current);
  });
});

describe("endOfReplaced()", () => {
  const cases = [
    {
      name: "an end stays",
      releases: [release(1, "Healthy", "a")],
      replaced: 0,
      next: "b",
      end: "Healthy",
    },
    {
      name: "a rollout cut short is superseded",
      releases: [release(1, "Healthy", "a"), release(2, "Progressing", "b")],
      replaced: 1,
      next: "c",
      end: "Superseded",
    },
    {
      name: "going back to the content before it rolls it back",
      releases: [release(1, "Healthy", "a"), release(2, "Progressing", "b")],
      replaced: 1,
      next: "a",
      end: "RolledBack",
    },
    {
      name: "a failed one gone back from is rolled back",
      releases: [release(1, "Healthy", "a"), release(2, "Failed", "b")],
      replaced: 1,
      next: "a",
      end: "RolledBack",
    },
    {
      name: "a failed one replaced by a fix stays failed",
      releases: [release(1, "Healthy", "a"), release(2, "Failed", "b")],
      replaced: 1,
      next: "c",
      end: "Failed",
    },
    {
      name: "a held one is superseded",
      releases: [release(1, "Healthy", "a"), release(2, "Held", "b")],
      replaced: 1,
      next: "a",
      end: "Superseded",
    },
    {
      name: "the content of a failed one is no way back",
      releases: [release(1, "Failed", "a"), release(2, "Progressing", "b")],
      replaced: 1,
      next: "a",
      end: "Superseded",
    },
  ] as const;
  test.for(cases)("$name", ({ releases, replaced, next, end }) => {
    const one = releases[replaced];
    expect(one && endOfReplaced(one, releases, next)).toBe(end);
  });
});

describe("planPrune()", () => {
  test("takes what is no longer declared, workloads before what they use, and what earlier releases still owed", () => {
    const current = release(1, "Healthy", "a", {
      inventory: [ref("ConfigMap", "old"), ref("Deployment", "old"), ref("ConfigMap", "kept")],
      toPrune: [ref("Service", "older"), ref("ConfigMap", "back")],
    });
    const plan = planPrune(current, [ref("ConfigMap", "kept"), ref("ConfigMap", "back")]);
    expect(plan.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "Deployment old",
      "Service older",
      "ConfigMap old",
    ]);
  });

  test("what was removed already is not owed again", () => {
    const current = release(1, "Healthy", "a", {
      inventory: [ref("ConfigMap", "kept")],
      toPrune: [ref("Namespace", "gone")],
      pruned: true,
    });
    expect(planPrune(current, [ref("ConfigMap", "kept")])).toEqual([]);
  });

  test("is empty for the first release", () => {
    expect(planPrune(undefined, [ref("ConfigMap", "a")])).toEqual([]);
  });
});

describe("owedBy()", () => {
  const toPrune = [ref("Namespace", "old")];
  test.for([
    { name: "nothing without a release", from: undefined, owed: [] },
    { name: "nothing where nothing goes", from: release(1, "Progressing"), owed: [] },
    { name: "what waits", from: release(1, "Failed", "a", { toPrune }), owed: toPrune },
    {
      name: "nothing once it is gone",
      from: release(1, "Healthy", "a", { toPrune, pruned: true }),
      owed: [],
    },
  ])("$name", ({ from, owed }) => {
    expect(owedBy(from)).toEqual(owed);
  });
});

describe("expiredReleases()", () => {
  test("keeps the newest ones, the current one and the newest healthy one", () => {
    const releases = Array.from({ length: RELEASE_HISTORY_LIMIT + 5 }, (_, index) =>
      release(index + 1, index === 2 ? "Healthy" : "Rejected"),
    );
    expect(expiredReleases(releases).map(({ spec }) => spec.sequence)).toEqual([1, 2, 4, 5]);
  });
});

describe("releasesOf()", () => {
  test("orders by sequence, not by name", () => {
    const releases = [release(10, "Healthy"), release(9, "Healthy"), release(2, "Healthy")];
    expect(releasesOf(releases, "root").map(({ spec }) => spec.sequence)).toEqual([2, 9, 10]);
    expect(releasesOf(releases, "other")).toEqual([]);
  });
});

describe("nextReleaseStatus()", () => {
  const NOW = "2026-01-01T00:10:00Z";
  const EARLIER = "2026-01-01T00:05:00Z";
  const health = (kind: "Healthy" | "Progressing" | "Degraded", message = "m") =>
    ({ kind, reason: kind === "Degraded" ? "ImageNotFound" : kind, message }) as const;
  const cases = [
    {
      name: "good health ends it",
      from: {},
      health: health("Healthy"),
      to: `Healthy Healthy m ${NOW}`,
    },
    {
      name: "a failure ends it with its reason",
      from: {},
      health: health("Degraded"),
      to: `Failed ImageNotFound m ${NOW}`,
    },
    {
      name: "progress is told and is no end",
      from: {},
      health: health("Progressing"),
      to: "Progressing Progressing m -",
    },
    {
      name: "a failed one may come good",
      from: { phase: "Failed", finishedAt: EARLIER },
      health: health("Healthy"),
      to: `Healthy Healthy m ${NOW}`,
    },
    {
      name: "another failure does not move its end",
      from: { phase: "Failed", finishedAt: EARLIER },
      health: health("Degraded"),
      to: `Failed ImageNotFound m ${EARLIER}`,
    },
  ] as const;
  test.for(cases)("$name", ({ from, health: seen, to }) => {
    const { status } = release(1, "Progressing", "t", from);
    const next = nextReleaseStatus(status, seen, NOW);
    expect([next.phase, next.reason, next.message, next.finishedAt ?? "-"].join(" ")).toBe(to);
    expect(nextReleaseStatus(next, seen, "2026-01-01T00:20:00Z"), "again").toBe(next);
  });

  test.for(["Healthy", "Rejected", "RolledBack", "Superseded", "Held"] as const)(
    "%s stays",
    (phase) => {
      const { status } = release(1, phase);
      expect(nextReleaseStatus(status, health("Degraded"), NOW)).toBe(status);
      expect(nextReleaseStatus(status, health("Healthy"), NOW)).toBe(status);
    },
  );

  test("a failed one does not go back to Progressing", () => {
    const { status } = release(1, "Failed");
    expect(nextReleaseStatus(status, health("Progressing"), NOW)).toBe(status);
  });
});
