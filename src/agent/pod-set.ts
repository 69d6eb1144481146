import type { Informer } from "../client/client.ts";
import { backoffMs, type BackoffPolicy } from "../base/backoff.ts";
import { groupBy } from "../base/order.ts";
import { LABELS } from "../model/instance.ts";
import type { Pod } from "../model/kinds.gen.ts";
import { withApiAccess } from "./api-access.ts";
import { isFinished } from "../model/pod-phase.ts";
import type { NodeMemory } from "./node-memory.ts";
import { isLeftBehind, RESTARTED_EXIT_CODE } from "./left-behind.ts";
import type { PodServices } from "./pod-services.ts";
import { requestOf } from "./resize.ts";
import type { Eviction, NodeRoom, PodContainer } from "./pod-view.ts";
import { PodWorker } from "./pod-worker.ts";
import type { ListedContainer, ObservedContainer, RuntimeEvent } from "./runtime.ts";
import type { StuckCall } from "./stuck-calls.ts";

export interface PodSetOptions {
  readonly services: PodServices;
  readonly memory: NodeMemory;
  /** The pods of this node. */
  readonly informer: Informer<Pod>;
  /** Why the node does not take a new pod; `undefined` when it does. */
  readonly refuse?: (pod: Pod) => Eviction | undefined;
  readonly signal: AbortSignal;
}

/** Grace of a pod of which only its containers are left, in seconds: Kubernetes' default. */
const ORPHAN_GRACE_SECONDS = 30;
/** At the start, a look at a container that takes longer holds up its own pod alone. */
const ADOPT_LOOK_MS = 5_000;
const ADOPT_RETRY: BackoffPolicy = { baseMs: 1_000, maxMs: 30_000 };

/** All pods of the node: one worker each. Who is here is what the API says, or while it is away what it said last. */
export class PodSet {
  readonly #options: PodSetOptions;
  /** By pod uid. */
  readonly #workers = new Map<string, PodWorker>();
  /** Pods of which not all containers could be looked at yet, by uid, with what the API says of them. */
  readonly #adopting = new Map<string, { readonly pod: Pod | undefined }>();

  constructor(options: PodSetOptions) {
    this.#options = options;
  }

