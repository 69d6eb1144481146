import { controllerOf } from "../model/meta.ts";
import type { ScorePlugin } from "./plugin.ts";
import { podRequests, scoredRequests } from "./pod-requests.ts";

/** Best score of a plugin. */
const MAX_SCORE = 100;

/** The more of cpu and memory is left, the better. */
const leastAllocated: ScorePlugin = {
  name: "LeastAllocated",
  weight: 1,
  prepare(pod, table) {
    const { cpu, memory } = scoredRequests(pod);
    const { scored } = table;
    const cpus = table.column("cpu").allocatable;
    const memories = table.column("memory").allocatable;
    return (node) =>
      (shareLeft(cpus[node] ?? 0, (scored.cpu[node] ?? 0) + cpu) +
        shareLeft(memories[node] ?? 0, (scored.memory[node] ?? 0) + memory)) *
      (MAX_SCORE / 2);
  },
};

/** The nearer the taken shares of cpu and memory are to each other, the better: neither is stranded. */
const balancedAllocation: ScorePlugin = {
  name: "BalancedAllocation",
  weight: 1,
  prepare(pod, table) {
    const amounts = podRequests(pod);
    const cpu = amounts.get("cpu") ?? 0;
    const memory = amounts.get("memory") ?? 0;
    if (cpu === 0 && memory === 0) return undefined;
    const cpus = table.column("cpu");
    const memories = table.column("memory");
    return (node) => {
      const cpuShare = shareTaken(cpus.allocatable[node] ?? 0, (cpus.used[node] ?? 0) + cpu);
      const memoryShare = shareTaken(
        memories.allocatable[node] ?? 0,
        (memories.used[node] ?? 0) + memory,
      );
      return (1 - Math.abs(cpuShare - memoryShare) / 2) * MAX_SCORE;
    };
  },
};

/** The fewer pods of the same controller are on the node, the better: one node lost takes few of them. */
const ownerSpread: ScorePlugin = {
  name: "OwnerSpread",
  weight: 2,
  prepare(pod, table) {
    const owner = controllerOf(pod)?.uid;
    const perNode = owner === undefined ? undefined : table.podsOfOwner(owner);
    if (perNode === undefined) return undefined;
    const most = Math.max(...perNode.values());
    return (node) => (1 - (perNode.get(table.nameOf(node)) ?? 0) / most) * MAX_SCORE;
  },
};

export const SCORES: readonly ScorePlugin[] = [leastAllocated, balancedAllocation, ownerSpread];

function shareTaken(allocatable: number, used: number): number {
  return allocatable === 0 ? 1 : Math.min(1, used / allocatable);
}

function shareLeft(allocatable: number, used: number): number {
  return 1 - shareTaken(allocatable, used);
}
