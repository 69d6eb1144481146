import { parseTime, type Millis } from "../base/clock.ts";
import { compare, sortedBy } from "../base/order.ts";
import { isSameJson } from "../base/same-json.ts";
import type { DaemonSet, Node, Pod, PodTemplateSpec } from "../model/kinds.gen.ts";
import { isEmptySelector } from "../model/labels.ts";
import { refOf } from "../model/meta.ts";
import { EMPTY_PLAN, type Plan, type Step, type StepReason } from "../model/plan.ts";
import { isFinished } from "../model/pod-phase.ts";
import { claimObjects } from "./claim.ts";
import { cleanRevisions, hashOf, readHistory, REVISION_LABEL } from "./controller-revisions.ts";
import { judgeNode, targetNode } from "./daemonset-nodes.ts";
import { failuresBefore, newDaemonPod } from "./daemonset-pods.ts";
import {
  excessOn,
  rollDaemons,
  type DaemonNode,
  type DaemonSituation,
} from "./daemonset-rollout.ts";
import { daemonSetStatus } from "./daemonset-status.ts";
import { isNamespaceTerminating } from "./namespace-state.ts";
import { availableAt, earlier, isTerminating } from "./pod-state.ts";
import { templateWithConfig } from "./restart-on-config.ts";
import type { World } from "./world.ts";

/** Pods made, and ended, by one plan at most, as Kubernetes bounds a burst. */
const MAX_DAEMONS_PER_PLAN = 250;
/** The first wait after a pod has failed twice on a node, doubled with each that follows, and the longest. */
const FIRST_BACKOFF_MS: Millis = 1000;
const MAX_BACKOFF_MS: Millis = 900_000;
/** A pod that lived this long has made good for those that failed before it. */
const FORGIVEN_AFTER_MS: Millis = 2 * MAX_BACKOFF_MS;

/**
 * One step of a DaemonSet: a pod on each of its nodes and none elsewhere, replaced within maxUnavailable and maxSurge
 * when the template changes. A node's pod is gone before the next one comes, but while surging. Pure.
 */
export function planDaemonSet(world: World, set: DaemonSet): Plan {
  if (set.metadata.deletionTimestamp !== undefined) return EMPTY_PLAN;
  if (isEmptySelector(set.spec.selector)) return EMPTY_PLAN;
  const template = templateWithConfig(world, set);
  const history = readHistory(world, set, template, REVISION_LABEL);
  const hash = hashOf(history.update, REVISION_LABEL);
  const claims = claimObjects<Pod>(world, set, set.spec.selector, {
    apiVersion: "v1",
    kind: "Pod",
  });
  const situation = { set, now: world.now, hash, nodes: readNodes(world, set, claims.owned) };
  const work = planWork(situation);
  const pods: Step[] = [
    ...work.ended.slice(0, MAX_DAEMONS_PER_PLAN).flatMap((ended) => endPod(set, ended)),
    ...makePods(world, situation, { template, needs: work.needed }),
  ];
  const ended = new Set(work.ended.map(({ pod }) => pod.metadata.name));
  const used = new Set(claims.owned.map(({ metadata }) => metadata.labels?.[REVISION_LABEL]));
  const unused = history.old.filter((revision) => !used.has(hashOf(revision, REVISION_LABEL)));
  const steps: Step[] = [
    ...history.steps,
    ...claims.adopted
      .filter(({ metadata }) => !ended.has(metadata.name))
      .map((object): Step => ({ kind: "update", object, reason: "Adopt" })),
    ...claims.released.map((object): Step => ({ kind: "update", object, reason: "Release" })),
    ...pods,
    ...cleanRevisions(set, unused),
  ];
  const status = daemonSetStatus(situation, history.collisionCount);
  if (!isSameJson(status, set.status))
    steps.push({
      kind: "update-status",
      object: { ...set, status } as DaemonSet,
      reason: "StatusChanged",
    });
  const lookAgainAt = earlier(work.lookAgainAt, nextAvailableAt(situation));
  return lookAgainAt === undefined ? { steps } : { steps, lookAgainAt };
}

/** All nodes, and those that are gone but have pods left, in the order of their names. */
function readNodes(world: World, set: DaemonSet, pods: readonly Pod[]): readonly DaemonNode[] {
  const byNode = new Map<string, Pod[]>();
  for (const pod of pods) {
    const name = targetNode(pod);
    if (name === undefined || (isFinished(pod) && isTerminating(pod))) continue;
    const there = byNode.get(name);
    if (there === undefined) byNode.set(name, [pod]);
    else there.push(pod);
  }
  const take = (name: string): readonly Pod[] => {
    const found = byNode.get(name);
    byNode.delete(name);
    return found === undefined || found.length === 1 ? (found ?? []) : found.toSorted(compareAge);
  };
  const nodes = (world.list("v1", "Node") as readonly Node[]).map((node): DaemonNode => {
    const { name } = node.metadata;
    const { shouldRun, mayStay } = judgeNode(set, node);
    return { name, exists: true, shouldRun, mayStay, pods: take(name) };
  });
  if (byNode.size === 0) return nodes;
  const gone = [...byNode.keys()].map((name): DaemonNode => {
    return { name, exists: false, shouldRun: false, mayStay: false, pods: take(name) };
  });
  return sortedBy([...nodes, ...gone], ({ name }) => name);
}

/** Placed before not yet placed, then older before newer. */
function compareAge(a: Pod, b: Pod): number {
  const placed = ({ spec }: Pod): number => (spec.nodeName === undefined ? 1 : 0);
  const created = ({ metadata }: Pod): number => parseTime(metadata.creationTimestamp) ?? 0;
  return (
    placed(a) - placed(b) || created(a) - created(b) || compare(a.metadata.name, b.metadata.name)
  );
}

