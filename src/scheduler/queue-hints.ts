import type { LabelSelector, Pod } from "../model/kinds.gen.ts";
import { matchesSelector } from "../model/labels.ts";
import { concernedPlugins, type ClusterEvent } from "./events.ts";
import { claimNamesOf } from "../model/storage.ts";

/** What a hint may ask of the cluster as it is now. */
export interface HintWorld {
  /** Whether the node takes the pod now, or would if less important pods left it. */
  mayFit(pod: Pod, node: string): boolean;
}

/** Refusals of these plugins depend on more than the one node that the event is about. */
const WIDE: ReadonlySet<string> = new Set(["PodTopologySpread", "InterPodAffinity"]);
const NODE_LOCAL: ReadonlySet<string> = new Set([
  "NodeUnschedulable",
  "NodeName",
  "TaintToleration",
  "NodeReady",
  "NodeAffinity",
  "NodeSelector",
  "ImagePlatform",
  "NodePorts",
  "NodeResourcesFit",
  "VolumeBinding",
  "VolumeZone",
  "NodeVolumeLimits",
]);

/**
 * Whether an event could help a pod that `plugins` refused, on one node or another. Says yes when in doubt, but no
 * where one look at the event's node shows that it changes nothing. Pure, apart from what `world` shows.
 */
export function mayHelp(
  event: ClusterEvent,
  pod: Pod,
  plugins: Iterable<string>,
  world: HintWorld,
): boolean {
  let fits: boolean | undefined;
  const mayFit = (node: string): boolean => (fits ??= world.mayFit(pod, node));
  return concernedPlugins(event, plugins).some((plugin) => {
    switch (event.kind) {
      case "node":
        if (event.aspects.includes("removed")) return plugin === "PodTopologySpread";
        return WIDE.has(plugin) || !NODE_LOCAL.has(plugin) || mayFit(event.node);
      case "pod-gone":
        if (WIDE.has(plugin)) return concernsPod(pod, event.pod);
        if (plugin === "VolumeRestrictions") return sharesClaim(pod, event.pod);
        return !NODE_LOCAL.has(plugin) || mayFit(event.node);
      case "pod-there":
        return !WIDE.has(plugin) || concernsPod(pod, event.pod);
      case "volume":
        return concernsVolume(pod, event.object);
      default:
        return true;
    }
  });
}

/** Whether one of the pod's rules about other pods, or one of theirs about it, looks at `other`. */
function concernsPod(pod: Pod, other: Pod): boolean {
  const constraints = pod.spec.topologySpreadConstraints ?? [];
  if (constraints.some(({ labelSelector }) => matches(labelSelector, other))) return true;
  if (constraints.length === 0 && hasSameOwner(pod, other)) return true;
  return (
    requiredTerms(pod).some((selector) => matches(selector, other)) ||
    antiTerms(other).some((selector) => matches(selector, pod))
  );
}

function requiredTerms(pod: Pod): readonly (LabelSelector | undefined)[] {
  const terms =
    pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  return [...terms.map(({ labelSelector }) => labelSelector), ...antiTerms(pod)];
}

function antiTerms(pod: Pod): readonly (LabelSelector | undefined)[] {
  const terms = pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return (terms ?? []).map(({ labelSelector }) => labelSelector);
}

function matches(selector: LabelSelector | undefined, pod: Pod): boolean {
  return selector !== undefined && matchesSelector(selector, pod.metadata.labels ?? {});
}

function hasSameOwner(a: Pod, b: Pod): boolean {
  const uid = a.metadata.ownerReferences?.[0]?.uid;
  return uid !== undefined && uid === b.metadata.ownerReferences?.[0]?.uid;
}

function sharesClaim(a: Pod, b: Pod): boolean {
  if (a.metadata.namespace !== b.metadata.namespace) return false;
  const claims = new Set(claimNamesOf(a));
  return claimNamesOf(b).some((claim) => claims.has(claim));
}

function concernsVolume(
  pod: Pod,
  object: { readonly kind: string; readonly metadata: Pod["metadata"] },
): boolean {
  const claims = claimNamesOf(pod);
  if (object.kind !== "PersistentVolumeClaim") return claims.length > 0;
  const { namespace, name } = object.metadata;
  return namespace === pod.metadata.namespace && claims.includes(name);
}
