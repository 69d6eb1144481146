import { disruptionsAllowed } from "../../src/model/disruption.ts";
import type { Node, PersistentVolumeClaim, Pod } from "../../src/model/kinds.gen.ts";
import { controllerOf, parseRefKey, refKey, refOf, type ObjectRef } from "../../src/model/meta.ts";
import type { Plan } from "../../src/model/plan.ts";
import { isFinished } from "../../src/model/pod-phase.ts";
import { LOCAL_PROVISIONER, SELECTED_NODE_ANNOTATION } from "../../src/model/storage.ts";
import { objectHealth } from "../../src/planner/health.ts";
import { listPods } from "../../src/planner/owned-pods.ts";
import { planNodes, SILENT_AFTER_MS } from "../../src/planner/plan-node.ts";
import { planObject } from "../../src/planner/plan-object.ts";
import { budgetsOf } from "../../src/planner/plan-pdb.ts";
import { isTerminating } from "../../src/planner/pod-state.ts";
import { SimCluster, type PlacePods } from "../../src/planner/sim-cluster.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { placeAll } from "../../src/scheduler/queue-forecast.ts";
import { namespace, NOW } from "../support/builders.ts";
import { DayJudge } from "./day-judge.ts";
import { commitFile, DAY_FILES, type DayFile, type WorkloadState } from "./day-manifests.ts";
import { crashed, fateOf, newNode, readyCondition } from "./day-pods.ts";
import type { Random } from "./day-random.ts";

/** As often as the control plane looks at its nodes. */
const LOOK_MS = 5000;
/** Plans and moves of the clock until the next look, at most. */
const MAX_ROUNDS = 50_000;

export const NODE_NAMES: readonly string[] = Array.from({ length: 12 }, (_, index) => `n${index}`);

/** A cluster of twelve nodes in three zones that runs a shop, on a virtual clock. */
export class DayRig {
  readonly world: SimWorld;
  readonly cluster: SimCluster;
  readonly judge: DayJudge;
  readonly random: Random;
  readonly states: Map<string, WorkloadState> = new Map();
  /** What clients want of `api`, in thousandths of a core. */
  loadMilli = 200;
  /** Share of plans that are not carried out as they are. */
  loss = 0;
  lossyUntil = 0;
  readonly #declared = new Map<string, ObjectRef>();
  readonly #silentSince = new Map<string, number>();
  /** By uid, pods whose container has crashed, until when. */
  readonly #crashed = new Map<string, number>();
  readonly #lateSteps: { readonly at: number; readonly run: () => void }[] = [];
  #lookAt = NOW;
  #isNodesChanged = true;

  constructor(random: Random) {
    this.random = random;
    const nodes = NODE_NAMES.map(newNode);
    const storageClass = {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: {
        name: "local",
        annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
      },
      provisioner: LOCAL_PROVISIONER,
      reclaimPolicy: "Delete",
      volumeBindingMode: "WaitForFirstConsumer",
    };
    this.world = new SimWorld([namespace(), storageClass, ...nodes], NOW);
    this.judge = new DayJudge(this.world);
    this.#measure();
    this.cluster = new SimCluster(this.world, {
      schedule: (input) => this.#schedule(input),
      startMs: 2000,
      stopMs: 1000,
      workMs: 60_000,
      paceOf: ({ metadata }) => {
        const draw = Number.parseInt((metadata.uid ?? "0").slice(0, 4), 16) || 0;
        return {
          startMs: 1000 + (draw % 20) * 1000,
          stopMs: 500 + (draw % 7) * 2000,
          workMs: 30_000 + (draw % 100) * 2000,
        };
      },
      fateOf,
      isReachable: (name) => !this.#silentSince.has(name),
      onPlan: (key, plan) => this.judge.judgePlan(key, plan),
      onChange: (change) => {
        this.judge.see(change);
        if ((change.after ?? change.before)?.kind === "Node") this.#isNodesChanged = true;
      },
      deliver: (plan) => this.#deliver(plan),
      pick: (waiting) => this.random.below(waiting),
    });
    for (const file of DAY_FILES) this.commit(file, file.state);
    this.cluster.wakeAll();
  }

  commit(file: DayFile, state: WorkloadState): void {
    this.states.set(file.name, state);
    for (const ref of commitFile(this.world, file, state)) this.#declared.set(refKey(ref), ref);
  }

  stateOf(file: DayFile): WorkloadState {
    return this.states.get(file.name) ?? file.state;
  }

  /** Does something once the clock has come so far. */
  later(ms: number, run: () => void): void {
    this.#lateSteps.push({ at: this.world.now + ms, run });
  }

