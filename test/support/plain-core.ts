import { compare } from "../../src/base/order.ts";
import type { Node, Pod } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { matchesLabels, matchesSelector } from "../../src/model/labels.ts";
import { isFinished } from "../../src/model/pod-phase.ts";
import type {
  NodeVerdict,
  Placement,
  Presence,
  Refusal,
  SchedulerCore,
} from "../../src/scheduler/core.ts";
import { amountOf, podRequests } from "../../src/scheduler/pod-requests.ts";

/**
 * A core that is slow and plain: requests, node selectors, required anti-affinity by host. The most free node wins, by
 * cpu and then by name. For tests of what is built on a core.
 */
export class PlainCore implements SchedulerCore {
  readonly nodes: Map<string, Node> = new Map();
  readonly #pods = new Map<string, Presence>();
  readonly #assumed = new Set<string>();

  upsert(object: ApiObject): void {
    if (object.kind === "Node") this.nodes.set(object.metadata.name, object as Node);
    if (object.kind !== "Pod") return;
    const pod = object as Pod;
    const { uid = "" } = pod.metadata;
    const node = pod.spec.nodeName ?? "";
    this.#assumed.delete(uid);
    if (node === "" || isFinished(pod)) this.#pods.delete(uid);
    else this.#pods.set(uid, { pod, node });
  }

  remove(object: ApiObject): void {
    if (object.kind === "Node") this.nodes.delete(object.metadata.name);
    if (object.kind === "Pod") this.#pods.delete(object.metadata.uid ?? "");
  }

  removeNode(name: string): void {
    this.nodes.delete(name);
  }

  removePod(uid: string): void {
    this.#pods.delete(uid);
    this.#assumed.delete(uid);
  }

  assume(pod: Pod, node: string): void {
    const { uid = "" } = pod.metadata;
    this.#pods.set(uid, { pod, node });
    this.#assumed.add(uid);
  }

  forget(uid: string): void {
    if (this.#assumed.delete(uid)) this.#pods.delete(uid);
  }

  place(pod: Pod): Placement {
    const reasons = new Map<string, number>();
    const filters = new Set<string>();
    const candidates: string[] = [];
    let best: { readonly node: string; readonly score: number } | undefined;
    let feasible = 0;
    for (const node of this.nodeNames()) {
      const refusal = this.check(pod, node);
      if (refusal === undefined) {
        feasible += 1;
        const score = this.#free(node, "cpu");
        if (best === undefined || score > best.score) best = { node, score };
        continue;
      }
      filters.add(refusal.filter);
      if (!refusal.unresolvable) candidates.push(node);
      for (const reason of refusal.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    if (best !== undefined) return { kind: "placed", ...best, feasible };
    return {
      kind: "refused",
      refusals: { nodes: this.nodes.size, reasons, filters, candidates },
    };
  }

  check(pod: Pod, name: string): Refusal | undefined {
    const node = this.nodes.get(name);
    if (node === undefined)
      return { filter: "NodeName", reasons: ["no such node"], unresolvable: true };
    if (!matchesLabels(pod.spec.nodeSelector ?? {}, node.metadata.labels ?? {})) {
      const reasons = ["node(s) didn't match Pod's node affinity/selector"];
      return { filter: "NodeAffinity", reasons, unresolvable: true };
    }
    const lacking = [...podRequests(pod)].filter(
      ([resource, amount]) => amount > 0 && amount > this.#free(name, resource),
    );
    const reasons = lacking.map(([resource]) => `Insufficient ${resource}`);
    const seats = amountOf("pods", node.status?.allocatable?.["pods"] ?? "0");
    if ([...this.podsOn(name)].length >= seats) reasons.unshift("Too many pods");
    if (reasons.length > 0) return { filter: "NodeResourcesFit", reasons, unresolvable: false };
    const isAverse = [...this.podsOn(name)].some(
      (other) => isAgainst(pod, other) || isAgainst(other, pod),
    );
    if (!isAverse) return undefined;
    const says = ["node(s) didn't match pod anti-affinity rules"];
    return { filter: "InterPodAffinity", reasons: says, unresolvable: false };
  }

  explain(pod: Pod): readonly NodeVerdict[] {
    return this.nodeNames().map((node) => {
      const refusal = this.check(pod, node);
      return refusal === undefined ? { node } : { node, refusal };
    });
  }

  whatIf<T>(
    { remove = [], add = [] }: { remove?: readonly string[]; add?: readonly Presence[] },
    ask: () => T,
  ): T {
    const before = new Map(this.#pods);
    for (const uid of remove) this.#pods.delete(uid);
    for (const presence of add) this.#pods.set(presence.pod.metadata.uid ?? "", presence);
    try {
      return ask();
    } finally {
      this.#pods.clear();
      for (const [uid, presence] of before) this.#pods.set(uid, presence);
    }
  }

  invalidate(): void {
    // Nothing is remembered.
  }

  nodeNames(): readonly string[] {
    return [...this.nodes.keys()].toSorted(compare);
  }

  node(name: string): Node | undefined {
    return this.nodes.get(name);
  }

  *podsOn(node: string): Iterable<Pod> {
    for (const presence of this.#pods.values()) if (presence.node === node) yield presence.pod;
  }

  nodeOf(uid: string): string | undefined {
    return this.#pods.get(uid)?.node;
  }

  #free(name: string, resource: string): number {
    const text = this.nodes.get(name)?.status?.allocatable?.[resource] ?? "0";
    let free = amountOf(resource, text);
    for (const pod of this.podsOn(name)) free -= podRequests(pod).get(resource) ?? 0;
    return free;
  }
}

function isAgainst(pod: Pod, other: Pod): boolean {
  const terms = pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return (terms ?? []).some(
    ({ labelSelector }) =>
      labelSelector !== undefined && matchesSelector(labelSelector, other.metadata.labels ?? {}),
  );
}
