import { describe, expect, test } from "vitest";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { chooseVictims, DELETION_COST_ANNOTATION } from "../../src/planner/victims.ts";
import { container, NOW, pod, type PodFields } from "../support/builders.ts";

interface Case {
  readonly name: string;
  readonly goes: Partial<PodFields>;
  readonly stays: Partial<PodFields>;
}

const cost = (value: string): Partial<PodFields> => ({
  annotations: { [DELETION_COST_ANNOTATION]: value },
});

/** Each rule against the one after it: `goes` wins although the next rule says the opposite. */
const CASES: readonly Case[] = [
  {
    name: "unassigned before pending",
    goes: { node: "", phase: "Running", ready: null },
    stays: { node: "a", phase: "Pending" },
  },
  {
    name: "pending before not ready",
    goes: { phase: "Pending", ...cost("9") },
    stays: { phase: "Running", ready: null },
  },
  {
    name: "unknown before running",
    goes: { phase: "Unknown", ...cost("9") },
    stays: { phase: "Running", ready: null },
  },
  { name: "not ready before cheap", goes: { ready: null, ...cost("9") }, stays: cost("-9") },
  { name: "cheap before doubled up", goes: { ...cost("1"), node: "b" }, stays: cost("2") },
  {
    name: "an odd cost counts as none",
    goes: cost("-1"),
    stays: { ...cost("many"), node: "b" },
  },
  {
    name: "doubled up before newly ready",
    goes: { ready: -90 },
    stays: { ready: -10, node: "b" },
  },
  { name: "newly ready before often restarted", goes: { ready: -10 }, stays: { restarts: 5 } },
  { name: "often restarted before newer", goes: { restarts: 5 }, stays: { created: -1 } },
  { name: "newer before older", goes: { created: -1 }, stays: {} },
];

describe("chooseVictims()", () => {
  test.for(CASES)("$name", ({ goes, stays }) => {
    const pods: readonly Pod[] = [
      pod({ name: "a-stays", ...stays }),
      pod({ name: "z-goes", ...goes }),
    ];
    const elsewhere = pod({ name: "other", node: "a" });
    const names = (order: readonly Pod[]): readonly string[] =>
      chooseVictims(order, 1, { related: [...order, elsewhere], now: NOW }).map(
        ({ metadata }) => metadata.name,
      );
    expect(names(pods)).toEqual(["z-goes"]);
    expect(names(pods.toReversed())).toEqual(["z-goes"]);
  });

  const names = (pods: readonly Pod[], now?: number): readonly string[] =>
    chooseVictims(pods, 1, now === undefined ? {} : { now }).map(({ metadata }) => metadata.name);

  test("of those whose time of readiness nobody wrote down, before all others", () => {
    const timeless = pod({ name: "z-goes" });
    const conditions = [{ type: "Ready", status: "True" as const }];
    const goes = { ...timeless, status: { ...timeless.status, conditions } } as Pod;
    const stays = pod({ name: "a-stays", ready: 5 });
    expect(names([stays, goes], NOW)).toEqual(["z-goes"]);
    expect(names([goes, stays], NOW)).toEqual(["z-goes"]);
    expect(names([goes, stays])).toEqual(["z-goes"]);
  });

  test("among pods of about the same age it is left to their uids; without a clock the younger goes", () => {
    const young = pod({ name: "young", ready: -100 });
    const old = pod({ name: "old", ready: -120 });
    const called = (item: Pod, uid: string): Pod => ({
      ...item,
      metadata: { ...item.metadata, uid },
    });
    expect(names([called(young, "2"), called(old, "1")], NOW)).toEqual(["old"]);
    expect(names([called(young, "1"), called(old, "2")], NOW)).toEqual(["young"]);
    expect(names([called(young, "2"), called(old, "1")])).toEqual(["young"]);
    const ancient = called(pod({ name: "ancient", ready: -4000 }), "0");
    expect(names([called(young, "2"), ancient], NOW)).toEqual(["young"]);
  });

  test("restarts of sidecars count after those of the others, before age", () => {
    const sidecar = container({ name: "proxy", restartPolicy: "Always" });
    const withSidecar = (name: string, restartCount: number, created: number): Pod => {
      const made = pod({
        name,
        created,
        spec: { initContainers: [sidecar, container({ name: "init" })] },
      });
      const fields = { image: "", imageID: "", ready: true, state: {}, lastState: {} };
      const initContainerStatuses = [
        { ...fields, name: "proxy", restartCount },
        { ...fields, name: "init", restartCount: 10 - restartCount },
      ];
      return { ...made, status: { ...made.status, initContainerStatuses } } as Pod;
    };
    const pods = [withSidecar("a-stays", 1, -1), withSidecar("z-goes", 3, -5000)];
    expect(names(pods, NOW)).toEqual(["z-goes"]);
  });

  test("equal pods go in the order of their names, whatever the order of the input", () => {
    const pods = ["c", "a", "b"].map((name) => pod({ name }));
    expect(
      chooseVictims(pods, 2, { related: pods, now: NOW }).map(({ metadata }) => metadata.name),
    ).toEqual(["a", "b"]);
  });
});
