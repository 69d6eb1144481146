import { invariant } from "../base/assert.ts";
import { isTrue } from "../model/condition.ts";
import type { Node, Pod, Taint } from "../model/kinds.gen.ts";
import { controllerOf, type StringMap } from "../model/meta.ts";
import { amountOf, podRequests, scoredRequests, type ResourceAmounts } from "./pod-requests.ts";

/** Room for this many nodes at first; doubled as needed. */
const INITIAL_CAPACITY = 64;

/** What a placed pod takes. */
interface Share {
  readonly node: string;
  readonly amounts: ResourceAmounts;
  readonly scoredCpu: number;
  readonly scoredMemory: number;
  /** Uid of its controller. */
  readonly owner: string | undefined;
}

/** One number per node. */
interface Column {
  allocatable: Float64Array;
  used: Float64Array;
}

/**
 * The nodes and what is taken of them, as columns of numbers, kept up to date change by change. A node's index stays
 * while the node is there; the order of changes does not show in what the table says of a node.
 */
export class NodeTable {
  /** Indexes below this may be nodes: see `isNode`. */
  #size = 0;
  #capacity = INITIAL_CAPACITY;
  readonly #free: number[] = [];
  readonly #indexes = new Map<string, number>();
  readonly #nodes: (Node | undefined)[] = [];
  readonly #taints: (readonly Taint[])[] = [];
  readonly #columns = new Map<string, Column>();
  #ready = new Uint8Array(INITIAL_CAPACITY);
  #scoredCpu = new Float64Array(INITIAL_CAPACITY);
  #scoredMemory = new Float64Array(INITIAL_CAPACITY);
  /** Pods by uid, and by the name of their node, which may come later or be gone. */
  readonly #shares = new Map<string, Share>();
  readonly #byNode = new Map<string, Map<string, Share>>();
  /** Owner uid → node name → pods. */
  readonly #owners = new Map<string, Map<string, number>>();

  /** One more than the highest index. */
  get size(): number {
    return this.#size;
  }

  /** Number of nodes. */
  get count(): number {
    return this.#indexes.size;
  }

  isNode(index: number): boolean {
    return this.#nodes[index] !== undefined;
  }

  nameOf(index: number): string {
    return this.#nodes[index]?.metadata.name ?? "";
  }

  labelsOf(index: number): StringMap {
    return this.#nodes[index]?.metadata.labels ?? {};
  }

  /** The taints that keep pods away: NoSchedule and NoExecute. */
  taintsOf(index: number): readonly Taint[] {
    return this.#taints[index] ?? [];
  }

  isUnschedulable(index: number): boolean {
    return this.#nodes[index]?.spec.unschedulable === true;
  }

  isReady(index: number): boolean {
    return this.#ready[index] === 1;
  }

  indexOf(name: string): number | undefined {
    return this.#indexes.get(name);
  }

  /** A resource of all nodes, by index; `pods` counts pods. Read only; good until the table changes. */
  column(resource: string): { readonly allocatable: Float64Array; readonly used: Float64Array } {
    return this.#column(resource);
  }