interface Ended {
  readonly pod: Pod;
  readonly reason: StepReason;
  readonly node: string;
}

/** A node that needs a pod, and how many have failed there in a row. */
interface Need {
  readonly node: string;
  readonly failures: number;
}

interface DaemonWork {
  readonly ended: readonly Ended[];
  readonly needed: readonly Need[];
  readonly lookAgainAt?: Millis | undefined;
}

/** Puts the nodes right; only when all are does the roll-out go on. */
function planWork(situation: DaemonSituation): DaemonWork {
  const perNode = situation.nodes.map((node) => planNode(situation, node));
  const ended = perNode.flatMap((work) => work.ended);
  const needed = perNode.flatMap((work) => work.needed);
  const lookAgainAt = perNode.reduce<Millis | undefined>(
    (at, work) => earlier(at, work.lookAgainAt),
    undefined,
  );
  const isQuiet = ended.length === 0 && needed.length === 0;
  if (!isQuiet || situation.set.spec.updateStrategy.type !== "RollingUpdate")
    return { ended, needed, lookAgainAt };
  const { ending, surging } = rollDaemons(situation);
  return {
    ended: ending.map((pod) => ({ pod, node: targetNode(pod) ?? "", reason: "RolloutStep" })),
    needed: surging.map((node) => ({ node, failures: 0 })),
    lookAgainAt,
  };
}

function planNode(situation: DaemonSituation, node: DaemonNode): DaemonWork {
  const { name, exists, shouldRun, mayStay, pods } = node;
  if (shouldRun && pods.length === 0) return { ended: [], needed: [{ node: name, failures: 0 }] };
  const end = (reason: StepReason) => (pod: Pod) => ({ pod, node: name, reason });
  if (!mayStay) {
    // What was placed on a node that is gone is collected with the node's pods.
    const leaving = pods.filter((pod) => exists || pod.spec.nodeName === undefined);
    const staying = leaving.filter((pod) => !isTerminating(pod));
    return { ended: staying.map(end("NodeNotEligible")), needed: [] };
  }
  const finished = pods.filter((pod) => !isTerminating(pod) && isFinished(pod));
  const waiting = finished.filter((pod) => retryAt(pod) > situation.now);
  const replaced = finished.filter((pod) => !waiting.includes(pod));
  const running = pods.filter((pod) => !isFinished(pod));
  const isEmpty = shouldRun && running.length === 0 && waiting.length === 0;
  const failures = Math.max(0, ...replaced.map((pod) => failuresAfter(pod, situation.now)));
  const next = Math.min(...waiting.map(retryAt));
  return {
    ended: [
      ...replaced.map(end("FinishedPod")),
      ...excessOn(situation, running).map(end("SurplusReplica")),
    ],
    needed: isEmpty ? [{ node: name, failures }] : [],
    ...(waiting.length === 0 ? {} : { lookAgainAt: next }),
  };
}

/** When a pod that has ended may be replaced. */
function retryAt(pod: Pod): Millis {
  const failures = failuresBefore(pod);
  if (pod.status?.phase !== "Failed" || failures === 0) return 0;
  const created = parseTime(pod.metadata.creationTimestamp) ?? 0;
  return created + Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1));
}

function failuresAfter(pod: Pod, now: Millis): number {
  if (pod.status?.phase !== "Failed") return 0;
  const created = parseTime(pod.metadata.creationTimestamp) ?? 0;
  return now - created > FORGIVEN_AFTER_MS ? 1 : failuresBefore(pod) + 1;
}

function makePods(
  world: World,
  { set, hash }: DaemonSituation,
  { template, needs }: { readonly template: PodTemplateSpec; readonly needs: readonly Need[] },
): readonly Step[] {
  if (isNamespaceTerminating(world, set.metadata.namespace)) return [];
  return needs.slice(0, MAX_DAEMONS_PER_PLAN).flatMap(({ node, failures }): readonly Step[] => {
    const object = newDaemonPod(world, set, { node, template, hash, failures });
    const message = `Created pod: ${object.metadata.name}`;
    return [
      { kind: "create", object, reason: "MissingReplica" },
      { kind: "event", about: set, type: "Normal", reason: "SuccessfulCreate", message },
    ];
  });
}

function endPod(set: DaemonSet, { pod, node, reason }: Ended): readonly Step[] {
  const { name, namespace = "", uid = "" } = pod.metadata;
  const found: Step[] = [];
  if (reason === "FinishedPod") {
    const hasFailed = pod.status?.phase === "Failed";
    found.push({
      kind: "event",
      about: set,
      type: hasFailed ? "Warning" : "Normal",
      reason: hasFailed ? "FailedDaemonPod" : "SucceededDaemonPod",
      message: hasFailed
        ? `Found failed daemon pod ${namespace}/${name} on node ${node}, will try to kill it`
        : `Found succeeded daemon pod ${namespace}/${name} on node ${node}, will try to delete it`,
    });
  }
  const message = `Deleted pod: ${name}`;
  return [
    ...found,
    { kind: "delete", ref: refOf(pod), uid, reason },
    { kind: "event", about: set, type: "Normal", reason: "SuccessfulDelete", message },
  ];
}

function nextAvailableAt({ set, now, nodes }: DaemonSituation): Millis | undefined {
  return nodes
    .flatMap(({ pods }) => pods)
    .reduce<Millis | undefined>((next, pod) => {
      const at = availableAt(pod, set.spec.minReadySeconds ?? 0);
      return at === undefined || at <= now ? next : earlier(next, at);
    }, undefined);
}
