import { compare } from "../base/order.ts";
import { shortHash } from "../base/hash.ts";
import { isTrue } from "../model/condition.ts";
import type { Node, Taint } from "../model/kinds.gen.ts";
import type { StringMap } from "../model/meta.ts";
import { addTo, grown } from "./columns.ts";
import { PortSet } from "./host-ports.ts";
import { imageName } from "./image-name.ts";
import type { PodShare } from "./pod-kind.ts";
import { amountOf } from "./pod-requests.ts";
import { Topology } from "./topology.ts";

/** Room for this many nodes at first; doubled as needed. */
const INITIAL_CAPACITY = 64;

/** One number per node; the arrays are replaced when they grow. */
export interface Column {
  allocatable: Float64Array;
  used: Float64Array;
}

/**
 * The nodes and what is taken of them, as columns of numbers, kept up to date change by change. A node's index stays
 * while the node is there; the order of changes does not show in what the table says of a node.
 */
export class NodeTable {
  readonly #seed: string;
  /** Indexes below this may be nodes: see `isNode`. */
  #size = 0;
  #capacity = INITIAL_CAPACITY;
  readonly #free: number[] = [];
  readonly #indexes = new Map<string, number>();
  readonly #nodes: (Node | undefined)[] = [];
  readonly #signatures: string[] = [];
  readonly #taints: (readonly Taint[])[] = [];
  readonly #columns = new Map<string, Column>();
  readonly #pods: Column = this.#column("pods");
  readonly #topologies = new Map<string, Topology>();
  readonly #ports: (PortSet | undefined)[] = [];
  /** Normal name of an image → node index → its bytes there. */
  readonly #images = new Map<string, Map<number, number>>();
  #ready = new Uint8Array(INITIAL_CAPACITY);
  #scoredCpu = new Float64Array(INITIAL_CAPACITY);
  #scoredMemory = new Float64Array(INITIAL_CAPACITY);
  #ranks = new Int32Array(0);
  #byRank = new Int32Array(0);
  #ranked = -1;
  #names: readonly string[] = [];
  #named = -1;
  #version = 0;
  #membership = 0;
  #imageVersion = 0;
  readonly #imageStamps = new Map<string, number>();

  /** A seed orders equally good nodes; the empty one orders them by name. */
  constructor(seed = "") {
    this.#seed = seed;
  }

  /** One more than the highest index. */
  get size(): number {
    return this.#size;
  }

  /** Number of nodes. */
  get count(): number {
    return this.#indexes.size;
  }

  /** Bumped when a node comes: indexes, ranks and columns of before are no longer good. */
  get version(): number {
    return this.#version;
  }

  /** Bumped when a node comes or goes. */
  get membership(): number {
    return this.#membership;
  }

  /** Bumped when the images of a node changed. */
  get imageVersion(): number {
    return this.#imageVersion;
  }

  isNode(index: number): boolean {
    return this.#nodes[index] !== undefined;
  }

  /** The node as it was last handed in; throws where there is none. */
  nodeOf(index: number): Node {
    const node = this.#nodes[index];
    if (node === undefined) throw new RangeError(`There is no node ${index}`);
    return node;
  }

  nameOf(index: number): string {
    return this.#nodes[index]?.metadata.name ?? "";
  }

  labelsOf(index: number): StringMap {
    return this.#nodes[index]?.metadata.labels ?? {};
  }

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

  /** In order. */
  names(): readonly string[] {
    if (this.#named !== this.#membership) {
      this.#names = [...this.#indexes.keys()].toSorted(compare);
      this.#named = this.#membership;
    }
    return this.#names;
  }

  /** A resource of all nodes, by index; `pods` counts pods. Read only; its arrays are good until `version` changes. */
  column(resource: string): { readonly allocatable: Float64Array; readonly used: Float64Array } {
    return this.#column(resource);
  }