  /** Takes over what runs on the host. `synced` says whether the informer knows the pods, or the memory must do. */
  async adopt(synced: boolean): Promise<void> {
    const { services, memory, informer } = this.#options;
    const pods = synced ? informer.list() : memory.pods;
    const { found, unclear } = await this.#inspectAll(await this.#list());
    const wired = await this.#wire(found, unclear);
    for (const pod of pods.filter((one) => this.#isOurs(one))) {
      const uid = pod.metadata.uid ?? "";
      if (unclear.has(uid)) this.#adoptLater(uid, pod);
      else {
        this.#add(withApiAccess(pod), found.get(uid) ?? [], wired);
        if (!found.has(uid)) this.#refuseNew(pod);
      }
    }
    if (synced) this.#removeUnknown(found);
    if (synced) for (const uid of unclear) this.#adoptLater(uid, undefined);
    services.logger.info(
      { pods: this.#workers.size, containers: [...found.values()].flat().length, synced },
      "Adopted what runs on the node",
    );
  }

  /** Follows the API's pods until the signal aborts. */
  async follow(): Promise<void> {
    const { informer, signal } = this.#options;
    const stop = informer.subscribe((change) => {
      if (change.type === "mark" || change.object === undefined) return;
      if (change.type === "set") this.#set(change.object);
      else this.#forget(change.object.metadata.uid ?? "");
    });
    try {
      await informer.ready(signal);
      for (const pod of informer.list()) this.#set(pod);
      const known = new Set(informer.list().map((pod) => pod.metadata.uid ?? ""));
      for (const uid of [...this.#workers.keys(), ...this.#adopting.keys()])
        if (!known.has(uid)) this.#forget(uid);
      this.#save();
      await this.relist(false);
      await aborted(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      stop();
    }
  }

  hint(podUid: string, containerId: string, kind: RuntimeEvent["kind"]): void {
    const worker = this.#workers.get(podUid);
    if (worker === undefined) return;
    const known = worker.containers().find((one) => one.id === containerId);
    // Our own starts are looked at when they are done.
    if (kind === "start" && known?.state !== "exited") return;
    worker.hint(containerId);
  }

  /** Compares with what the host has. With `deep` every container is looked into. */
  async relist(deep: boolean): Promise<void> {
    const { informer } = this.#options;
    const listed = groupBy(await this.#list(), podUidOf);
    for (const [uid, worker] of this.#workers) worker.relist(listed.get(uid) ?? [], deep);
    if (!informer.synced) return;
    const unknown = [...listed]
      .filter(([uid]) => !this.#workers.has(uid) && !this.#adopting.has(uid))
      .flatMap(([, group]) => group);
    if (unknown.length === 0) return;
    // Not waited for: one that hangs must not look like a runtime that does.
    void this.#inspectAll(unknown).then(({ found, unclear }) => {
      this.#removeUnknown(found);
      for (const uid of unclear) this.#adoptLater(uid, undefined);
    });
  }

  /** Tells people of a container about which the host gives no answer. */
  tellStuck(stuck: StuckCall): void {
    for (const worker of this.#workers.values()) {
      if (worker.containers().some(({ id }) => id === stuck.containerId)) worker.tellStuck(stuck);
    }
  }

  /** The pods that are here, with what is known of their containers. */
  running(): readonly { readonly pod: Pod; readonly containers: readonly PodContainer[] }[] {
    return [...this.#workers.values()]
      .filter(({ gone }) => !gone)
      .map((worker) => ({ pod: worker.pod, containers: worker.containers() }));
  }

  /** Ends a pod for the node's sake. */
  evict(podUid: string, eviction: Eviction): void {
    this.#workers.get(podUid)?.evict(eviction);
  }

  /** Removes dead containers of pods that are over. */
  async removeDead(): Promise<void> {
    for (const worker of this.#workers.values()) await worker.removeDead();
  }

  containersOf(podUid: string): readonly PodContainer[] | undefined {
    return this.#workers.get(podUid)?.containers();
  }

  #set(pod: Pod): void {
    const uid = pod.metadata.uid ?? "";
    const worker = this.#workers.get(uid);
    if (this.#adopting.has(uid)) {
      this.#adopting.set(uid, { pod: this.#isOurs(pod) ? pod : undefined });
      return;
    }
    if (!this.#isOurs(pod)) {
      if (worker !== undefined) this.#forget(uid);
      return;
    }
    if (worker === undefined) {
      this.#add(withApiAccess(pod), [], new Set());
      this.#refuseNew(pod);
    } else worker.update(withApiAccess(pod));
    // One of that name that was replaced without us seeing its end.
    for (const [otherUid, other] of this.#workers) {
      const { name, namespace } = other.pod.metadata;
      const isNamesake = name === pod.metadata.name && namespace === pod.metadata.namespace;
      if (isNamesake && otherUid !== uid) other.forget();
    }
    this.#save();
  }

  /** Ends a pod that the node has not begun and does not take. */
  #refuseNew(pod: Pod): void {
    const refused = isNew(pod) ? this.#options.refuse?.(pod) : undefined;
    if (refused !== undefined) this.evict(pod.metadata.uid ?? "", refused);
  }

  #forget(uid: string): void {
    if (this.#adopting.has(uid)) this.#adopting.set(uid, { pod: undefined });
    this.#workers.get(uid)?.forget();
    this.#save();
  }

  #add(
    pod: Pod,
    containers: readonly ObservedContainer[],
    wired: ReadonlySet<string>,
    gone = false,
  ): void {
    const { services, signal } = this.#options;
    const uid = pod.metadata.uid ?? "";
    const isWired = pod.spec.hostNetwork === true || wired.has(uid);
    const room = (): NodeRoom => this.#room(uid);
    const worker = new PodWorker({ pod, services, containers, wired: isWired, gone, room, signal });
    this.#workers.set(uid, worker);
    void worker.ended.then(() => {
      this.#workers.delete(uid);
      this.#save();
    });
  }

  /** What the pods beside this one leave of the node. */
  #room(podUid: string): NodeRoom {
    const others = [...this.#workers.values()].filter(
      ({ pod, gone }) => !gone && pod.metadata.uid !== podUid && !isFinished(pod),
    );
    const left = (all: number, name: "cpu" | "memory"): NodeRoom["cpuMillis"] => {
      const containers = others.flatMap(({ pod }) => pod.spec.containers);
      return { all, left: containers.reduce((sum, one) => sum - requestOf(one, name), all) };
    };
    const { allocatable } = this.#options.services.node;
    return {
      cpuMillis: left(allocatable.cpuMillis, "cpu"),
      memoryBytes: left(allocatable.memoryBytes, "memory"),
    };
  }

  /** Ends the pods that only their containers tell of. */
  #removeUnknown(found: ReadonlyMap<string, readonly ObservedContainer[]>): void {
    for (const [uid, containers] of found) {
      const [first] = containers;
      if (this.#workers.has(uid) || first === undefined) continue;
      this.#add(orphan(uid, first), containers, new Set(), true);
    }
  }

  /** Looks again until every container of the pod could be looked at: what is known only in part is not acted on. */
  #adoptLater(uid: string, pod: Pod | undefined): void {
    if (this.#adopting.has(uid) || this.#workers.has(uid)) return;
    this.#adopting.set(uid, { pod });
    void this.#adoptOne(uid).catch((error: unknown) => {
      if (!this.#options.signal.aborted) throw error;
    });
  }

  async #adoptOne(uid: string): Promise<void> {
    const { services, signal } = this.#options;
    for (let failures = 1; !signal.aborted; failures += 1) {
      services.logger.warn({ podUid: uid }, "Cannot look at all containers of a pod: trying again");
      await services.clock.sleep(backoffMs(ADOPT_RETRY, failures), signal).catch(() => undefined);
      if (signal.aborted) return;
      const listed = await this.#list().catch(() => undefined);
      const own = listed?.filter((one) => podUidOf(one) === uid);
      if (own === undefined) continue;
      const { found, unclear } = await this.#inspectAll(own);
      if (unclear.size > 0) continue;
      await this.#reserve(uid, found.get(uid) ?? []);
      const { pod } = this.#adopting.get(uid) ?? {};
      this.#adopting.delete(uid);
      if (pod === undefined) this.#removeUnknown(found);
      else this.#add(pod, found.get(uid) ?? [], new Set());
      return;
    }
  }

  /** Keeps the pod's address. Its wire was left alone when the agent began, and wiring twice does no harm. */
  async #reserve(uid: string, containers: readonly ObservedContainer[]): Promise<void> {
    const { services, signal } = this.#options;
    const ip = containers.find(({ labels }) => labels[LABELS.podIp] !== undefined)?.labels[
      LABELS.podIp
    ];
    if (ip !== undefined) (await services.network(signal)).reserve(uid, ip);
  }

  /** Reserves the addresses of what runs and takes away wires of what does not. */
  async #wire(
    found: ReadonlyMap<string, readonly ObservedContainer[]>,
    unclear: ReadonlySet<string>,
  ): Promise<ReadonlySet<string>> {
    const { services, memory, signal } = this.#options;
    const sandboxes = [...found.values()]
      .flat()
      .filter((one) => one.labels[LABELS.podIp] !== undefined && one.state === "running");
    if (found.size === 0 && unclear.size === 0 && memory.podCidr === undefined) return new Set();
    const network = await services.network(signal);
    for (const sandbox of sandboxes) {
      network.reserve(podUidOf(sandbox), sandbox.labels[LABELS.podIp]);
    }
    return await network.sweep([...sandboxes.map(podUidOf), ...unclear], signal);
  }

