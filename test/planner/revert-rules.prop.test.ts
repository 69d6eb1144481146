import fc from "fast-check";
import { expect, test } from "vitest";
import type { App, Release, ReleasePhase } from "../../src/model/kinds.gen.ts";
import { currentRelease, isSameContent, isWaiting } from "../../src/planner/release-rules.ts";
import { planReturn } from "../../src/planner/plan-return.ts";
import type { Fault } from "../../src/planner/revert-fault.ts";
import {
  activeQuarantines,
  carriedQuarantine,
  judgeRevert,
  lifted,
  makeQuarantine,
  quarantineOfTree,
  revertedCommit,
  REVERT_WINDOW_MS,
  withQuarantine,
} from "../../src/planner/revert-rules.ts";
import { NOW } from "../support/builders.ts";
import { worldOf } from "../support/world.ts";

/** A commit of the branch: what its one workload is, what else is in the folder, and whether it takes one back. */
interface Head {
  readonly workload: number;
  readonly other: number;
  readonly reverts: boolean;
}

const ref = { apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name: "web" };
const treeOf = ({ workload, other }: Head): string => `tree ${workload} ${other}`;
const manifestsOf = ({ workload, other }: Head) => [
  manifest("Deployment", "apps/v1", "web", `w${workload}`),
  manifest("ConfigMap", "v1", "other", `o${other}`),
];

function manifest(kind: string, apiVersion: string, name: string, hash: string) {
  const object = { apiVersion, kind, metadata: { name, namespace: "shop" } };
  return { object, hash, at: { file: "a.yaml", line: 1, column: 1 } };
}

const fault: Fault = {
  ref,
  reason: "CrashLoopBackOff",
  message: "it crashes",
  excuse: undefined,
  pods: [],
};

/** A branch, its App and the cluster, driven by the rules alone. */
class Machine {
  app: App = {
    apiVersion: "berth.dev/v1",
    kind: "App",
    metadata: { name: "shop", uid: "u" },
    spec: {
      repo: "/r",
      branch: "main",
      path: ".",
      namespace: "shop",
      intervalSeconds: 60,
      prune: true,
      autoRevert: true,
    },
  };
  releases: Release[] = [];
  readonly heads: Head[] = [];
  now = NOW;
  readonly revertedAt: number[] = [];
  /** Heads that people have consented to. */
  readonly approved = new Set<string>();

  head(): Head | undefined {
    return this.heads.at(-1);
  }

  push(head: Head): void {
    this.heads.push(head);
    this.admit();
  }

  /** As a look at the head does. */
  admit(): void {
    const head = this.head();
    if (head === undefined) return;
    const tree = treeOf(head);
    const latest = this.releases.at(-1);
    if (latest !== undefined && isSameContent(this.app, latest, tree) && !isWaiting(latest)) return;
    const waits = latest !== undefined && isWaiting(latest);
    if (!waits && quarantineOfTree(this.app, this.releases, tree) !== undefined) return;
    const manifests = manifestsOf(head);
    const carried = carriedQuarantine(this.app, this.releases, tree, manifests);
    const isHeld = carried !== undefined && !this.approved.has(tree);
    if (waits && isSameContent(this.app, latest, tree) && isHeld) return;
    if (!isHeld) this.#quarantine(lifted(this.#known(), tree, manifests));
    this.#end(isHeld ? ["Held"] : ["Held", "Progressing"]);
    this.releases.push(this.#release(head, isHeld ? "Held" : "Progressing"));
  }

  approve(): void {
    const head = this.head();
    if (head === undefined) return;
    this.approved.add(treeOf(head));
    const kept = activeQuarantines(this.app, this.releases).at(-1);
    const latest = this.releases.at(-1);
    if (latest?.status.phase !== "Held" && kept?.tree === treeOf(head))
      this.releases = this.releases.map((one) =>
        one.metadata.name === kept.release
          ? {
              ...one,
              metadata: { ...one.metadata, annotations: { "berth.dev/approved": "true" } },
            }
          : one,
      );
    this.admit();
  }

  /** The current release comes to an end; a failure may be taken back. */
  settle(phase: "Healthy" | "Failed"): void {
    const current = currentRelease(this.releases);
    if (current?.status.phase !== "Progressing") return;
    this.#set(current, phase);
    this.judge();
  }

  judge(): void {
    const current = currentRelease(this.releases);
    const verdict = judgeRevert(this.app, this.releases, current, [fault], this.now);
    if (verdict.kind !== "revert" || current === undefined) return;
    expect(current.spec.returnsFrom).toBeUndefined();
    expect(current.spec.reverts).toBeUndefined();
    const [bad, good] = [current, verdict.target].map(({ spec }) => manifestsOf(parse(spec.tree)));
    const manifests = { bad: bad ?? [], good: good ?? [] };
    const next = makeQuarantine(current, verdict.target, [fault], manifests, this.now);
    const planned = planReturn(worldOf([], this.now), {
      app: this.app,
      releases: this.releases,
      failed: current,
      target: verdict.target,
      message: "",
      manifests: manifests.good,
    });
    this.#quarantine(withQuarantine(this.#known(), next));
    this.#set(current, "RolledBack");
    this.releases.push({ ...planned.back, status: { ...planned.back.status, applied: true } });
    this.revertedAt.push(this.now);
    // What is gone back to is never itself kept out.
    expect(
      carriedQuarantine(this.app, this.releases, verdict.target.spec.tree, manifests.good)?.release,
    ).not.toBe(next.release);
  }

  /** Our own commit, unless something came on top. */
  pushRevert(): void {
    const pending = this.#known().at(-1);
    const head = this.head();
    const back = currentRelease(this.releases);
    if (pending?.revert !== "Pending" || head === undefined) return;
    if (back?.spec.returnsFrom !== pending.release || treeOf(head) !== pending.tree) return;
    const before = this.releases.length;
    const latest = this.releases.at(-1);
    // One that is Held gives way to what the head says now, which is what runs.
    const isHeld = latest !== undefined && isWaiting(latest);
    this.heads.push({ ...parse(back.spec.tree), reverts: true });
    this.admit();
    // The same tree is no second rollout.
    expect(this.releases).toHaveLength(isHeld ? before + 1 : before);
    expect(currentRelease(this.releases)?.spec.tree).toBe(back.spec.tree);
    this.#quarantine(
      this.#known().map((one) => (one === pending ? { ...one, revert: "Pushed" } : one)),
    );
  }