  /** What counts as taken when nodes are compared, by index. Read only; good until `version` changes. */
  get scored(): { readonly cpu: Float64Array; readonly memory: Float64Array } {
    return { cpu: this.#scoredCpu, memory: this.#scoredMemory };
  }

  portsOf(index: number): PortSet | undefined {
    return this.#ports[index];
  }

  /** Node index → bytes of an image there, by its normal name. */
  imageSizes(name: string): ReadonlyMap<number, number> | undefined {
    return this.#images.get(name);
  }

  /** Equal as long as the same nodes hold an image, of the same size, and there are as many nodes. */
  imageStamp(name: string): string {
    const stamp = this.#imageStamps.get(name);
    return stamp === undefined ? "" : `${stamp}/${this.count}`;
  }

  /** The nodes by a label, kept up to date from now on. */
  topology(key: string): Topology {
    const known = this.#topologies.get(key);
    if (known !== undefined) return known;
    const made = new Topology(key, this.#capacity);
    for (let node = 0; node < this.#size; node += 1)
      if (this.isNode(node)) made.set(node, labelOf(this.labelsOf(node), key));
    this.#topologies.set(key, made);
    return made;
  }

  /** Of equally good nodes the one with the lowest rank is taken. By node; good until `version` changes. */
  ranks(): Int32Array {
    this.#rank();
    return this.#ranks;
  }

  /** Counterpart of `ranks`. */
  nodesByRank(): Int32Array {
    this.#rank();
    return this.#byRank;
  }

  #rank(): void {
    if (this.#ranked === this.#version) return;
    this.#ranked = this.#version;
    this.#ranks = new Int32Array(this.#size);
    this.#byRank = new Int32Array(this.#size);
    const keyed = [...this.#indexes].map(([name, index]) => ({
      index,
      name,
      key: this.#seed === "" ? "" : shortHash([this.#seed, name], 16),
    }));
    keyed.sort((a, b) => compare(a.key, b.key) || compare(a.name, b.name));
    for (const [rank, { index }] of keyed.entries()) {
      this.#ranks[index] = rank;
      this.#byRank[rank] = index;
    }
  }

  /** Whether `setNode` would change anything that plugins may look at. */
  differs(node: Node): boolean {
    const index = this.#indexes.get(node.metadata.name);
    return index === undefined || this.#signatures[index] !== signature(node);
  }

  /** Adds a node, or takes in its change; gives its index. What pods take of a new one is counted by the caller. */
  setNode(node: Node): number {
    const { name, labels } = node.metadata;
    const known = this.#indexes.get(name);
    const index = known ?? this.#newIndex(name);
    const before = this.#nodes[index];
    this.#nodes[index] = node;
    this.#signatures[index] = signature(node);
    this.#taints[index] = node.spec.taints ?? [];
    this.#ready[index] = isTrue(node.status?.conditions, "Ready") ? 1 : 0;
    for (const column of this.#columns.values()) column.allocatable[index] = 0;
    for (const [resource, text] of Object.entries(
      node.status?.allocatable ?? node.status?.capacity ?? {},
    ))
      this.#column(resource).allocatable[index] = amountOf(resource, text);
    for (const topology of this.#topologies.values())
      topology.set(index, labelOf(labels, topology.key));
    this.#setImages(index, before, node);
    return index;
  }

  /** Nothing when it is not there. What its pods took is forgotten. */
  removeNode(name: string): void {
    const index = this.#indexes.get(name);
    if (index === undefined) return;
    this.#setImages(index, this.#nodes[index], undefined);
    this.#indexes.delete(name);
    this.#membership += 1;
    this.#nodes[index] = undefined;
    this.#signatures[index] = "";
    this.#taints[index] = [];
    this.#ports[index] = undefined;
    this.#ready[index] = 0;
    for (const column of this.#columns.values()) {
      column.allocatable[index] = 0;
      column.used[index] = 0;
    }
    this.#scoredCpu[index] = 0;
    this.#scoredMemory[index] = 0;
    for (const topology of this.#topologies.values()) topology.set(index, undefined);
    this.#free.push(index);
  }

  /** Counts what a pod takes of a node, or gives it back. */
  countPod(index: number, share: PodShare, sign: 1 | -1): void {
    for (const [resource, amount] of share.amounts)
      addTo(this.#column(resource).used, index, sign * amount);
    addTo(this.#pods.used, index, sign);
    addTo(this.#scoredCpu, index, sign * share.scoredCpu);
    addTo(this.#scoredMemory, index, sign * share.scoredMemory);
    if (share.ports.length === 0) return;
    const ports = (this.#ports[index] ??= new PortSet());
    for (const port of share.ports) ports.add(port, sign);
  }

  #newIndex(name: string): number {
    const index = this.#free.pop() ?? this.#size++;
    if (index >= this.#capacity) this.#grow();
    this.#indexes.set(name, index);
    this.#version += 1;
    this.#membership += 1;
    return index;
  }

  #grow(): void {
    this.#capacity *= 2;
    for (const column of this.#columns.values()) {
      column.allocatable = grown(column.allocatable, this.#capacity);
      column.used = grown(column.used, this.#capacity);
    }
    this.#ready = grown(this.#ready, this.#capacity);
    this.#scoredCpu = grown(this.#scoredCpu, this.#capacity);
    this.#scoredMemory = grown(this.#scoredMemory, this.#capacity);
  }

  #column(resource: string): Column {
    const known = this.#columns.get(resource);
    if (known !== undefined) return known;
    const made = {
      allocatable: new Float64Array(this.#capacity),
      used: new Float64Array(this.#capacity),
    };
    this.#columns.set(resource, made);
    return made;
  }

  #setImages(index: number, before: Node | undefined, after: Node | undefined): void {
    const old = imagesOf(before);
    const now = imagesOf(after);
    for (const [name, size] of now) {
      if (old.get(name) === size) continue;
      const sizes = this.#images.get(name) ?? new Map<number, number>();
      sizes.set(index, size);
      this.#images.set(name, sizes);
      this.#imageStamps.set(name, ++this.#imageVersion);
    }
    for (const name of old.keys()) {
      if (now.has(name)) continue;
      const sizes = this.#images.get(name);
      sizes?.delete(index);
      this.#imageStamps.set(name, ++this.#imageVersion);
      if (sizes === undefined || sizes.size > 0) continue;
      this.#images.delete(name);
      this.#imageStamps.delete(name);
    }
  }
}

function labelOf(labels: StringMap | undefined, key: string): string | undefined {
  return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function imagesOf(node: Node | undefined): ReadonlyMap<string, number> {
  return new Map(
    (node?.status?.images ?? []).flatMap(({ names, sizeBytes }) =>
      names.map((name) => [imageName(name), sizeBytes] as const),
    ),
  );
}

/** All of a node that plugins may look at: not its heartbeat. */
function signature({ metadata, spec, status }: Node): string {
  return JSON.stringify([
    metadata.uid,
    metadata.labels,
    metadata.annotations,
    spec,
    status?.allocatable ?? status?.capacity,
    status?.conditions?.map(({ type, status: value }) => [type, value]),
    status?.images,
    status?.nodeInfo,
  ]);
}
