import type { Informer } from "../client/client.ts";
import { groupBy } from "../base/order.ts";
import { LABELS } from "../model/instance.ts";
import type { Pod } from "../model/kinds.gen.ts";
import type { NodeMemory } from "./node-memory.ts";
import type { PodServices } from "./pod-services.ts";
import type { PodContainer } from "./pod-view.ts";
import { PodWorker } from "./pod-worker.ts";
import type { ListedContainer, ObservedContainer, RuntimeEvent } from "./runtime.ts";

export interface PodSetOptions {
  readonly services: PodServices;
  readonly memory: NodeMemory;
  /** The pods of this node. */
  readonly informer: Informer<Pod>;
  readonly signal: AbortSignal;
}

/** Grace of a pod of which only its containers are left, in seconds: Kubernetes' default. */
const ORPHAN_GRACE_SECONDS = 30;

/** All pods of the node: one worker each. Who is here is what the API says, or while it is away what it said last. */
export class PodSet {
  readonly #options: PodSetOptions;
  /** By pod uid. */
  readonly #workers = new Map<string, PodWorker>();

  constructor(options: PodSetOptions) {
    this.#options = options;
  }

  /** Takes over what runs on the host. `synced` says whether the informer knows the pods, or the memory must do. */
  async adopt(synced: boolean): Promise<void> {
    const { services, memory, informer } = this.#options;
    const pods = synced ? informer.list() : memory.pods;
    const found = await this.#inspectAll(await this.#list());
    const wired = await this.#wire(found);
    for (const pod of pods.filter((one) => this.#isOurs(one))) {
      this.#add(pod, found.get(pod.metadata.uid ?? "") ?? [], wired);
    }
    if (synced) this.#removeUnknown(found);
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
      for (const uid of this.#workers.keys()) if (!known.has(uid)) this.#forget(uid);
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
      .filter(([uid]) => !this.#workers.has(uid))
      .flatMap(([, group]) => group);
    if (unknown.length > 0) this.#removeUnknown(await this.#inspectAll(unknown));
  }

  /** The pods that are here, with what is known of their containers. */
  running(): readonly { readonly pod: Pod; readonly containers: readonly PodContainer[] }[] {
    return [...this.#workers.values()]
      .filter(({ gone }) => !gone)
      .map((worker) => ({ pod: worker.pod, containers: worker.containers() }));
  }

  containersOf(podUid: string): readonly PodContainer[] | undefined {
    return this.#workers.get(podUid)?.containers();
  }

  #set(pod: Pod): void {
    const uid = pod.metadata.uid ?? "";
    const worker = this.#workers.get(uid);
    if (!this.#isOurs(pod)) {
      if (worker !== undefined) this.#forget(uid);
      return;
    }
    if (worker === undefined) this.#add(pod, [], new Set());
    else worker.update(pod);
    // One of that name that was replaced without us seeing its end.
    for (const [otherUid, other] of this.#workers) {
      const { name, namespace } = other.pod.metadata;
      const isNamesake = name === pod.metadata.name && namespace === pod.metadata.namespace;
      if (isNamesake && otherUid !== uid) other.forget();
    }
    this.#save();
  }

  #forget(uid: string): void {
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
    const worker = new PodWorker({ pod, services, containers, wired: isWired, gone, signal });
    this.#workers.set(uid, worker);
    void worker.ended.then(() => {
      this.#workers.delete(uid);
      this.#save();
    });
  }

  /** Ends the pods that only their containers tell of. */
  #removeUnknown(found: ReadonlyMap<string, readonly ObservedContainer[]>): void {
    for (const [uid, containers] of found) {
      const [first] = containers;
      if (this.#workers.has(uid) || first === undefined) continue;
      this.#add(orphan(uid, first), containers, new Set(), true);
    }
  }

  /** Reserves the addresses of what runs and takes away wires of what does not. */
  async #wire(
    found: ReadonlyMap<string, readonly ObservedContainer[]>,
  ): Promise<ReadonlySet<string>> {
    const { services, memory, signal } = this.#options;
    const sandboxes = [...found.values()]
      .flat()
      .filter((one) => one.labels[LABELS.podIp] !== undefined && one.state === "running");
    if (found.size === 0 && memory.podCidr === undefined) return new Set();
    const network = await services.network(signal);
    for (const sandbox of sandboxes) {
      network.reserve(podUidOf(sandbox), sandbox.labels[LABELS.podIp]);
    }
    return await network.sweep(sandboxes.map(podUidOf), signal);
  }

  async #list(): Promise<readonly ListedContainer[]> {
    const { services, signal } = this.#options;
    const { clusterId, nodeName } = services.node;
    const labels = { [LABELS.cluster]: clusterId, [LABELS.node]: nodeName };
    return await services.runtime.list(labels, signal);
  }

  async #inspectAll(
    listed: readonly ListedContainer[],
  ): Promise<ReadonlyMap<string, readonly ObservedContainer[]>> {
    const { services, signal } = this.#options;
    const inspected = await Promise.all(
      listed.map(({ id }) => services.runtime.inspect(id, signal)),
    );
    return groupBy(
      inspected.filter((one) => one !== undefined),
      podUidOf,
    );
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

function podUidOf(container: ListedContainer): string {
  return container.labels[LABELS.podUid] ?? "";
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
