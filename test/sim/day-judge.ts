import { resolveRolloutLimits } from "../../src/model/int-or-percent.ts";
import type {
  DaemonSet,
  Deployment,
  EndpointSlice,
  Job,
  Node,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  Service,
  StatefulSet,
} from "../../src/model/kinds.gen.ts";
import { matchesLabels, matchesSelector } from "../../src/model/labels.ts";
import {
  controllerOf,
  formatRef,
  parseRefKey,
  refOf,
  type ObjectRef,
} from "../../src/model/meta.ts";
import type { Plan } from "../../src/model/plan.ts";
import { TAINTS } from "../../src/model/taints.ts";
import { listPods, podsOwnedBy } from "../../src/planner/owned-pods.ts";
import { countPods, isReady, isTerminating } from "../../src/planner/pod-state.ts";
import type { SimChange, SimWorld } from "../../src/planner/sim-world.ts";

interface Running {
  readonly pod: Pod;
  readonly node: string;
}

/** Watches a day of a cluster, and writes down what must never be. It goes by what the nodes really run, not by what is reported. */
export class DayJudge {
  readonly broken: string[] = [];
  /** Pods made, those of Jobs left out. */
  created = 0;
  /** By uid: whose containers run, whether or not the control plane knows. */
  readonly #running = new Map<string, Running>();
  readonly #succeeded = new Map<string, Set<string>>();
  readonly #world: SimWorld;

  constructor(world: SimWorld) {
    this.#world = world;
  }

  /** The machine is gone, and what ran on it. */
  lose(node: string): void {
    for (const [uid, item] of this.#running) if (item.node === node) this.#running.delete(uid);
  }

  see({ before, after }: SimChange): void {
    if ((after ?? before)?.kind === "Job" && after !== undefined) this.#seeJob(after as Job);
    if ((after ?? before)?.kind !== "Pod") return;
    const was = before as Pod | undefined;
    const is = after as Pod | undefined;
    if (is === undefined) {
      this.#running.delete(was?.metadata.uid ?? "");
      return;
    }
    if (was === undefined && controllerOf(is)?.kind !== "Job") this.created += 1;
    if (was === undefined) this.#judgeOrder(is);
    if (was?.status?.phase !== "Running" && is.status?.phase === "Running") this.#start(is);
    if (is.status?.phase === "Succeeded" || is.status?.phase === "Failed") this.#end(is);
  }

  /** To be asked before the plan is carried out. */
  judgePlan(key: string, plan: Plan): void {
    for (const step of plan.steps) {
      if (step.kind !== "delete" || step.graceSeconds !== 0) continue;
      const item = this.#running.get(step.uid);
      if (item !== undefined) this.#tell(`${item.pod.metadata.name} was given up while it runs`);
    }
    const ref = parseRefKey(key);
    if (ref.kind === "Deployment") this.#judgeRollout(ref, plan);
    if (ref.kind === "DaemonSet" || ref.kind === "StatefulSet") this.#judgeReplaced(ref, plan);
  }

  /** Of an eviction, before it happens. */
  judgeEviction(pod: Pod, budget: PodDisruptionBudget): void {
    if (!isReady(pod)) return;
    const pods = listPods(this.#world, pod.metadata.namespace).filter(({ metadata }) =>
      matchesSelector(budget.spec.selector, metadata.labels),
    );
    const healthy = pods.filter((one) => isReady(one) && !isTerminating(one)).length - 1;
    const { minAvailable, maxUnavailable } = budget.spec;
    const least =
      typeof minAvailable === "number"
        ? minAvailable
        : this.#scaleOf(budget.metadata.name) - Number(maxUnavailable ?? 0);
    if (healthy < least)
      this.#tell(`evicting ${pod.metadata.name} left ${healthy} healthy, not ${least}`);
  }

  /** What must hold whenever nothing is left to do at this moment. */
  judgeRest(): void {
    const objects = this.#world.all();
    for (const object of objects) {
      const owner = controllerOf(object);
      if (owner === undefined) continue;
      const { namespace = "" } = object.metadata;
      const { apiVersion, kind, name, uid } = owner;
      const found = this.#world.get({ apiVersion, kind, namespace, name });
      // What is on its way out already may outlive its owner.
      if (found?.metadata.uid !== uid && object.metadata.deletionTimestamp === undefined)
        this.#tell(`${formatRef(refOf(object))} has an owner that is not there`);
    }
    for (const { metadata, spec } of listPods(this.#world)) {
      const { nodeName: name } = spec;
      if (name === undefined) continue;
      if (this.#world.get({ apiVersion: "v1", kind: "Node", name }) === undefined)
        this.#tell(`${metadata.name} is on node ${name}, which is not there`);
    }
    this.#judgeEndpoints();
  }

  #tell(what: string): void {
    if (this.broken.length < 20)
      this.broken.push(`${new Date(this.#world.now).toISOString()} ${what}`);
  }

  #scaleOf(name: string): number {
    for (const kind of ["Deployment", "StatefulSet"]) {
      const found = this.#world.get({ apiVersion: "apps/v1", kind, namespace: "shop", name });
      if (found !== undefined) return (found as Deployment).spec.replicas;
    }
    return 0;
  }

  #start(pod: Pod): void {
    const { name, namespace, uid = "" } = pod.metadata;
    const { nodeName: node = "" } = pod.spec;
    const owner = controllerOf(pod);
    let beside = 0;
    for (const other of this.#running.values()) {
      if (other.pod.metadata.name === name && other.pod.metadata.namespace === namespace)
        this.#tell(`${name} runs twice, on ${other.node} and ${node}`);
      const isOfSame = other.node === node && controllerOf(other.pod)?.uid === owner?.uid;
      const isLeaving = this.#world.get(refOf(other.pod))?.metadata.deletionTimestamp !== undefined;
      // A set that surges goes by the pods that stay, as in Kubernetes.
      if (isOfSame && !(owner?.name === "proxy" && isLeaving)) beside += 1;
    }
    const allowed = owner?.name === "proxy" ? 1 : 0;
    if (owner?.kind === "DaemonSet" && beside > allowed)
      this.#tell(`node ${node} runs ${beside + 1} pods of ${owner.name}`);
    this.#running.set(uid, { pod, node });
  }

