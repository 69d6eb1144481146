import type { Pod } from "../model/kinds.gen.ts";
import type { SchedulerCore } from "./core.ts";
import { amountOf, podRequests, type ResourceAmounts } from "./pod-requests.ts";
import { compareImportance } from "./preempt-pick.ts";

/** A node's room for one pod, while others are thought to leave and come back. */
export interface Room {
  release(other: Pod): void;
  /** Lets another back in when the pod would still fit then. */
  claim(other: Pod): boolean;
  /** What is missing for the pod: empty when it fits. */
  lacking(): readonly string[];
}

/** What runs on each node and what it takes, kept until the node changes. */
export class NodeLoads {
  readonly #core: SchedulerCore;
  readonly #sorted = new Map<string, readonly Pod[]>();
  readonly #requests = new WeakMap<Pod, ResourceAmounts>();

  constructor(core: SchedulerCore) {
    this.#core = core;
  }

  forget(node: string): void {
    this.#sorted.delete(node);
  }

  /** Pods that count on a node, the most important first. */
  sorted(node: string): readonly Pod[] {
    let pods = this.#sorted.get(node);
    if (pods === undefined) {
      pods = [...this.#core.podsOn(node)].toSorted(compareImportance);
      this.#sorted.set(node, pods);
    }
    return pods;
  }

  requestsOf(pod: Pod): ResourceAmounts {
    let amounts = this.#requests.get(pod);
    if (amounts === undefined) {
      amounts = podRequests(pod);
      this.#requests.set(pod, amounts);
    }
    return amounts;
  }

  /** The room on a node for a pod; pods named in `absent` do not count. */
  roomFor(pod: Pod, node: string, absent: ReadonlySet<string>): Room {
    const allocatable = this.#core.node(node)?.status?.allocatable ?? {};
    const wanted = [...this.requestsOf(pod)].filter(([, amount]) => amount > 0);
    const left = wanted.map(
      ([resource, amount]) => amountOf(resource, allocatable[resource] ?? "0") - amount,
    );
    let seats = amountOf("pods", allocatable["pods"] ?? "0") - 1;
    const take = (other: Pod, sign: 1 | -1): void => {
      const amounts = this.requestsOf(other);
      for (const [index, [resource]] of wanted.entries())
        left[index] = (left[index] ?? 0) - sign * (amounts.get(resource) ?? 0);
      seats -= sign;
    };
    for (const other of this.sorted(node))
      if (!absent.has(other.metadata.uid ?? "")) take(other, 1);
    const isEnough = (): boolean => seats >= 0 && left.every((amount) => amount >= 0);
    return {
      release: (other) => take(other, -1),
      claim(other) {
        take(other, 1);
        if (isEnough()) return true;
        take(other, -1);
        return false;
      },
      lacking: () => [
        ...(seats < 0 ? ["Too many pods"] : []),
        ...wanted
          .filter((_, index) => (left[index] ?? 0) < 0)
          .map(([resource]) => `Insufficient ${resource}`),
      ],
    };
  }
}