  /** Lets the cluster live until then. */
  runUntil(end: number): void {
    while (this.world.now < end) {
      const late = this.#lateSteps.toSorted((a, b) => a.at - b.at)[0];
      const until = Math.min(end, late?.at ?? end, Math.max(this.world.now, this.#lookAt));
      this.#settle(until);
      this.world.now = Math.max(this.world.now, until);
      if (this.world.now >= this.#lookAt) this.#look();
      const due = this.#lateSteps.filter(({ at }) => at <= this.world.now);
      for (const one of due) {
        this.#lateSteps.splice(this.#lateSteps.indexOf(one), 1);
        one.run();
      }
      if (this.#isNodesChanged) this.#lookAt = Math.min(this.#lookAt, this.#nextLook());
    }
    this.#settle(end);
  }

  pods(): readonly Pod[] {
    return listPods(this.world);
  }

  silent(): readonly string[] {
    return [...this.#silentSince.keys()];
  }

  nodeOf(name: string): Node | undefined {
    return this.world.get({ apiVersion: "v1", kind: "Node", name }) as Node | undefined;
  }

  /** Nobody hears of the node any more; what runs there goes on. */
  cut(name: string): void {
    if (!this.#silentSince.has(name)) this.#silentSince.set(name, this.world.now);
    this.#isNodesChanged = true;
  }

  /** The node is heard of again, and tells how its pods are. */
  restore(name: string): void {
    if (!this.#silentSince.delete(name)) return;
    this.#isNodesChanged = true;
    const stored = this.nodeOf(name);
    if (stored === undefined) return;
    const conditions = [{ type: "Ready", status: "True" }];
    this.world.report(refOf(stored), { ...stored.status, conditions });
    for (const pod of this.pods())
      if (pod.spec.nodeName === name && pod.status?.phase === "Running") this.#tellReady(pod);
  }

  /** The machine breaks for good, and is taken from the cluster. */
  destroy(name: string): void {
    this.judge.lose(name);
    this.world.remove({ apiVersion: "v1", kind: "Node", name });
    this.#silentSince.delete(name);
  }

  /** A new machine takes the place of one that was destroyed. */
  replace(name: string): void {
    if (this.nodeOf(name) === undefined) this.world.declare(newNode(name));
  }

  cordon(name: string, unschedulable: boolean): void {
    const stored = this.nodeOf(name);
    if (stored === undefined) return;
    this.world.declare({ ...stored, spec: { ...stored.spec, unschedulable } } as Node);
  }

  /** As `kubectl drain` does: evicts what budgets allow, again and again, for a while. */
  drain(name: string, tries: number): void {
    this.cordon(name, true);
    this.#settle(this.world.now);
    for (const pod of this.pods())
      if (pod.spec.nodeName === name && controllerOf(pod)?.kind !== "DaemonSet") this.#evict(pod);
    if (tries > 1) this.later(LOOK_MS, () => this.drain(name, tries - 1));
    else this.later(60_000, () => this.cordon(name, false));
  }

  /** A container of the pod crashes, and is started again by its node after a while; a pod that is not restarted has failed. */
  crash(pod: Pod): void {
    const { uid = "" } = pod.metadata;
    if (pod.status?.phase !== "Running" || this.#crashed.has(uid) || fateOf(pod) === "never-ready")
      return;
    if (this.#silentSince.has(pod.spec.nodeName ?? "")) return;
    if (pod.spec.restartPolicy === "Never") return this.fail(pod);
    this.#crashed.set(uid, this.world.now);
    this.#tellReady(pod, "OOMKilled");
    this.later(10_000 + this.random.below(30_000), () => {
      this.#crashed.delete(uid);
      const current = this.world.get(refOf(pod)) as Pod | undefined;
      if (current?.metadata.uid === uid && !this.#silentSince.has(pod.spec.nodeName ?? ""))
        this.#tellReady(current);
    });
  }

  /** The pod comes to an end by its node's doing. */
  fail(pod: Pod): void {
    if (isFinished(pod) || pod.status?.phase !== "Running") return;
    if (this.#silentSince.has(pod.spec.nodeName ?? "")) return;
    const conditions = readyCondition(pod, false, this.world.now);
    this.world.report(refOf(pod), {
      ...pod.status,
      phase: "Failed",
      reason: "Evicted",
      conditions,
    });
  }

  /** As `kubectl delete pod` does. */
  end(pod: Pod): void {
    const { uid = "" } = pod.metadata;
    this.world.apply([{ kind: "delete", ref: refOf(pod), uid, reason: "NotDeclared" }]);
  }

  /** What is not as declared. */
  unhealthy(): readonly string[] {
    return [...this.#declared.values()].flatMap((ref) => {
      const { kind, reason, message } = objectHealth(this.world, ref);
      return kind === "Healthy" ? [] : [`${ref.kind} ${ref.name}: ${kind} ${reason}: ${message}`];
    });
  }

  /** Objects that would still have something done to them: nobody was woken for them, or planning does not come to an end. */
  restless(): readonly string[] {
    return (
      this.world
        .all()
        // It looks at metrics that change when it looks again, every few seconds.
        .filter(({ kind }) => kind !== "HorizontalPodAutoscaler")
        .map((object) => refKey(refOf(object)))
        .filter((key) =>
          planObject(this.world, parseRefKey(key)).steps.some(({ kind }) => kind !== "event"),
        )
    );
  }

  #settle(until: number): void {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      let hasWorked = false;
      while (this.cluster.work()) {
        hasWorked = true;
        round += 1;
        if (round > MAX_ROUNDS) throw new Error("The cluster does not come to rest");
      }
      if (hasWorked && this.loss === 0) this.judge.judgeRest();
      if (!this.cluster.sleep(until)) return;
    }
  }

  #nextLook(): number {
    this.#isNodesChanged = false;
    return this.world.now + LOOK_MS;
  }

  #look(): void {
    const { now } = this.world;
    const silentMs = new Map(
      NODE_NAMES.map((name) => [name, now - (this.#silentSince.get(name) ?? now)]),
    );
    const plan = planNodes({
      now,
      nodes: this.world.list("v1", "Node") as readonly Node[],
      pods: this.pods().filter(({ spec }) => spec.nodeName !== undefined),
      silentMs,
      listeningMs: 3_600_000,
      podCidr: "10.32.0.0/11",
    });
    const steps = this.#deliver(plan);
    this.world.apply(steps);
    const isBusy = plan.steps.length > 0;
    const silences = [...this.#silentSince.values()]
      .map((at) => at + SILENT_AFTER_MS)
      .filter((at) => at > now);
    const next = Math.min(plan.lookAgainAt ?? Infinity, ...silences, now + 12 * LOOK_MS);
    this.#lookAt = isBusy ? now + LOOK_MS : Math.max(now + LOOK_MS, next);
  }

  #deliver(plan: Plan): Plan["steps"] {
    if (this.loss === 0 || this.random.next() >= this.loss) return plan.steps;
    return this.random.next() < 0.5
      ? plan.steps.filter(({ kind }) => kind !== "update-status")
      : plan.steps.slice(0, this.random.below(plan.steps.length));
  }

  #schedule(input: Parameters<PlacePods>[0]): ReturnType<PlacePods> {
    const placed = placeAll(input);
    for (const { namespace: space, name, node: selected } of placed.bindings) {
      const ref = { apiVersion: "v1", kind: "Pod", namespace: space, name };
      for (const claim of this.#claimsOf(this.world.get(ref) as Pod | undefined))
        this.world.declare({
          ...claim,
          metadata: {
            ...claim.metadata,
            annotations: { ...claim.metadata.annotations, [SELECTED_NODE_ANNOTATION]: selected },
          },
        });
    }
    return placed;
  }

  #claimsOf(pod: Pod | undefined): readonly PersistentVolumeClaim[] {
    return (pod?.spec.volumes ?? []).flatMap(({ persistentVolumeClaim: source }) => {
      if (source === undefined) return [];
      const { namespace: space = "" } = pod?.metadata ?? {};
      const ref = { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace: space };
      const claim = this.world.get({ ...ref, name: source.claimName });
      return claim === undefined ? [] : [claim as PersistentVolumeClaim];
    });
  }

  #evict(pod: Pod): void {
    if (isTerminating(pod)) return;
    const [budget] = budgetsOf(this.world, pod);
    const isPending = (pod.status?.phase ?? "Pending") === "Pending";
    if (budget !== undefined && !isPending && !isFinished(pod)) {
      if (disruptionsAllowed(budget) === 0) return;
      if (this.loss === 0) this.judge.judgeEviction(pod, budget);
    }
    this.end(pod);
    this.#settle(this.world.now);
  }

  #tellReady(pod: Pod, reason?: string): void {
    const { uid = "" } = pod.metadata;
    const serves = fateOf(pod) !== "never-ready" && fateOf(pod) !== "crashes";
    const isUp = serves && !this.#crashed.has(uid);
    const statuses =
      reason === undefined
        ? pod.status?.containerStatuses
        : pod.spec.containers.map((one) => crashed(one, pod, reason));
    this.world.report(refOf(pod), {
      ...pod.status,
      ...(statuses === undefined ? {} : { containerStatuses: statuses }),
      conditions: readyCondition(pod, isUp, this.world.now),
    });
  }

  #measure(): void {
    this.world.metrics = {
      podUsage: (space, name) => {
        const pod = this.world.get({ apiVersion: "v1", kind: "Pod", namespace: space, name });
        if (pod === undefined || (pod as Pod).status?.phase !== "Running") return undefined;
        const ready = this.pods().filter(
          ({ metadata, status }) =>
            metadata.labels?.["app"] === "api" && status?.phase === "Running",
        );
        const cpuNanocores = (this.loadMilli / Math.max(1, ready.length)) * 1e6;
        const { uid = "" } = pod.metadata;
        const containers = [{ name: "app", cpuNanocores, memoryBytes: 0 }];
        return { namespace: space, name, uid, containers, at: this.world.now, windowMs: 15_000 };
      },
    };
  }
}
