import type { Clock, Millis } from "../base/clock.ts";
import { compare } from "../base/order.ts";
import { isTrue } from "../model/condition.ts";
import type { EndpointSlice, Node } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import type { Withdrawal } from "../model/node-endpoints.ts";
import { resourceOf } from "../model/resources.ts";
import type { ObjectStore } from "../store/object-store.ts";

/** The longest that an agent is made to wait for the proxies. */
export const MAX_WITHDRAWAL_MS: Millis = 2000;

/** What the proxies have reported: each the revision of the EndpointSlices that it applied. In memory only. */
export interface EndpointReports {
  /** `undefined` while the node has not reported since the start: it has no proxy. */
  revisionOf(node: string): number | undefined;
}

/** Tells agents when no node sends traffic to a pod any more. Follows the store; nothing is polled. */
export interface Withdrawals extends EndpointReports {
  report(node: string, revision: number): void;
  /**
   * Resolves once no EndpointSlice has the pod as ready and all Ready nodes that have proxies have applied that, or
   * after `timeoutMs`. Rejects when `signal` aborts.
   */
  wait(podUid: string, timeoutMs: Millis, signal: AbortSignal): Promise<Withdrawal>;
  close(): void;
}

export function followWithdrawals(objects: ObjectStore, clock: Clock): Withdrawals {
  return new WithdrawalTracker(objects, clock);
}

interface Waiter {
  readonly podUid: string;
  /** Slices up to here must be applied; known once the pod has left them. */
  revision: number | undefined;
  readonly resolve: (result: Withdrawal) => void;
}

class WithdrawalTracker implements Withdrawals {
  readonly #clock: Clock;
  readonly #unsubscribe: () => void;
  readonly #waiters = new Set<Waiter>();
  readonly #reports = new Map<string, number>();
  readonly #readyNodes = new Set<string>();
  /** For each pod the slices that have it as ready. */
  readonly #slicesOfPod = new Map<string, Set<string>>();
  /** The last change of any EndpointSlice: who has applied it has applied all before. */
  #lastChange: number;

  constructor(objects: ObjectStore, clock: Clock) {
    this.#clock = clock;
    this.#unsubscribe = objects.subscribe(({ kind, object, previous, revision }) => {
      if (object.kind === "Node") this.#followNode(object, kind === "deleted");
      if (object.kind !== "EndpointSlice") return;
      this.#lastChange = revision;
      this.#followSlice(kind === "deleted" ? undefined : object, previous ?? object);
    });
    const slices = objects.list(resourceOf(SLICE));
    this.#lastChange = slices.revision;
    for (const { object } of slices.items) this.#followSlice(object, undefined);
    const nodes = objects.list(resourceOf({ apiVersion: "v1", kind: "Node" }));
    for (const { object } of nodes.items) this.#followNode(object, false);
  }

  revisionOf(node: string): number | undefined {
    return this.#reports.get(node);
  }

  report(node: string, revision: number): void {
    this.#reports.set(node, revision);
    this.#look();
  }

  async wait(podUid: string, timeoutMs: Millis, signal: AbortSignal): Promise<Withdrawal> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Withdrawal>();
    const waiter: Waiter = { podUid, revision: undefined, resolve };
    const ended = new AbortController();
    this.#waiters.add(waiter);
    const limit = Math.max(0, Math.min(timeoutMs, MAX_WITHDRAWAL_MS));
    this.#clock.sleep(limit, AbortSignal.any([signal, ended.signal])).then(
      () => resolve({ withdrawn: false, waitingFor: this.#missing(waiter) }),
      () => reject(signal.reason),
    );
    try {
      this.#look();
      return await promise;
    } finally {
      this.#waiters.delete(waiter);
      ended.abort();
    }
  }

  close(): void {
    this.#unsubscribe();
  }

  #look(): void {
    for (const waiter of this.#waiters) {
      if (!this.#slicesOfPod.has(waiter.podUid)) waiter.revision ??= this.#lastChange;
      if (waiter.revision !== undefined && this.#missing(waiter).length === 0) {
        waiter.resolve({ withdrawn: true, waitingFor: [] });
      }
    }
  }

  /** Ready nodes with a proxy that has not applied what the waiter waits for. */
  #missing({ revision }: Waiter): readonly string[] {
    const nodes = [...this.#readyNodes].filter((node) => {
      const reported = this.#reports.get(node);
      return reported !== undefined && (revision === undefined || reported < revision);
    });
    return nodes.toSorted(compare);
  }

  #followNode(object: ApiObject, isDeleted: boolean): void {
    const { metadata, status } = object as Node;
    if (isDeleted) this.#reports.delete(metadata.name);
    if (!isDeleted && isTrue(status?.conditions, "Ready")) this.#readyNodes.add(metadata.name);
    else this.#readyNodes.delete(metadata.name);
    this.#look();
  }

  #followSlice(slice: ApiObject | undefined, before: ApiObject | undefined): void {
    const metadata = slice?.metadata ?? before?.metadata;
    const key = `${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`;
    for (const uid of readyPods(before)) {
      const slices = this.#slicesOfPod.get(uid);
      slices?.delete(key);
      if (slices?.size === 0) this.#slicesOfPod.delete(uid);
    }
    for (const uid of readyPods(slice)) {
      const slices = this.#slicesOfPod.get(uid);
      if (slices === undefined) this.#slicesOfPod.set(uid, new Set([key]));
      else slices.add(key);
    }
    this.#look();
  }
}

const SLICE = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice" };

function readyPods(slice: ApiObject | undefined): readonly string[] {
  const endpoints = (slice as EndpointSlice | undefined)?.endpoints ?? [];
  return endpoints.flatMap(({ conditions, targetRef }) =>
    conditions.ready && targetRef?.uid !== undefined ? [targetRef.uid] : [],
  );
}
