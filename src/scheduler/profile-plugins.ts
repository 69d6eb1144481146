import type { NodeAffinity } from "../model/kinds.gen.ts";
import { interPodAffinity } from "./affinity.ts";
import { filters } from "./filters.ts";
import type { SchedulerProfile, ScorePlugin } from "./plugin.ts";
import { imageLocality, nodeAffinityScore, taintPreference } from "./scores.ts";
import { balancedAllocation, leastAllocated, mostAllocated } from "./scores-resources.ts";
import { podTopologySpread } from "./spread.ts";

/** The profile of pods that name none. */
export const DEFAULT_SCHEDULER = "default-scheduler";

export interface ProfileOptions {
  /** How what is left of a node's resources counts; absent: the more, the better. */
  readonly resources?: ScorePlugin;
  /** Asked of every node of the profile's pods, besides what each pod asks for. */
  readonly addedAffinity?: NodeAffinity;
  /** Whether pods without constraints are kept apart by Service and workload; absent: yes. */
  readonly isSystemDefaulted?: boolean;
  /** Points for nodes by whose pods' required affinity the pod is wanted; absent: 1. */
  readonly hardPodAffinityWeight?: number;
}

/** Kubernetes' filters and scores with Kubernetes' weights. */
export function newProfile(options: ProfileOptions = {}): SchedulerProfile {
  const { resources = leastAllocated(), addedAffinity, isSystemDefaulted = true } = options;
  return {
    filters: filters(addedAffinity),
    topologies: [
      podTopologySpread({ isSystemDefaulted }),
      interPodAffinity({ hardWeight: options.hardPodAffinityWeight ?? 1 }),
    ],
    scores: [
      resources,
      balancedAllocation(),
      taintPreference,
      nodeAffinityScore(addedAffinity),
      imageLocality,
    ],
  };
}

/** What Kubernetes does unless it is told otherwise. */
export const DEFAULT_PROFILE: SchedulerProfile = newProfile();

/** Fills node after node, so that others stay free. */
const BINPACK_PROFILE: SchedulerProfile = newProfile({
  resources: mostAllocated(),
  isSystemDefaulted: false,
});

/** By schedulerName. */
export const PROFILES: ReadonlyMap<string, SchedulerProfile> = new Map([
  [DEFAULT_SCHEDULER, DEFAULT_PROFILE],
  ["binpack", BINPACK_PROFILE],
]);