  #end(pod: Pod): void {
    const { uid = "" } = pod.metadata;
    this.#running.delete(uid);
    const owner = controllerOf(pod);
    if (pod.status?.phase !== "Succeeded" || owner?.kind !== "Job") return;
    const done = this.#succeeded.get(owner.uid) ?? new Set();
    this.#succeeded.set(owner.uid, done.add(uid));
  }

  #seeJob({ metadata, spec, status }: Job): void {
    const { succeeded = 0, conditions = [] } = status ?? {};
    const really = this.#succeeded.get(metadata.uid ?? "")?.size ?? 0;
    if (succeeded > really)
      this.#tell(`Job ${metadata.name} counts ${succeeded} completions of ${really}`);
    const isComplete = conditions.some((one) => one.type === "Complete" && one.status === "True");
    if (isComplete && succeeded !== (spec.completions ?? 1))
      this.#tell(`Job ${metadata.name} is complete with ${succeeded} completions`);
  }

  /** A pod of an ordered set comes when all before it serve. */
  #judgeOrder(pod: Pod): void {
    const owner = controllerOf(pod);
    if (owner?.kind !== "StatefulSet") return;
    const { namespace = "", name } = pod.metadata;
    const ref = { apiVersion: "apps/v1", kind: "StatefulSet", namespace, name: owner.name };
    const set = this.#world.get(ref) as StatefulSet | undefined;
    if (set?.spec.podManagementPolicy !== "OrderedReady") return;
    for (let ordinal = Number(name.slice(owner.name.length + 1)) - 1; ordinal >= 0; ordinal -= 1) {
      const before = this.#world.get({
        apiVersion: "v1",
        kind: "Pod",
        namespace,
        name: `${owner.name}-${ordinal}`,
      }) as Pod | undefined;
      if (before === undefined || !isReady(before) || isTerminating(before))
        this.#tell(`${name} came before ${owner.name}-${ordinal} served`);
    }
  }

  #judgeRollout(ref: ObjectRef, plan: Plan): void {
    const deployment = this.#world.get(ref) as Deployment | undefined;
    if (deployment?.spec.strategy.type !== "RollingUpdate") return;
    const { replicas, strategy, minReadySeconds = 0 } = deployment.spec;
    const limits = resolveRolloutLimits(strategy.rollingUpdate, replicas);
    const sets = new Map<string, { before: number; after: number; set: ReplicaSet }>();
    for (const set of this.#world.ownedBy(deployment.metadata.uid ?? "") as ReplicaSet[])
      sets.set(set.metadata.name, { before: set.spec.replicas, after: set.spec.replicas, set });
    let isRolling = false;
    for (const step of plan.steps) {
      if ((step.kind !== "create" && step.kind !== "update") || step.object.kind !== "ReplicaSet")
        continue;
      const set = step.object as ReplicaSet;
      const before = sets.get(set.metadata.name)?.before ?? 0;
      sets.set(set.metadata.name, { before, after: set.spec.replicas, set });
      isRolling ||= ["RolloutSurge", "RolloutStep", "NewRevision"].includes(step.reason);
    }
    if (!isRolling) return;
    let [total, was, is] = [0, 0, 0];
    let grows = false;
    for (const { before, after, set } of sets.values()) {
      const pods = podsOwnedBy(this.#world, set.metadata.uid);
      const { active, available } = countPods(pods, minReadySeconds, this.#world.now);
      total += Math.max(after, active);
      was += Math.min(before, available);
      is += Math.min(after, available);
      grows ||= after > before;
    }
    const { name } = deployment.metadata;
    if (grows && total > replicas + limits.maxSurge)
      this.#tell(`${name} grows to ${total} pods, more than ${replicas} + ${limits.maxSurge}`);
    if (is < was && is < replicas - limits.maxUnavailable)
      this.#tell(`${name} goes from ${was} to ${is} available of ${replicas}`);
  }

  /** A roll-out ends no more pods that serve than may be away at once. */
  #judgeReplaced(ref: ObjectRef, plan: Plan): void {
    const set = this.#world.get(ref) as DaemonSet | StatefulSet | undefined;
    const pods = podsOwnedBy(this.#world, set?.metadata.uid);
    const serves = (pod: Pod): boolean => isReady(pod) && !isTerminating(pod);
    const replaced = plan.steps.flatMap((step) =>
      step.kind === "delete" && step.reason === "RolloutStep" ? [step.uid] : [],
    );
    const ended = pods.filter((pod) => replaced.includes(pod.metadata.uid ?? "") && serves(pod));
    if (set === undefined || ended.length === 0) return;
    if (set.kind === "StatefulSet") {
      this.#judgeReplacedOrdinal(set, pods.filter(serves), ended);
      return;
    }
    // Nodes that do not answer have their pods, but are none of those that are to have one; what was on one that is gone is gone.
    const nodes = (this.#world.list("v1", "Node") as readonly Node[])
      .filter(({ spec }) => !spec.taints?.some(({ key }) => key === TAINTS.unreachable))
      .map(({ metadata }) => metadata.name);
    const isThere = ({ spec }: Pod): boolean => nodes.includes(spec.nodeName ?? "");
    const away =
      nodes.length - pods.filter((pod) => serves(pod) && isThere(pod)).length + ended.length;
    const { maxUnavailable = 1, maxSurge = 0 } = set.spec.updateStrategy.rollingUpdate ?? {};
    if (away > Number(maxUnavailable) + Number(maxSurge))
      this.#tell(`${ref.name} ends ${ended.length} pods that serve, ${away} would be away`);
  }

  /** All others of an ordered set serve meanwhile; of a parallel one, as in Kubernetes, all of higher ordinals. */
  #judgeReplacedOrdinal(
    { metadata, spec }: StatefulSet,
    serving: readonly Pod[],
    [ended, ...more]: readonly Pod[],
  ): void {
    const names = new Set(serving.map((pod) => pod.metadata.name));
    for (let ordinal = spec.replicas - 1; ordinal >= 0; ordinal -= 1) {
      const name = `${metadata.name}-${ordinal}`;
      const isParallel = spec.podManagementPolicy === "Parallel";
      if (isParallel && name === ended?.metadata.name) break;
      if (!names.has(name))
        this.#tell(`${ended?.metadata.name} is replaced while ${name} does not serve`);
    }
    if (more.length > 0) this.#tell(`${metadata.name} replaces ${1 + more.length} pods at once`);
  }

  /** A Service sends to every pod of its own that is Ready, and to no other. */
  #judgeEndpoints(): void {
    const slices = this.#world.list(
      "discovery.k8s.io/v1",
      "EndpointSlice",
    ) as readonly EndpointSlice[];
    for (const { metadata, spec } of this.#world.list("v1", "Service") as readonly Service[]) {
      const sent = slices
        .filter((slice) => slice.metadata.labels?.["kubernetes.io/service-name"] === metadata.name)
        .flatMap(({ endpoints }) => endpoints)
        .flatMap(({ conditions, targetRef }) => (conditions.ready ? [targetRef?.name ?? ""] : []));
      const wanted = listPods(this.#world, metadata.namespace)
        .filter((pod) => matchesLabels(spec.selector ?? {}, pod.metadata.labels))
        .filter((pod) => isReady(pod) && !isTerminating(pod) && pod.status?.podIP !== undefined)
        .map((pod) => pod.metadata.name);
      const [a, b] = [sent.toSorted().join(" "), wanted.toSorted().join(" ")];
      if (a !== b) this.#tell(`Service ${metadata.name} sends to "${a}", and "${b}" are ready`);
    }
  }
}
