import fc from "fast-check";
import type { Node, Pod } from "../../src/model/kinds.gen.ts";
import { parseRefKey, refKey, refOf, type ApiObject } from "../../src/model/meta.ts";
import type { Plan } from "../../src/model/plan.ts";
import { listPods } from "../../src/planner/owned-pods.ts";
import { planObject } from "../../src/planner/plan-object.ts";
import { isTerminating } from "../../src/planner/pod-state.ts";
import { SimCluster } from "../../src/planner/sim-cluster.ts";
import type { SimChange, SimWorld } from "../../src/planner/sim-world.ts";
import { at, NOW } from "../support/builders.ts";
import { placePods } from "../support/place-pods.ts";
import { worldOf } from "../support/world.ts";

export const HOUR = 3_600_000;

/** What the world may do to a workload between two looks at it. */
export type Fault<Spec> =
  | { readonly kind: "push"; readonly spec: Partial<Spec> }
  | { readonly kind: "pod-fails" | "pod-falls-ill" | "pod-is-deleted"; readonly pick: number }
  /** Silent or back; pods on a silent node may be asked to end, which nobody there hears. */
  | {
      readonly kind: "node";
      readonly name: string;
      readonly ready: boolean;
      readonly evicts?: boolean;
    }
  | { readonly kind: "taint"; readonly name: string; readonly tainted: boolean }
  | { readonly kind: "node-gone"; readonly name: string }
  | { readonly kind: "work"; readonly steps: number }
  | { readonly kind: "sleep"; readonly times: number }
  /** The next plans are carried out only up to here, or without their statuses. */
  | {
      readonly kind: "lose";
      readonly plans: number;
      readonly keep: number;
      readonly statuses: boolean;
    };

/** Random faults; `spec` says what may be pushed. */
export function faults<Spec>(
  spec: fc.Arbitrary<Partial<Spec>>,
  nodes: readonly string[],
): fc.Arbitrary<readonly Fault<Spec>[]> {
  const name = fc.constantFrom(...nodes);
  const harm = fc.constantFrom("pod-fails", "pod-falls-ill", "pod-is-deleted");
  const fault = fc.oneof(
    { weight: 4, arbitrary: spec.map((fields): Fault<Spec> => ({ kind: "push", spec: fields })) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: harm, pick: fc.nat(9) }).map((item): Fault<Spec> => item),
    },
    {
      weight: 2,
      arbitrary: fc
        .record({ name, ready: fc.boolean(), evicts: fc.boolean() })
        .map((item): Fault<Spec> => ({ kind: "node", ...item })),
    },
    {
      weight: 1,
      arbitrary: fc
        .record({ name, tainted: fc.boolean() })
        .map((item): Fault<Spec> => ({ kind: "taint", ...item })),
    },
    { weight: 1, arbitrary: name.map((gone): Fault<Spec> => ({ kind: "node-gone", name: gone })) },
    { weight: 6, arbitrary: fc.nat(15).map((steps): Fault<Spec> => ({ kind: "work", steps })) },
    { weight: 5, arbitrary: fc.nat(5).map((times): Fault<Spec> => ({ kind: "sleep", times })) },
    {
      weight: 1,
      arbitrary: fc
        .record({ plans: fc.integer({ min: 1, max: 4 }), keep: fc.nat(3), statuses: fc.boolean() })
        .map((item): Fault<Spec> => ({ kind: "lose", ...item })),
    },
  );
  return fc.array(fault, { maxLength: 40 });
}

export interface RigOptions {
  readonly nodes: readonly Node[];
  readonly judge: (rig: SetRig, key: string, plan: Plan) => readonly string[];
}

/** A workload in a modelled cluster that suffers faults; image `app:bad` never serves, `app:crash` crashes on and on. */
export class SetRig {
  readonly world: SimWorld;
  readonly cluster: SimCluster;
  readonly broken: string[] = [];
  readonly #workload: ApiObject;
  readonly #nodes: readonly Node[];
  #losing: Extract<Fault<unknown>, { readonly kind: "lose" }> | undefined;

  constructor(workload: ApiObject, { nodes, judge }: RigOptions) {
    this.#workload = workload;
    this.#nodes = nodes;
    this.world = worldOf([...nodes, workload]);
    this.cluster = new SimCluster(this.world, {
      schedule: placePods,
      startMs: 2000,
      stopMs: 1000,
      workMs: 1000,
      fateOf: ({ spec }) => {
        const image = spec.containers[0]?.image;
        return image === "app:bad" ? "never-ready" : image === "app:crash" ? "crashes" : "serves";
      },
      onPlan: (key, plan) => this.broken.push(...judge(this, key, plan)),
      onChange: (change) => this.#watchNodes(change),
      deliver: (plan) => this.#deliver(plan),
    });
    this.cluster.wakeAll();
  }