  /** What counts as taken when nodes are compared, by index. Read only; good until the table changes. */
  get scored(): { readonly cpu: Float64Array; readonly memory: Float64Array } {
    return { cpu: this.#scoredCpu, memory: this.#scoredMemory };
  }

  /** Pods of a controller by node name. */
  podsOfOwner(owner: string): ReadonlyMap<string, number> | undefined {
    return this.#owners.get(owner);
  }

  /** Adds a node, or takes in its change. */
  setNode(node: Node): void {
    const { name } = node.metadata;
    const known = this.#indexes.get(name);
    const index = known ?? this.#newIndex(name);
    this.#nodes[index] = node;
    this.#taints[index] = (node.spec.taints ?? []).filter(
      ({ effect }) => effect !== "PreferNoSchedule",
    );
    this.#ready[index] = isTrue(node.status?.conditions, "Ready") ? 1 : 0;
    for (const column of this.#columns.values()) column.allocatable[index] = 0;
    for (const [resource, text] of Object.entries(node.status?.allocatable ?? {}))
      this.#column(resource).allocatable[index] = amountOf(resource, text);
    if (known !== undefined) return;
    for (const share of this.#byNode.get(name)?.values() ?? []) this.#count(index, share, 1);
  }

  /** Its pods stay known, should it come back. Nothing when it is not there. */
  removeNode(name: string): void {
    const index = this.#indexes.get(name);
    if (index === undefined) return;
    this.#indexes.delete(name);
    this.#nodes[index] = undefined;
    this.#taints[index] = [];
    this.#ready[index] = 0;
    for (const column of this.#columns.values()) {
      column.allocatable[index] = 0;
      column.used[index] = 0;
    }
    this.#scoredCpu[index] = 0;
    this.#scoredMemory[index] = 0;
    this.#free.push(index);
  }

  /** Counts a pod on a node. One that is counted already is moved there. */
  addPod(pod: Pod, node: string): void {
    const { uid } = pod.metadata;
    invariant(uid !== undefined, "a pod without a uid cannot be counted");
    this.removePod(uid);
    const scored = scoredRequests(pod);
    const share: Share = {
      node,
      amounts: podRequests(pod),
      scoredCpu: scored.cpu,
      scoredMemory: scored.memory,
      owner: controllerOf(pod)?.uid,
    };
    this.#shares.set(uid, share);
    entryOf(this.#byNode, node, () => new Map<string, Share>()).set(uid, share);
    this.#countOwner(share, 1);
    const index = this.#indexes.get(node);
    if (index !== undefined) this.#count(index, share, 1);
  }

  /** Nothing when the pod is not counted. */
  removePod(uid: string): void {
    const share = this.#shares.get(uid);
    if (share === undefined) return;
    this.#shares.delete(uid);
    const others = this.#byNode.get(share.node);
    others?.delete(uid);
    if (others?.size === 0) this.#byNode.delete(share.node);
    this.#countOwner(share, -1);
    const index = this.#indexes.get(share.node);
    if (index !== undefined) this.#count(index, share, -1);
  }

  #newIndex(name: string): number {
    const index = this.#free.pop() ?? this.#size++;
    if (index >= this.#capacity) this.#grow();
    this.#indexes.set(name, index);
    return index;
  }

  #grow(): void {
    this.#capacity *= 2;
    for (const column of this.#columns.values()) {
      column.allocatable = resized(column.allocatable, this.#capacity);
      column.used = resized(column.used, this.#capacity);
    }
    const ready = new Uint8Array(this.#capacity);
    ready.set(this.#ready);
    this.#ready = ready;
    this.#scoredCpu = resized(this.#scoredCpu, this.#capacity);
    this.#scoredMemory = resized(this.#scoredMemory, this.#capacity);
  }

  #column(resource: string): Column {
    return entryOf(this.#columns, resource, () => ({
      allocatable: new Float64Array(this.#capacity),
      used: new Float64Array(this.#capacity),
    }));
  }

  #count(index: number, share: Share, sign: 1 | -1): void {
    for (const [resource, amount] of share.amounts)
      add(this.#column(resource).used, index, sign * amount);
    add(this.#column("pods").used, index, sign);
    add(this.#scoredCpu, index, sign * share.scoredCpu);
    add(this.#scoredMemory, index, sign * share.scoredMemory);
  }

  #countOwner({ owner, node }: Share, sign: 1 | -1): void {
    if (owner === undefined) return;
    const nodes = entryOf(this.#owners, owner, () => new Map<string, number>());
    const count = (nodes.get(node) ?? 0) + sign;
    if (count > 0) nodes.set(node, count);
    else nodes.delete(node);
    if (nodes.size === 0) this.#owners.delete(owner);
  }
}

function add(numbers: Float64Array, index: number, amount: number): void {
  numbers[index] = (numbers[index] ?? 0) + amount;
}

function resized(numbers: Float64Array, capacity: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(capacity);
  larger.set(numbers);
  return larger;
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
