import { canonicalJson } from "../base/hash.ts";
import { findCondition } from "../model/condition.ts";
import type { Node, Pod } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { isFinished } from "../model/pod-phase.ts";

/** A change of an object, with its state before it where it was there. */
export interface Change {
  readonly kind: "added" | "modified" | "deleted";
  readonly object: ApiObject;
  readonly previous?: ApiObject | undefined;
}

/** What of a node changed that decides where pods may run. */
export type NodeAspect =
  | "added"
  | "removed"
  | "labels"
  | "taints"
  | "unschedulable"
  | "allocatable"
  | "ready"
  | "images";

/** Something that could let a refused pod be placed. Events of one key say the same. */
export type ClusterEvent =
  | {
      readonly kind: "node";
      readonly key: string;
      readonly node: string;
      readonly aspects: readonly NodeAspect[];
    }
  /** A pod left its node, or came to its end. */
  | {
      readonly kind: "pod-gone";
      readonly key: string;
      readonly pod: Pod;
      readonly node: string;
    }
  /** A pod got a node, or one with a node got other labels. */
  | { readonly kind: "pod-there"; readonly key: string; readonly pod: Pod }
  /** A claim, volume or storage class came, went or changed. */
  | { readonly kind: "volume"; readonly key: string; readonly object: ApiObject }
  | { readonly kind: "namespace"; readonly key: string }
  /** A Service or workload changed that default spreading looks at. */
  | { readonly kind: "workload"; readonly key: string };

const VOLUME_KINDS: ReadonlySet<string> = new Set([
  "PersistentVolume",
  "PersistentVolumeClaim",
  "StorageClass",
]);

/** Which plugins' refusals an event of a kind may overcome, after Kubernetes' table. */
const POD_GONE = [
  "NodeResourcesFit",
  "NodePorts",
  "PodTopologySpread",
  "InterPodAffinity",
  "VolumeRestrictions",
  "NodeVolumeLimits",
  "VolumeBinding",
];
const CONCERNED: Readonly<Record<ClusterEvent["kind"], ReadonlySet<string>>> = {
  node: new Set(),
  "pod-gone": new Set(POD_GONE),
  "pod-there": new Set(["PodTopologySpread", "InterPodAffinity"]),
  volume: new Set(["VolumeBinding", "VolumeZone", "VolumeRestrictions", "NodeVolumeLimits"]),
  namespace: new Set(["InterPodAffinity"]),
  workload: new Set(),
};
const EVERY_NODE_ASPECT = ["added", "removed", "labels", "taints", "unschedulable"] as const;
const NODE_ASPECTS: Readonly<Record<string, readonly NodeAspect[]>> = {
  NodeUnschedulable: ["added", "unschedulable", "taints"],
  NodeName: ["added"],
  TaintToleration: ["added", "taints"],
  NodeReady: ["added", "ready"],
  NodeAffinity: ["added", "labels"],
  NodeSelector: ["added", "labels"],
  ImagePlatform: ["added", "labels"],
  NodePorts: ["added"],
  NodeResourcesFit: ["added", "allocatable"],
  PodTopologySpread: EVERY_NODE_ASPECT,
  InterPodAffinity: ["added", "labels"],
  VolumeBinding: ["added", "labels"],
  VolumeZone: ["added", "labels"],
  VolumeRestrictions: [],
  NodeVolumeLimits: ["added", "allocatable"],
  PodGroup: [],
};

/** The plugins, of those given, whose refusals an event may overcome. Plugins that are not known listen to all. Pure. */
export function concernedPlugins(
  event: ClusterEvent,
  plugins: Iterable<string>,
): readonly string[] {
  return [...plugins].filter((plugin) => {
    const aspects = NODE_ASPECTS[plugin];
    if (aspects === undefined) return true;
    if (event.kind === "node") return event.aspects.some((aspect) => aspects.includes(aspect));
    return CONCERNED[event.kind].has(plugin);
  });
}

/** What a change may mean for refused pods; `undefined` for a change that cannot help any. Pure. */
export function toClusterEvent(change: Change): ClusterEvent | undefined {
  const { object, kind, previous } = change;
  if (object.kind === "Pod") return fromPod(change);
  if (object.kind === "Node") return fromNode(change);
  const { namespace = "", name } = object.metadata;
  if (VOLUME_KINDS.has(object.kind))
    return { kind: "volume", key: `${object.kind}/${namespace}/${name}`, object };
  if (object.kind === "Namespace") {
    const before = previous?.metadata.labels;
    const isSame = kind === "modified" && isEqual(before, object.metadata.labels);
    return isSame ? undefined : { kind: "namespace", key: `namespace/${name}` };
  }
  return undefined;
}

function fromNode({ kind, object, previous }: Change): ClusterEvent | undefined {
  const { name } = object.metadata;
  if (kind === "deleted")
    return { kind: "node", key: `node/${name}/removed`, node: name, aspects: ["removed"] };
  const before = previous as Node | undefined;
  const aspects = before === undefined ? ["added" as const] : changesOf(before, object as Node);
  if (aspects.length === 0) return undefined;
  return { kind: "node", key: `node/${name}/${aspects.join("+")}`, node: name, aspects };
}

function changesOf(before: Node, after: Node): readonly NodeAspect[] {
  const ready = (node: Node): string | undefined =>
    findCondition(node.status?.conditions, "Ready")?.status;
  const aspects: readonly (readonly [NodeAspect, unknown, unknown])[] = [
    ["labels", before.metadata.labels, after.metadata.labels],
    ["taints", before.spec.taints, after.spec.taints],
    ["unschedulable", before.spec.unschedulable, after.spec.unschedulable],
    ["allocatable", before.status?.allocatable, after.status?.allocatable],
    ["ready", ready(before), ready(after)],
  ];
  return aspects.filter(([, old, now]) => !isEqual(old, now)).map(([aspect]) => aspect);
}

function fromPod({ kind, object, previous }: Change): ClusterEvent | undefined {
  const pod = object as Pod;
  const before = previous as Pod | undefined;
  const { uid = "" } = pod.metadata;
  const node = pod.spec.nodeName ?? before?.spec.nodeName;
  if (node === undefined || node === "") return undefined;
  const was = before !== undefined && before.spec.nodeName !== undefined && !isFinished(before);
  if (kind === "deleted" || isFinished(pod)) {
    const isNews = kind === "deleted" ? !isFinished(before ?? pod) : was || before === undefined;
    return isNews ? { kind: "pod-gone", key: `gone/${uid}`, pod: before ?? pod, node } : undefined;
  }
  if (was && isEqual(before.metadata.labels, pod.metadata.labels)) return undefined;
  return { kind: "pod-there", key: `there/${uid}`, pod };
}

function isEqual(a: unknown, b: unknown): boolean {
  return a === b || canonicalJson(a ?? null) === canonicalJson(b ?? null);
}
