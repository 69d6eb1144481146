import type { DaemonSet, Node, Pod, PodSpec, Toleration } from "../model/kinds.gen.ts";
import { allowsNode, identityOf } from "../model/node-affinity.ts";
import { TAINTS, untoleratedTaint } from "../model/taints.ts";

/** What a node is to a DaemonSet. */
export interface NodeVerdict {
  /** A pod is to be made there. */
  readonly shouldRun: boolean;
  /** A pod that is there may stay. */
  readonly mayStay: boolean;
}

/** What the pods of every DaemonSet bear, since they belong to the node rather than to the load on it. */
const BUILT_IN: readonly Toleration[] = [
  { key: TAINTS.notReady, operator: "Exists", effect: "NoExecute" },
  { key: TAINTS.unreachable, operator: "Exists", effect: "NoExecute" },
  { key: TAINTS.diskPressure, operator: "Exists", effect: "NoSchedule" },
  { key: TAINTS.memoryPressure, operator: "Exists", effect: "NoSchedule" },
  { key: TAINTS.pidPressure, operator: "Exists", effect: "NoSchedule" },
  { key: TAINTS.unschedulable, operator: "Exists", effect: "NoSchedule" },
];
const OF_HOST_NETWORK: Toleration = {
  key: TAINTS.networkUnavailable,
  operator: "Exists",
  effect: "NoSchedule",
};

/** The tolerations of a DaemonSet's pods: the template's, and the built-in ones. Pure. */
export function daemonTolerations({
  tolerations = [],
  hostNetwork,
}: PodSpec): readonly Toleration[] {
  const builtIn = hostNetwork === true ? [...BUILT_IN, OF_HOST_NETWORK] : BUILT_IN;
  const isStated = (wanted: Toleration): boolean =>
    tolerations.some(
      ({ key, operator, effect, value, tolerationSeconds }) =>
        key === wanted.key &&
        operator === wanted.operator &&
        effect === wanted.effect &&
        value === undefined &&
        tolerationSeconds === undefined,
    );
  return [...tolerations, ...builtIn.filter((toleration) => !isStated(toleration))];
}

/**
 * Whether a node is one of a DaemonSet's: by its name, labels and taints alone, never by its free room. A node that was
 * tainted later keeps its pod unless the taint says NoExecute. Pure.
 */
export function judgeNode({ spec: { template } }: DaemonSet, node: Node): NodeVerdict {
  const { spec } = template;
  const isNamed = (spec.nodeName ?? node.metadata.name) === node.metadata.name;
  if (!isNamed || !allowsNode(spec, identityOf(node))) return { shouldRun: false, mayStay: false };
  const taints = node.spec.taints ?? [];
  if (taints.length === 0) return { shouldRun: true, mayStay: true };
  const tolerations = daemonTolerations(spec);
  const isBorne = (...effects: readonly ("NoSchedule" | "NoExecute")[]): boolean =>
    untoleratedTaint(taints, tolerations, effects) === undefined;
  return { shouldRun: isBorne("NoSchedule", "NoExecute"), mayStay: isBorne("NoExecute") };
}

/** The node that a pod is on, or is made for; `undefined` when it names none. Pure. */
export function targetNode({ spec }: Pod): string | undefined {
  if (spec.nodeName !== undefined && spec.nodeName !== "") return spec.nodeName;
  const terms =
    spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  for (const { matchFields = [] } of terms ?? []) {
    for (const { key, operator, values = [] } of matchFields) {
      if (key === "metadata.name" && operator === "In" && values.length === 1) return values[0];
    }
  }
  return undefined;
}

/** What decides about a node's daemons: as long as it stays the same, no DaemonSet has anything to do for the node. Pure. */
export function eligibilityOf({ metadata, spec }: Node): unknown {
  return [metadata.uid, metadata.labels ?? {}, spec.taints ?? []];
}
