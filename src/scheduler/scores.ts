import type { NodeAffinity, Pod } from "../model/kinds.gen.ts";
import { matchesNodeTerm, type NodeIdentity } from "../model/node-affinity.ts";
import { untoleratedTaint } from "../model/taints.ts";
import { identityAt } from "./filters.ts";
import { imageName } from "./image-name.ts";
import type { Normalize, ScorePlugin } from "./plugin.ts";

/** Best score of a plugin. */
export const MAX_SCORE = 100;

const MIB = 1024 * 1024;
/** Images that are smaller together do not count; for each container, images above the other count no more. */
const SMALLEST_IMAGES = 23 * MIB;
const LARGEST_IMAGE = 1000 * MIB;

/** The highest is best and gets all points. */
export const mostIsBest: Normalize = (raw, _lowest, highest) =>
  highest === 0 ? raw : Math.floor((raw * MAX_SCORE) / highest);

/** The lowest is best; 0 gets all points. */
export const leastIsBest: Normalize = (raw, _lowest, highest) =>
  highest === 0 ? MAX_SCORE : MAX_SCORE - Math.floor((raw * MAX_SCORE) / highest);

/** The fewer taints that would rather keep the pod away, the better. */
export const taintPreference: ScorePlugin = {
  name: "TaintToleration",
  weight: 3,
  dependsOn: "node",
  prepare(pod, { nodes }) {
    const tolerations = pod.spec.tolerations ?? [];
    return {
      score(node) {
        let count = 0;
        for (const taint of nodes.taintsOf(node))
          if (untoleratedTaint([taint], tolerations, ["PreferNoSchedule"]) !== undefined)
            count += 1;
        return count;
      },
      normalize: leastIsBest,
    };
  },
};

/** The more of the pod's preferred node affinity is met, and of what the profile adds, the better. */
export function nodeAffinityScore(added?: NodeAffinity): ScorePlugin {
  return {
    name: "NodeAffinity",
    weight: 2,
    dependsOn: "node",
    prepare(pod, { nodes }) {
      const own = pod.spec.affinity?.nodeAffinity;
      const isAsked = [own, added].some(
        (affinity) => (affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).length > 0,
      );
      if (!isAsked) return undefined;
      return {
        score(node) {
          const facts = identityAt(nodes, node);
          return preferenceOf(own, facts) + preferenceOf(added, facts);
        },
        normalize: mostIsBest,
      };
    },
  };
}

/** Nodes that hold the pod's large images are better; the more nodes hold an image, the more it counts. */
export const imageLocality: ScorePlugin = {
  name: "ImageLocality",
  weight: 1,
  dependsOn: "node",
  stamp: (pod, { nodes }) =>
    imagesOf(pod)
      .map((name) => nodes.imageStamp(name))
      .join(),
  prepare(pod, { nodes }) {
    const images = imagesOf(pod);
    const total = nodes.count;
    const there = images.flatMap((name) => nodes.imageSizes(name) ?? []);
    if (there.length === 0) return undefined;
    const largest = LARGEST_IMAGE * images.length;
    return {
      score(node) {
        let sum = 0;
        for (const sizes of there) sum += Math.floor((sizes.get(node) ?? 0) * (sizes.size / total));
        const bounded = Math.min(Math.max(sum, SMALLEST_IMAGES), largest);
        return Math.floor((MAX_SCORE * (bounded - SMALLEST_IMAGES)) / (largest - SMALLEST_IMAGES));
      },
    };
  },
};

/** Sum of the weights of the preferred terms that a node meets. */
function preferenceOf(affinity: NodeAffinity | undefined, node: NodeIdentity): number {
  let sum = 0;
  for (const { weight, preference } of affinity?.preferredDuringSchedulingIgnoredDuringExecution ??
    [])
    if (matchesNodeTerm(preference, node)) sum += weight;
  return sum;
}

function imagesOf({ spec }: Pod): readonly string[] {
  return [...(spec.initContainers ?? []), ...spec.containers].map(({ image }) => imageName(image));
}
