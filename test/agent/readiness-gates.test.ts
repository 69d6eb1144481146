import { describe, expect, test } from "vitest";
import { planPod } from "../../src/agent/plan-pod.ts";
import type { Pod } from "../../src/model/kinds.gen.ts";
import type { Condition } from "../../src/model/meta.ts";
import { isReady } from "./agent-harness.ts";
import { openFakeNode } from "./fake-node.ts";
import { app, look, sandbox } from "./plan-rig.ts";
import { pod } from "./pod-builder.ts";

const A = "example.com/a";
const B = "example.com/b";
const GATES = { readinessGates: [{ conditionType: A }, { conditionType: B }] };

/** `Ready` and `ContainersReady` of a pod that runs, when others have said this. */
function conditions(theirs: readonly Condition[], ready = true): readonly string[] {
  const wanted = pod(GATES);
  const seen: Pod = { ...wanted, status: { phase: "Running", conditions: theirs } };
  const { status } = planPod(
    look(seen, [sandbox({}), app({})], {
      readySandbox: "s0",
      probes: new Map([["a0", { started: true, ready }]]),
    }),
  );
  return (status.conditions ?? [])
    .filter(({ type }) => type.endsWith("Ready"))
    .map((one) => [one.type, one.status, one.reason, one.message].filter(Boolean).join(" "));
}

describe("readiness gates", () => {
  test.for([
    {
      name: "without their conditions the pod is not Ready, though its containers are",
      theirs: [],
      expected: [
        `Ready False ReadinessGatesNotReady corresponding condition of pod readiness gate "${A}" does not exist., corresponding condition of pod readiness gate "${B}" does not exist.`,
        "ContainersReady True",
      ],
    },
    {
      name: "all of them must be True",
      theirs: [
        { type: A, status: "True" },
        { type: B, status: "Unknown" },
      ],
      expected: [
        `Ready False ReadinessGatesNotReady the status of pod readiness gate "${B}" is not "True", but Unknown`,
        "ContainersReady True",
      ],
    },
    {
      name: "then the pod is Ready",
      theirs: [
        { type: A, status: "True" },
        { type: B, status: "True" },
      ],
      expected: ["Ready True", "ContainersReady True"],
    },
  ] as const)("$name", ({ theirs, expected }) => {
    expect(conditions(theirs)).toEqual(expected);
  });

  test("containers that are not ready are told first", () => {
    const message = "ContainersNotReady containers with unready status: [app]";
    expect(conditions([], false)).toEqual([
      `Ready False ${message}`,
      `ContainersReady False ${message}`,
    ]);
  });

  test("a pod becomes Ready when others say so, and ceases to be; their conditions stay as they are", async () => {
    await using node = await openFakeNode();
    const { harness } = node;
    const say = (condition: Condition): void => {
      const found = harness.pod();
      if (found === undefined) throw new Error("no pod");
      const others = (found.status?.conditions ?? []).filter(({ type }) => type !== A);
      const status = { ...found.status, conditions: [...others, condition] } as Pod["status"];
      harness.api.put({ ...found, ...(status === undefined ? {} : { status }) });
    };
    const theirs = (): Condition | undefined =>
      harness.pod()?.status?.conditions?.find(({ type }) => type === A);
    harness.api.put(pod({ readinessGates: [{ conditionType: A }] }));
    harness.start();
    const isUp = (): boolean =>
      harness
        .pod()
        ?.status?.conditions?.some(
          ({ type, status }) => type === "ContainersReady" && status === "True",
        ) === true;
    await node.reach("its containers are ready", isUp);
    expect(isReady(harness.pod() ?? pod())).toBe(false);
    const good: Condition = { type: A, status: "True", reason: "Fine", message: "by others" };
    say(good);
    await node.reach("Ready", () => isReady(harness.pod() ?? pod()));
    expect(theirs()).toEqual(good);
    const bad: Condition = { type: A, status: "False", reason: "Sick" };
    say(bad);
    await node.reach("not Ready", () => !isReady(harness.pod() ?? pod()));
    expect(theirs()).toEqual(bad);
    expect(isUp()).toBe(true);
  });
});
