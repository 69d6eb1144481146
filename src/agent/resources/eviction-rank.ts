import { unreachable } from "../../base/assert.ts";
import type { Container, Pod } from "../../model/kinds.gen.ts";
import { formatBytes, memoryBytes } from "../../model/quantity.ts";
import { CRITICAL_PRIORITY } from "../qos.ts";
import type { Signal } from "./node-config.ts";
import type { MetThreshold } from "./pressure.ts";

export interface ContainerConsumption {
  readonly name: string;
  readonly memoryBytes: number;
  /** Its own layer and its logs. */
  readonly diskBytes: number;
  readonly inodes: number;
  readonly processes: number;
}

/** What a pod uses of what a node can run out of. */
export interface PodConsumption {
  readonly pod: Pod;
  readonly containers: readonly ContainerConsumption[];
  /** Volumes that live on the node's disk as long as the pod does, by name. */
  readonly volumes: readonly {
    readonly name: string;
    readonly diskBytes: number;
    readonly inodes: number;
  }[];
}

/** What runs out, as messages and requests name it. */
export type EvictionResource = "memory" | "ephemeral-storage" | "inodes" | "pids";

const RESOURCE_OF: Readonly<Record<Signal, EvictionResource>> = {
  "memory.available": "memory",
  "nodefs.available": "ephemeral-storage",
  "nodefs.inodesFree": "inodes",
  "imagefs.available": "ephemeral-storage",
  "imagefs.inodesFree": "inodes",
  "pid.available": "pids",
};

/** Pure. */
export function evictionResource(signal: Signal): EvictionResource {
  return RESOURCE_OF[signal];
}

/**
 * Whom to evict first, in Kubernetes' order: who uses more than it asked for, then who matters less, then who uses more
 * beyond what it asked for. Pods that the system needs are not among them. Pure.
 */
export function rankForEviction(
  consumptions: readonly PodConsumption[],
  resource: EvictionResource,
): readonly PodConsumption[] {
  return consumptions
    .filter(({ pod }) => priorityOf(pod) < CRITICAL_PRIORITY)
    .map((one) => {
      const used = usageOf(one, resource);
      const asked = requestOf(one.pod, resource);
      const counts = resource === "memory" || resource === "ephemeral-storage";
      return {
        one,
        exceeds: counts && used > asked,
        priority: priorityOf(one.pod),
        over: used - asked,
      };
    })
    .toSorted(
      (a, b) => Number(b.exceeds) - Number(a.exceeds) || a.priority - b.priority || b.over - a.over,
    )
    .map(({ one }) => one);
}

/** What Kubernetes tells a pod that had to go. Pure. */
export function evictionMessage(
  consumption: PodConsumption,
  { signal, wanted, available }: MetThreshold,
): string {
  const resource = RESOURCE_OF[signal];
  const form = resource === "memory" || resource === "ephemeral-storage" ? formatBytes : String;
  const low = `The node was low on resource: ${resource}. Threshold quantity: ${form(wanted)}, available: ${form(available)}. `;
  if (resource !== "memory" && resource !== "ephemeral-storage") return low;
  const blame = containersOf(consumption.pod).flatMap((container) => {
    const found = consumption.containers.find(({ name }) => name === container.name);
    if (found === undefined) return [];
    const used = resource === "memory" ? found.memoryBytes : found.diskBytes;
    const asked = requestOfContainer(container, resource);
    return used > asked
      ? [
          `Container ${container.name} was using ${formatBytes(used)}, request is ${formatBytes(asked)}, has larger consumption of ${resource}. `,
        ]
      : [];
  });
  return `${low}${blame.join("")}`;
}

/** Pure. */
function usageOf({ containers, volumes }: PodConsumption, resource: EvictionResource): number {
  const sum = <T>(of: readonly T[], read: (one: T) => number): number =>
    of.reduce((total, one) => total + read(one), 0);
  switch (resource) {
    case "memory":
      return sum(containers, (one) => one.memoryBytes);
    case "ephemeral-storage":
      return sum(containers, (one) => one.diskBytes) + sum(volumes, (one) => one.diskBytes);
    case "inodes":
      return sum(containers, (one) => one.inodes) + sum(volumes, (one) => one.inodes);
    case "pids":
      return sum(containers, (one) => one.processes);
    default:
      return unreachable(resource);
  }
}

function requestOf(pod: Pod, resource: EvictionResource): number {
  if (resource !== "memory" && resource !== "ephemeral-storage") return 0;
  return pod.spec.containers.reduce((sum, one) => sum + requestOfContainer(one, resource), 0);
}

function requestOfContainer(
  { resources }: Container,
  resource: "memory" | "ephemeral-storage",
): number {
  const amount = resources?.requests?.[resource] ?? resources?.limits?.[resource] ?? "0";
  return memoryBytes(amount) ?? 0;
}

function containersOf({ spec }: Pod): readonly Container[] {
  return [...spec.containers, ...(spec.initContainers ?? [])];
}

function priorityOf({ spec }: Pod): number {
  return spec.priority ?? 0;
}
