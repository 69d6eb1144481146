import type { ClusterView, ScorePlugin } from "./plugin.ts";
import type { PodKind } from "./pod-kind.ts";

/** How much each resource weighs against the others. */
export type ResourceWeights = Readonly<Record<string, number>>;

/** A point of the line that `requestedToCapacityRatio` follows: utilization 0 to 100, score 0 to 10. */
export interface ShapePoint {
  readonly utilization: number;
  readonly score: number;
}

const MAX_SCORE = 100;
/** Scores of a shape go to 10. */
const SHAPE_SCALE = 10;

const CPU_AND_MEMORY: ResourceWeights = { cpu: 1, memory: 1 };

/** The more is left, the better: pods spread. */
export function leastAllocated(weights: ResourceWeights = CPU_AND_MEMORY): ScorePlugin {
  return byAllocation(
    (requested, capacity) =>
      requested > capacity ? 0 : Math.floor(((capacity - requested) * MAX_SCORE) / capacity),
    weights,
  );
}

/** The less is left, the better: pods fill node after node. */
export function mostAllocated(weights: ResourceWeights = CPU_AND_MEMORY): ScorePlugin {
  return byAllocation(
    (requested, capacity) => Math.floor((Math.min(requested, capacity) * MAX_SCORE) / capacity),
    weights,
  );
}

/** The points that a line gives to the share that is taken. Resources without points do not count. */
export function requestedToCapacityRatio(
  shape: readonly ShapePoint[],
  weights: ResourceWeights = CPU_AND_MEMORY,
): ScorePlugin {
  return {
    name: "NodeResourcesFit",
    weight: 1,
    dependsOn: "pods",
    prepare(_pod, cluster, kind) {
      const items = scoredItems(weights, cluster, kind);
      return {
        score(node) {
          let sum = 0;
          let weightSum = 0;
          for (const { allocatable, used, asked, weight } of items) {
            const capacity = allocatable[node] ?? 0;
            if (capacity === 0) continue;
            const requested = (used[node] ?? 0) + asked;
            const taken =
              requested > capacity ? MAX_SCORE : Math.floor((requested * MAX_SCORE) / capacity);
            const points = pointsOn(shape, taken);
            if (points <= 0) continue;
            sum += points * weight;
            weightSum += weight;
          }
          return weightSum === 0 ? 0 : Math.round(sum / weightSum);
        },
      };
    },
  };
}

/** The nearer the taken shares of the resources are to each other, the better: none is stranded. */
export function balancedAllocation(resources: readonly string[] = ["cpu", "memory"]): ScorePlugin {
  return {
    name: "NodeResourcesBalancedAllocation",
    weight: 1,
    dependsOn: "pods",
    prepare(_pod, { nodes }, kind) {
      const amounts = new Map(kind.share.amounts);
      const asked = resources.map((resource) => amounts.get(resource) ?? 0);
      if (asked.every((amount) => amount === 0)) return undefined;
      const columns = resources.map((resource) => nodes.column(resource));
      const shares = new Float64Array(resources.length);
      return {
        score(node) {
          let count = 0;
          for (let index = 0; index < columns.length; index += 1) {
            const column = columns[index];
            const capacity = column?.allocatable[node] ?? 0;
            if (column === undefined || capacity === 0) continue;
            shares[count] = Math.min(
              1,
              ((column.used[node] ?? 0) + (asked[index] ?? 0)) / capacity,
            );
            count += 1;
          }
          return Math.trunc((1 - deviation(shares, count)) * MAX_SCORE);
        },
      };
    },
  };
}

interface ScoredItem {
  readonly allocatable: Float64Array;
  readonly used: Float64Array;
  readonly asked: number;
  readonly weight: number;
}

function byAllocation(
  points: (requested: number, capacity: number) => number,
  weights: ResourceWeights,
): ScorePlugin {
  return {
    name: "NodeResourcesFit",
    weight: 1,
    dependsOn: "pods",
    prepare(_pod, cluster, kind) {
      const items = scoredItems(weights, cluster, kind);
      return {
        score(node) {
          let sum = 0;
          let weightSum = 0;
          for (const { allocatable, used, asked, weight } of items) {
            const capacity = allocatable[node] ?? 0;
            if (capacity === 0) continue;
            sum += points((used[node] ?? 0) + asked, capacity) * weight;
            weightSum += weight;
          }
          return weightSum === 0 ? 0 : Math.floor(sum / weightSum);
        },
      };
    },
  };
}

/** Cpu and memory as they count for pods that ask for nothing; of the rest what the pod asks for. */
function scoredItems(
  weights: ResourceWeights,
  { nodes }: ClusterView,
  { share }: PodKind,
): readonly ScoredItem[] {
  const amounts = new Map(share.amounts);
  return Object.entries(weights).flatMap(([resource, weight]) => {
    const { allocatable, used } = nodes.column(resource);
    if (resource === "cpu")
      return [{ allocatable, used: nodes.scored.cpu, asked: share.scoredCpu, weight }];
    if (resource === "memory")
      return [{ allocatable, used: nodes.scored.memory, asked: share.scoredMemory, weight }];
    const asked = amounts.get(resource) ?? 0;
    return asked === 0 ? [] : [{ allocatable, used, asked, weight }];
  });
}

/** Standard deviation of the first `count` numbers. */
function deviation(shares: Float64Array, count: number): number {
  if (count < 2) return 0;
  if (count === 2) return Math.abs(((shares[0] ?? 0) - (shares[1] ?? 0)) / 2);
  let total = 0;
  for (let index = 0; index < count; index += 1) total += shares[index] ?? 0;
  const mean = total / count;
  let squares = 0;
  for (let index = 0; index < count; index += 1) squares += ((shares[index] ?? 0) - mean) ** 2;
  return Math.sqrt(squares / count);
}

function pointsOn(shape: readonly ShapePoint[], utilization: number): number {
  let before: ShapePoint | undefined;
  for (const point of shape) {
    if (utilization <= point.utilization) {
      if (before === undefined) return point.score * SHAPE_SCALE;
      const rise = (point.score - before.score) * SHAPE_SCALE * (utilization - before.utilization);
      const width = point.utilization - before.utilization;
      return before.score * SHAPE_SCALE + Math.trunc(rise / width);
    }
    before = point;
  }
  return (before?.score ?? 0) * SHAPE_SCALE;
}