  workload(): ApiObject {
    return this.world.get(refOf(this.#workload)) ?? this.#workload;
  }

  push(fields: object): void {
    const stored = this.workload() as ApiObject & { readonly spec: object };
    this.world.declare({ ...stored, spec: { ...stored.spec, ...fields } } as ApiObject);
  }

  suffer(next: Fault<unknown>): void {
    switch (next.kind) {
      case "push":
        this.push(next.spec as object);
        break;
      case "node":
        this.#setNode(next.name, next.ready);
        if (!next.ready && next.evicts === true) this.#evict(next.name);
        break;
      case "taint":
        this.#taintNode(next.name, next.tainted);
        break;
      case "node-gone":
        this.world.remove({ apiVersion: "v1", kind: "Node", name: next.name });
        break;
      case "work":
        for (let step = 0; step < next.steps; step += 1) this.cluster.work();
        break;
      case "sleep":
        for (let time = 0; time < next.times; time += 1) this.cluster.sleep(this.world.now + HOUR);
        break;
      case "lose":
        this.#losing = next;
        break;
      default:
        this.#hurt(next);
    }
  }

  /** The faults end: nodes are back and untainted, and what is ill recovers. */
  recover(): void {
    this.#losing = undefined;
    for (const node of this.#nodes) {
      const { name } = node.metadata;
      if (this.#node(name) === undefined) this.world.declare(node);
      this.#taintNode(name, false);
      this.#setNode(name, true);
    }
    for (const pod of this.pods()) {
      const image = pod.spec.containers[0]?.image;
      if (pod.status?.phase === "Running" && image !== "app:bad" && image !== "app:crash")
        this.report(pod, "Running", true);
    }
  }

  pods(): readonly Pod[] {
    return listPods(this.world);
  }

  /** Keys that would still have something done; what is only said again does not count. */
  restless(): readonly string[] {
    return this.world
      .all()
      .map((object) => refKey(refOf(object)))
      .filter((key) =>
        planObject(this.world, parseRefKey(key)).steps.some(({ kind }) => kind !== "event"),
      );
  }

  report(pod: Pod, phase: NonNullable<Pod["status"]>["phase"], ready: boolean): void {
    const lastTransitionTime = at((this.world.now - NOW) / 1000);
    const conditions = [{ type: "Ready", status: ready ? "True" : "False", lastTransitionTime }];
    this.world.report(refOf(pod), { ...pod.status, phase, conditions });
  }

  #hurt(next: Extract<Fault<unknown>, { readonly pick: number }>): void {
    const pods = this.pods().filter(({ spec }) => spec.nodeName !== undefined);
    const pod = pods[next.pick % Math.max(1, pods.length)];
    if (pod === undefined) return;
    if (next.kind === "pod-is-deleted") {
      const uid = pod.metadata.uid ?? "";
      this.world.apply([{ kind: "delete", ref: refOf(pod), uid, reason: "NotDeclared" }]);
      return;
    }
    const phase = pod.status?.phase ?? "Pending";
    if (phase === "Failed" || phase === "Succeeded") return;
    this.report(pod, next.kind === "pod-fails" ? "Failed" : phase, false);
  }

  /** A pod that ran on a node that is there but silent may still run: nobody may take its object away. */
  #watchNodes({ before, after }: SimChange): void {
    if (before?.kind !== "Pod" || after !== undefined) return;
    const node = this.#node((before as Pod).spec.nodeName ?? "");
    const isReady = node?.status?.conditions?.some(
      ({ type, status }) => type === "Ready" && status === "True",
    );
    if (node !== undefined && isReady !== true)
      this.broken.push(`${before.metadata.name} was given up while its node is silent`);
  }

  #node(name: string): Node | undefined {
    return this.world.get({ apiVersion: "v1", kind: "Node", name }) as Node | undefined;
  }

  #setNode(name: string, ready: boolean): void {
    const stored = this.#node(name);
    if (stored === undefined) return;
    const conditions = [{ type: "Ready", status: ready ? "True" : "Unknown" }];
    this.world.report(refOf(stored), { ...stored.status, conditions });
    if (ready) return;
    for (const pod of this.#podsOn(name)) {
      const { phase = "Pending" } = pod.status ?? {};
      if (phase === "Running") this.report(pod, phase, false);
    }
  }

  /** As the node's life goes on after a while. */
  #evict(name: string): void {
    const steps = this.#podsOn(name)
      .filter((pod) => !isTerminating(pod))
      .map((pod) => ({
        kind: "delete" as const,
        ref: refOf(pod),
        uid: pod.metadata.uid ?? "",
        reason: "NodeSilent" as const,
      }));
    this.world.apply(steps);
  }

  #podsOn(name: string): readonly Pod[] {
    return this.pods().filter(({ spec }) => spec.nodeName === name);
  }

  #taintNode(name: string, tainted: boolean): void {
    const stored = this.#node(name);
    if (stored === undefined) return;
    const taints = tainted ? [{ key: "dedicated", effect: "NoSchedule" as const }] : [];
    this.world.declare({ ...stored, spec: { ...stored.spec, taints } } as Node);
  }

  #deliver(plan: Plan): Plan["steps"] {
    const losing = this.#losing;
    if (losing === undefined) return plan.steps;
    this.#losing = losing.plans > 1 ? { ...losing, plans: losing.plans - 1 } : undefined;
    return losing.statuses
      ? plan.steps.filter(({ kind }) => kind !== "update-status")
      : plan.steps.slice(0, losing.keep);
  }
}

/** What of a plan ends pods, by their names, for one of these reasons; for any when none is given. */
export function endedBy({ steps }: Plan, ...reasons: readonly string[]): readonly string[] {
  return steps.flatMap((step) =>
    step.kind === "delete" &&
    step.ref.kind === "Pod" &&
    (reasons.length === 0 || reasons.includes(step.reason))
      ? [step.ref.name]
      : [],
  );
}

/** The pods that a plan makes. */
export function madeBy({ steps }: Plan): readonly Pod[] {
  return steps.flatMap((step) =>
    step.kind === "create" && step.object.kind === "Pod" ? [step.object as Pod] : [],
  );
}
