import { beforeEach, describe, expect, test } from "vitest";
import type { Node, Pod, PodDisruptionBudget } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import type { Decision } from "../../src/scheduler/decision.ts";
import { Scheduler } from "../../src/scheduler/scheduler.ts";
import { VolumeTable } from "../../src/scheduler/volumes-table.ts";
import { node, NOW, seconds } from "../support/builders.ts";
import { PlainCore } from "../support/plain-core.ts";
import { uidOf, waitingPod, type PodFields } from "../support/scheduler.ts";

const GROUP = { "berth.dev/pod-group": "mpi", "berth.dev/pod-group-min": "3" };

describe("Scheduler", () => {
  let scheduler: Scheduler;
  let core: PlainCore;
  let now: number;

  beforeEach(() => {
    core = new PlainCore();
    scheduler = new Scheduler({ core, volumes: new VolumeTable() });
    now = NOW;
  });

  const add = (...objects: readonly ApiObject[]): void => {
    for (const object of objects) scheduler.observe({ kind: "added", object }, now);
  };
  const change = <T extends ApiObject>(previous: T, object: T): void =>
    scheduler.observe({ kind: "modified", object, previous }, now);
  const remove = (object: ApiObject): void =>
    scheduler.observe({ kind: "deleted", object, previous: object }, now);
  const decide = (): Decision[] => {
    const all: Decision[] = [];
    for (let turn = scheduler.turn(now); turn !== undefined; turn = scheduler.turn(now))
      all.push(...turn);
    return all;
  };
  const say = (decision: Decision): string => {
    if (decision.kind === "bind")
      return decision.bindings
        .map(({ pod, node: to }) => `${pod.metadata.name} → ${to}`)
        .join(", ");
    const { name } = decision.pod.metadata;
    if (decision.kind === "gated") return `${name} is gated`;
    if (decision.kind === "refuse") return `${name}: ${decision.message}`;
    const victims = decision.victims.map(({ metadata }) => metadata.name).join(" ");
    return `${name} preempts ${victims} on ${decision.node}`;
  };
  const decideText = (): string[] => decide().map(say);
  const bindAll = (decisions: readonly Decision[]): void => {
    for (const decision of decisions)
      if (decision.kind === "bind")
        for (const { pod, node: to } of decision.bindings) {
          change(pod, { ...pod, spec: { ...pod.spec, nodeName: to } });
          scheduler.bound(uidOf(pod), now);
        }
  };
  const small = (name: string): Node => node({ name, cpu: "2", memory: "4Gi" });
  const placed = (name: string, on: string, fields: Partial<PodFields> = {}): Pod =>
    waitingPod({ name, node: on, cpu: "1", ...fields });

  test("places a pod, counts it at once, and says why the next has no node", () => {
    add(
      small("a"),
      waitingPod({ name: "p", cpu: "2", created: 1 }),
      waitingPod({ name: "q", cpu: "1", created: 2 }),
    );
    expect(decideText()).toEqual([
      "p → a",
      "q: 0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.",
    ]);
  });

  test("says that there are no nodes, and places the pod when there is one", () => {
    add(waitingPod({ name: "p" }));
    expect(decideText()).toEqual(["p: no nodes available to schedule pods"]);
    now += seconds(2);
    add(small("a"));
    expect(decideText()).toEqual(["p → a"]);
  });

  test("takes back what could not be written, and tries the pod again after its back-off", () => {
    add(small("a"), waitingPod({ name: "p", cpu: "2" }));
    const [decision] = decide();
    expect(core.nodeOf("uid-shop-p")).toBe("a");
    if (decision?.kind === "bind") scheduler.failed(uidOf(decision.bindings[0]?.pod as Pod), now);
    expect(core.nodeOf("uid-shop-p")).toBeUndefined();
    expect(decideText()).toEqual([]);
    now += seconds(1);
    expect(decideText()).toEqual(["p → a"]);
  });

  test("wakes a pod when one that was in its way is gone, and not for room that is too small", () => {
    const [big, little] = [
      placed("big", "a", { cpu: "1500m" }),
      placed("little", "a", { cpu: "500m" }),
    ];
    add(small("a"), big, little, waitingPod({ name: "p", cpu: "1" }));
    expect(decideText().length).toBe(1);
    now += seconds(5);
    remove(little);
    expect(decideText()).toEqual([]);
    remove(big);
    expect(decideText()).toEqual(["p → a"]);
  });

  test("says the new reason when a node refuses a pod for another one", () => {
    const cordoned = node({ name: "a", cpu: "1", labels: { disk: "slow" } });
    add(cordoned, waitingPod({ name: "p", cpu: "2", spec: { nodeSelector: { disk: "fast" } } }));
    expect(decideText()[0]).toMatch(/1 node\(s\) didn't match Pod's node affinity/);
    now += seconds(5);
    change(cordoned, node({ name: "a", cpu: "1", labels: { disk: "fast" } }));
    expect(decideText()[0]).toMatch(/1 Insufficient cpu/);
  });

  test("leaves pods of other schedulers alone", () => {
    add(small("a"), waitingPod({ name: "p", spec: { schedulerName: "mine" } }));
    expect([decideText(), scheduler.waiting]).toEqual([[], 0]);
  });

  test("says that a pod is gated, once, and places it when the gates are gone", () => {
    const gated = waitingPod({ name: "p", spec: { schedulingGates: [{ name: "g" }] } });
    add(small("a"), gated);
    expect(decideText()).toEqual(["p is gated"]);
    change(gated, { ...gated, status: { phase: "Pending", message: "x" } });
    expect(decideText()).toEqual([]);
    change(gated, waitingPod({ name: "p" }));
    expect(decideText()).toEqual(["p → a"]);
  });

  describe("preemption", () => {
    test("evicts the least important, keeps their room, and places the pod when they are gone", () => {
      const [low, lower] = [
        placed("low", "a", { priority: 2 }),
        placed("lower", "b", { priority: 1 }),
      ];
      add(small("a"), small("b"), low, lower, placed("x", "a"), placed("y", "b", { priority: 9 }));
      const urgent = waitingPod({ name: "urgent", cpu: "1", priority: 10 });
      add(urgent);
      // On "a" the pod without a priority would do; it is less than any.
      expect(decideText()).toEqual(["urgent preempts x on a"]);
      now += seconds(1);
      add(waitingPod({ name: "other", cpu: "1", created: 5 }));
      remove(placed("x", "a"));
      expect(decideText()).toEqual([
        "urgent → a",
        "other: 0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.",
      ]);
    });

    test("does not preempt again while its victims end", () => {
      add(small("a"), placed("v", "a", { cpu: "2" }), small("b"), placed("w", "b", { cpu: "2" }));
      const urgent = waitingPod({ name: "urgent", cpu: "2", priority: 10 });
      add(urgent);
      expect(decideText()).toEqual(["urgent preempts v on a"]);
      change(urgent, { ...urgent, spec: { ...urgent.spec, nodeSelector: {} } });
      expect(decideText()).toEqual([
        "urgent: 0/2 nodes are available: 2 Insufficient cpu. preemption: not eligible due to a terminating pod on the nominated node.",
      ]);
    });

    test("keeps the room for its pod, while others would fit in what is free already", () => {
      const victim = placed("v", "a", { cpu: "2" });
      add(node({ name: "a", cpu: "3" }), victim);
      add(waitingPod({ name: "urgent", cpu: "3", priority: 10 }));
      expect(decideText()).toEqual(["urgent preempts v on a"]);
      add(waitingPod({ name: "sneaky", cpu: "1" }));
      expect(decideText()[0]).toMatch(/^sneaky: 0\/1 nodes are available: 1 Insufficient cpu/);
      remove(victim);
      expect(decideText()[0]).toBe("urgent → a");
    });

    test("gives room that was kept to a more important pod", () => {
      add(small("a"), placed("v", "a", { cpu: "2" }));
      add(waitingPod({ name: "high", cpu: "2", priority: 10 }));
      expect(decideText()).toEqual(["high preempts v on a"]);
      remove(placed("v", "a", { cpu: "2" }));
      add(waitingPod({ name: "higher", cpu: "2", priority: 20 }));
      expect(decideText()[0]).toBe("higher → a");
    });

    test("preempts nobody when the pod must not", () => {
      const spec = { preemptionPolicy: "Never" } as const;
      add(small("a"), placed("v", "a", { cpu: "2" }));
      add(waitingPod({ name: "meek", cpu: "2", priority: 10, spec }));
      expect(decideText()).toEqual([
        "meek: 0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.",
      ]);
    });

    test("says per node why it does not help", () => {
      add(
        small("a"),
        placed("equal", "a", { cpu: "2", priority: 10 }),
        node({ name: "b", cpu: "1" }),
        placed("low", "b"),
        node({ name: "c", labels: { disk: "slow" } }),
      );
      const spec = { nodeSelector: {} };
      add(
        waitingPod({
          name: "p",
          cpu: "2",
          memory: "8Gi",
          priority: 10,
          spec: { ...spec, nodeSelector: { disk: "fast" } },
        }),
      );
      expect(decideText()).toEqual([
        "p: 0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
      ]);
      add(waitingPod({ name: "q", cpu: "5", priority: 10 }));
      expect(decideText()).toEqual([
        "q: 0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 1 Insufficient cpu, 2 No preemption victims found for incoming pod.",
      ]);
    });

    test("spares pods of a disruption budget where another node will do", () => {
      const budget: PodDisruptionBudget = {
        apiVersion: "policy/v1",
        kind: "PodDisruptionBudget",
        metadata: { name: "db", namespace: "shop" },
        spec: { minAvailable: 1, selector: { matchLabels: { app: "db" } } },
        status: { currentHealthy: 1, desiredHealthy: 1, disruptionsAllowed: 0, expectedPods: 1 },
      };
      const db = placed("db", "a", { cpu: "2", labels: { app: "db" } });
      const web = placed("web", "b", { cpu: "2", priority: 5 });
      add(small("a"), small("b"), db, web, budget);
      add(waitingPod({ name: "urgent", cpu: "2", priority: 10 }));
      expect(decideText()).toEqual(["urgent preempts web on b"]);
    });

    test("evicts more than the numbers ask for where rules about pods do", () => {
      const averse = placed("averse", "a", {
        cpu: "100m",
        spec: {
          affinity: {
            podAntiAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                {
                  topologyKey: "kubernetes.io/hostname",
                  labelSelector: { matchLabels: { app: "urgent" } },
                },
              ],
            },
          },
        },
      });
      add(small("a"), averse, placed("big", "a", { cpu: "1900m" }));
      add(waitingPod({ name: "urgent", cpu: "1", priority: 10, labels: { app: "urgent" } }));
      expect(decideText()).toEqual(["urgent preempts averse big on a"]);
    });
  });

  describe("pod groups", () => {
    const member = (n: number, fields: Partial<PodFields> = {}): Pod =>
      waitingPod({ name: `m${n}`, cpu: "1", created: n, annotations: GROUP, ...fields });

    test("wait until enough of them are there", () => {
      add(small("a"), small("b"), member(1), member(2));
      expect(decideText().at(-1)).toBe(
        'm2: pod group "mpi" has 2 of at least 3 pods that can be placed',
      );
      add(member(3));
      expect(decideText()).toEqual(["m1 → a, m2 → b, m3 → a"]);
    });

    test("are placed all or none", () => {
      add(small("a"), member(1), member(2), member(3));
      expect(decideText()[0]).toBe(
        'm1: pod group "mpi" needs nodes for 3 more pods at once and finds them for 2: 0/1 nodes are available: 1 Insufficient cpu.',
      );
      expect([...core.podsOn("a")]).toEqual([]);
      add(waitingPod({ name: "single", cpu: "2", created: 9 }));
      expect(decideText()).toEqual(["single → a"]);
      now += seconds(2);
      add(node({ name: "b", cpu: "3" }));
      expect(decideText()).toEqual(["m1 → b, m2 → b, m3 → b"]);
    });

    test("count members that have a node already", () => {
      const running = [1, 2].map((n) => member(n, { node: "a", spec: { nodeName: "a" } }));
      add(small("a"), node({ name: "b", cpu: "1" }), ...running, member(3), member(4));
      expect(decideText()).toEqual(["m3 → b", "m4: 0/2 nodes are available: 2 Insufficient cpu."]);
    });

    test.each([
      { min: "0", says: 'is "0", it must be a whole number from 1 to 1000' },
      { min: "many", says: 'is "many", it must be a whole number from 1 to 1000' },
    ])("are refused with a least number of $min", ({ min, says }) => {
      const annotations = { ...GROUP, "berth.dev/pod-group-min": min };
      add(small("a"), member(1, { annotations }));
      expect(decideText()).toEqual([
        `m1: pod group "mpi": annotation berth.dev/pod-group-min ${says}`,
      ]);
    });

    test("two that each fit alone do not block each other", () => {
      const other = { ...GROUP, "berth.dev/pod-group": "other" };
      add(node({ name: "a", cpu: "3" }));
      for (let n = 1; n <= 3; n += 1) add(member(n), member(n + 3, { annotations: other }));
      const decisions = decide();
      expect(decisions.map(say)[0]).toBe("m1 → a, m2 → a, m3 → a");
      bindAll(decisions);
      now += seconds(60);
      for (let n = 1; n <= 3; n += 1) remove(member(n, { node: "a" }));
      expect(decideText()).toEqual(["m4 → a, m5 → a, m6 → a"]);
    });
  });
});
