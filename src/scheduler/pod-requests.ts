import { cpuMillis, quantityValue } from "../model/quantity.ts";
import type { Container, Pod } from "../model/kinds.gen.ts";

/** What a pod asks of its node: cpu in thousandths of a core, memory and storage in bytes, the rest in pieces. */
export type ResourceAmounts = ReadonlyMap<string, number>;

/** What a pod counts for in scores when it asks for nothing, as Kubernetes has it: 100m and 200 MB. */
const SCORED_CPU_MILLIS = 100;
const SCORED_MEMORY_BYTES = 200 * 1000 * 1000;

/**
 * What the pod asks for as Kubernetes counts it: of every resource the larger of what its containers ask for together
 * and what any one init container asks for. A limit stands in for a request that is not stated. Pure.
 */
export function podRequests(pod: Pod): ResourceAmounts {
  const amounts = new Map<string, number>();
  for (const container of pod.spec.containers) {
    for (const [resource, amount] of containerRequests(container))
      amounts.set(resource, (amounts.get(resource) ?? 0) + amount);
  }
  for (const container of pod.spec.initContainers ?? []) {
    for (const [resource, amount] of containerRequests(container))
      amounts.set(resource, Math.max(amounts.get(resource) ?? 0, amount));
  }
  return amounts;
}

/** What the pod counts for when nodes are compared: containers without a request count a little. Pure. */
export function scoredRequests(pod: Pod): { readonly cpu: number; readonly memory: number } {
  let cpu = 0;
  let memory = 0;
  for (const container of pod.spec.containers) {
    const amounts = containerRequests(container);
    cpu += amounts.get("cpu") ?? SCORED_CPU_MILLIS;
    memory += amounts.get("memory") ?? SCORED_MEMORY_BYTES;
  }
  for (const container of pod.spec.initContainers ?? []) {
    const amounts = containerRequests(container);
    cpu = Math.max(cpu, amounts.get("cpu") ?? SCORED_CPU_MILLIS);
    memory = Math.max(memory, amounts.get("memory") ?? SCORED_MEMORY_BYTES);
  }
  return { cpu, memory };
}

/** An amount in the unit of its resource; 0 for what is no quantity. Pure. */
export function amountOf(resource: string, text: string): number {
  return (resource === "cpu" ? cpuMillis(text) : quantityValue(text)) ?? 0;
}

function containerRequests({ resources }: Container): ResourceAmounts {
  const stated = { ...resources?.limits, ...resources?.requests };
  return new Map(
    Object.entries(stated).map(([resource, text]) => [resource, amountOf(resource, text)]),
  );
}
