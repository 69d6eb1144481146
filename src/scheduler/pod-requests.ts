import { cpuMillis, quantityValue } from "../model/quantity.ts";
import type { Container, Pod } from "../model/kinds.gen.ts";

/** What a pod asks of its node: cpu in thousandths of a core, memory and storage in bytes, the rest in pieces. */
export type ResourceAmounts = ReadonlyMap<string, number>;

/** What a container counts for in scores when it asks for nothing, as Kubernetes has it: 100m and 200 MiB. */
const SCORED_CPU_MILLIS = 100;
const SCORED_MEMORY_BYTES = 200 * 1024 * 1024;

/** Quantities of this many texts are remembered: templates repeat them. */
const MAX_KNOWN_QUANTITIES = 4096;

/** Resources that a pod may state as a whole; what it states replaces what its containers ask for together. */
const POD_LEVEL = /^(?:cpu|memory|hugepages-.+)$/;

/**
 * What the pod asks for as Kubernetes counts it: containers and sidecars together, or an init container with the
 * sidecars that start before it where that is more; what the pod states as a whole instead; and its overhead on top. A
 * limit stands in for a request that is not stated. Pure.
 */
export function podRequests(pod: Pod): ResourceAmounts {
  return sumRequests(pod, containerRequests);
}

/** What the pod counts for when nodes are compared: containers without a request count a little. Pure. */
export function scoredRequests(pod: Pod): { readonly cpu: number; readonly memory: number } {
  const amounts = sumRequests(pod, (container) => {
    const stated = new Map(containerRequests(container));
    if (!stated.has("cpu")) stated.set("cpu", SCORED_CPU_MILLIS);
    if (!stated.has("memory")) stated.set("memory", SCORED_MEMORY_BYTES);
    return stated;
  });
  return { cpu: amounts.get("cpu") ?? 0, memory: amounts.get("memory") ?? 0 };
}

const known = new Map<string, number>();

/** An amount in the unit of its resource; 0 for what is no quantity. Pure. */
export function amountOf(resource: string, text: string): number {
  const key = resource === "cpu" ? `c${text}` : text;
  const before = known.get(key);
  if (before !== undefined) return before;
  const amount = (resource === "cpu" ? cpuMillis(text) : quantityValue(text)) ?? 0;
  if (known.size >= MAX_KNOWN_QUANTITIES) known.clear();
  known.set(key, amount);
  return amount;
}

function sumRequests(
  { spec }: Pod,
  requestsOf: (container: Container) => ResourceAmounts,
): ResourceAmounts {
  const amounts = new Map<string, number>();
  for (const container of spec.containers) addAll(amounts, requestsOf(container));
  const sidecars = new Map<string, number>();
  const start = new Map<string, number>();
  for (const container of spec.initContainers ?? []) {
    const asked = new Map(requestsOf(container));
    if (container.restartPolicy === "Always") {
      addAll(amounts, asked);
      addAll(sidecars, asked);
      keepLargest(start, sidecars);
    } else {
      addAll(asked, sidecars);
      keepLargest(start, asked);
    }
  }
  keepLargest(amounts, start);
  for (const [resource, text] of Object.entries({
    ...spec.resources?.limits,
    ...spec.resources?.requests,
  })) {
    if (POD_LEVEL.test(resource)) amounts.set(resource, amountOf(resource, text));
  }
  for (const [resource, text] of Object.entries(spec.overhead ?? {}))
    addAll(amounts, new Map([[resource, amountOf(resource, text)]]));
  return amounts;
}

function addAll(amounts: Map<string, number>, more: ResourceAmounts): void {
  for (const [resource, amount] of more)
    amounts.set(resource, (amounts.get(resource) ?? 0) + amount);
}

function keepLargest(amounts: Map<string, number>, others: ResourceAmounts): void {
  for (const [resource, amount] of others)
    amounts.set(resource, Math.max(amounts.get(resource) ?? 0, amount));
}

function containerRequests({ resources }: Container): ResourceAmounts {
  const stated = { ...resources?.limits, ...resources?.requests };
  return new Map(
    Object.entries(stated).map(([resource, text]) => [resource, amountOf(resource, text)]),
  );
}