  async #list(): Promise<readonly ListedContainer[]> {
    const { services, signal } = this.#options;
    const { clusterId, nodeName } = services.node;
    const labels = { [LABELS.cluster]: clusterId, [LABELS.node]: nodeName };
    return await services.runtime.list(labels, signal);
  }

  /** The containers by pod; `unclear` are the pods with one that could not be looked at. Rejects only at the end. */
  async #inspectAll(listed: readonly ListedContainer[]): Promise<{
    readonly found: ReadonlyMap<string, readonly ObservedContainer[]>;
    readonly unclear: ReadonlySet<string>;
  }> {
    const { services, signal } = this.#options;
    const unclear = new Set<string>();
    const inspected = await Promise.all(
      listed.map(async (one) => {
        const looking = AbortSignal.any([signal, AbortSignal.timeout(ADOPT_LOOK_MS)]);
        try {
          return await services.runtime.inspect(one.id, looking);
        } catch (error) {
          signal.throwIfAborted();
          services.logger.warn({ error, container: one.name }, "Cannot look at a container");
          unclear.add(podUidOf(one));
          return undefined;
        }
      }),
    );
    const found = groupBy(
      inspected.filter((one) => one !== undefined),
      podUidOf,
    );
    return {
      found: new Map(
        [...found]
          .filter(([uid]) => !unclear.has(uid))
          .map(([uid, containers]) => [uid, withoutLeftBehind(containers)]),
      ),
      unclear,
    };
  }

  #isOurs(pod: Pod): boolean {
    return pod.spec.nodeName === this.#options.services.node.nodeName;
  }

  #save(): void {
    this.#options.memory.savePods(() =>
      [...this.#workers.values()].filter((worker) => !worker.gone).map((worker) => worker.pod),
    );
  }
}

/** No node has done anything for it yet. */
function isNew({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && status?.containerStatuses === undefined;
}

function podUidOf(container: ListedContainer): string {
  return container.labels[LABELS.podUid] ?? "";
}

/** A sandbox that was started again while nobody looked has lost its members: it counts as ended. */
function withoutLeftBehind(containers: readonly ObservedContainer[]): readonly ObservedContainer[] {
  return containers.map((one) => {
    if (!isLeftBehind(one, containers)) return one;
    const { pid: _pid, ...rest } = one;
    return { ...rest, state: "exited", exitCode: RESTARTED_EXIT_CODE };
  });
}

/** What its labels tell of a pod that nobody knows: enough to end it. */
function orphan(uid: string, { labels }: ObservedContainer): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: labels[LABELS.podName] ?? "",
      namespace: labels[LABELS.podNamespace] ?? "",
      uid,
      deletionGracePeriodSeconds: ORPHAN_GRACE_SECONDS,
    },
    spec: {
      containers: [],
      restartPolicy: "Never",
      terminationGracePeriodSeconds: ORPHAN_GRACE_SECONDS,
      dnsPolicy: "Default",
      schedulerName: "",
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}