  #known() {
    return this.app.status?.quarantine ?? [];
  }

  #quarantine(quarantine: NonNullable<App["status"]>["quarantine"]): void {
    this.app = { ...this.app, status: { quarantine: quarantine ?? [] } };
  }

  #set(release: Release, phase: ReleasePhase): void {
    this.releases = this.releases.map((one) =>
      one.metadata.name === release.metadata.name
        ? { ...one, status: { ...one.status, phase } }
        : one,
    );
  }

  #end(phases: readonly ReleasePhase[]): void {
    for (const one of this.releases)
      if (phases.includes(one.status.phase)) this.#set(one, "Superseded");
  }

  #release(head: Head, phase: ReleasePhase): Release {
    const sequence = this.releases.length + 1;
    return {
      apiVersion: "berth.dev/v1",
      kind: "Release",
      metadata: { name: `shop-${sequence}` },
      spec: {
        app: "shop",
        sequence,
        repo: "/r",
        path: ".",
        commit: `c${sequence}`,
        tree: treeOf(head),
        author: "",
        subject: "",
        committedAt: "",
        ...(head.reverts ? { reverts: "x" } : {}),
      },
      status: {
        phase,
        startedAt: "",
        inventory: [ref],
        ...(phase === "Held" ? {} : { applied: true }),
      },
    };
  }
}

function parse(tree: string): Head {
  const [, workload = "", other = ""] = tree.split(" ");
  return { workload: Number(workload), other: Number(other), reverts: false };
}

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("push" as const),
      workload: fc.nat(3),
      other: fc.nat(2),
      reverts: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("settle" as const),
      phase: fc.constantFrom("Healthy" as const, "Failed" as const),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: "revert" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "approve" as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.constantFrom(1000, REVERT_WINDOW_MS / 2, REVERT_WINDOW_MS),
    }),
  },
);

test("histories: one revert a window, none of a revert, and what runs is the newest head that is not kept out", () => {
  let reverts = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60, size: "max" }), (steps) => {
      const machine = new Machine();
      for (const one of steps) {
        if (one.kind === "push") machine.push(one);
        else if (one.kind === "settle") machine.settle(one.phase);
        else if (one.kind === "revert") machine.pushRevert();
        else if (one.kind === "approve") machine.approve();
        else machine.now += one.ms;
        machine.judge();
        machine.admit();
        checkWhatRuns(machine);
      }
      reverts += machine.revertedAt.length;
      for (const [index, at] of machine.revertedAt.entries()) {
        const before = machine.revertedAt[index - 1];
        if (before !== undefined) expect(at - before).toBeGreaterThanOrEqual(REVERT_WINDOW_MS);
      }
    }),
    { numRuns: 400 },
  );
  expect(reverts).toBeGreaterThan(100);
});

/** The head's content, or else a head that is kept out or held, with what was good before it. */
function checkWhatRuns({ app, releases, heads }: Machine): void {
  const head = heads.at(-1);
  const current = currentRelease(releases);
  if (head === undefined || current === undefined) return;
  if (current.spec.tree === treeOf(head)) return;
  const kept = carriedQuarantine(app, releases, treeOf(head), manifestsOf(head));
  expect(kept, `head ${treeOf(head)} runs not, and is not kept out`).toBeDefined();
  // What runs instead is nothing that is kept out itself.
  const runs = carriedQuarantine(
    app,
    releases,
    current.spec.tree,
    manifestsOf(parse(current.spec.tree)),
  );
  expect(runs, `${current.spec.tree} runs, and is kept out`).toBeUndefined();
}

test.each([
  ["Berth's trailer", `Back\n\nBerth-App: a\nBerth-Reverts: ${"a".repeat(40)}\n`, "a".repeat(40)],
  ["git revert", `Revert "x"\n\nThis reverts commit ${"b".repeat(40)}.\n`, "b".repeat(40)],
  ["a subject alone", 'Revert "x"', undefined],
  ["other words", "Revert the sign\n\nIt reverts commit-like things", undefined],
  ["an indented line", `x\n\n    Berth-Reverts: ${"a".repeat(40)}`, undefined],
])("revertedCommit(): %s", (_, message, commit) => {
  expect(revertedCommit(message)).toBe(commit);
});
