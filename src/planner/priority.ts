import { compare } from "../base/order.ts";
import type { Pod, PriorityClass } from "../model/kinds.gen.ts";
import type { World } from "./world.ts";

/** What a priority class makes of a pod. */
export interface Priority {
  readonly priority: number;
  readonly preemptionPolicy: "PreemptLowerPriority" | "Never";
  /** Of the class that it comes from; absent where no class is named and none is the default. */
  readonly className?: string;
}

/** The classes that every cluster has, as Kubernetes has them. */
export const SYSTEM_PRIORITY_CLASSES: readonly PriorityClass[] = [
  systemClass(
    "system-node-critical",
    2_000_001_000,
    "For pods that a node cannot do without: they are never moved off it.",
  ),
  systemClass(
    "system-cluster-critical",
    2_000_000_000,
    "For pods that the cluster cannot do without, on whichever node.",
  ),
];

const NO_PRIORITY: Priority = { priority: 0, preemptionPolicy: "PreemptLowerPriority" };

/**
 * The priority of a pod: that of the class it names, else of the class that is the default for all (of several, the
 * lowest), else 0. `undefined` when it names a class that does not exist. Pure.
 */
export function resolvePriority(world: World, { spec }: Pod): Priority | undefined {
  const { priorityClassName: name = "" } = spec;
  if (name !== "") {
    const ref = { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", name };
    const stored = world.get(ref) as PriorityClass | undefined;
    const found = stored ?? SYSTEM_PRIORITY_CLASSES.find(({ metadata }) => metadata.name === name);
    return found === undefined ? undefined : toPriority(found);
  }
  const classes = world.list("scheduling.k8s.io/v1", "PriorityClass") as readonly PriorityClass[];
  const [lowest] = classes
    .filter(({ globalDefault }) => globalDefault === true)
    .toSorted((a, b) => a.value - b.value || compare(a.metadata.name, b.metadata.name));
  return lowest === undefined ? NO_PRIORITY : toPriority(lowest);
}

function toPriority({ metadata, value, preemptionPolicy }: PriorityClass): Priority {
  return { priority: value, preemptionPolicy, className: metadata.name };
}

function systemClass(name: string, value: number, description: string): PriorityClass {
  return {
    apiVersion: "scheduling.k8s.io/v1",
    kind: "PriorityClass",
    metadata: { name },
    value,
    preemptionPolicy: "PreemptLowerPriority",
    description,
  };
}
