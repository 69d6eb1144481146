import type { DaemonSet, Deployment, DeploymentStatus, StatefulSet } from "../model/kinds.gen.ts";
import { HASH_LABEL, hashOf, readHistory, REVISION_LABEL } from "./controller-revisions.ts";
import { podsOwnedBy } from "./owned-pods.ts";
import { countPods } from "./pod-state.ts";
import { isRolledByConfig, templateWithConfig } from "./restart-on-config.ts";
import type { Revisions } from "./revisions.ts";
import type { World } from "./world.ts";

/**
 * How many pods of a Deployment there are by now, for one that a changed ConfigMap rolls: its spec is then as it was, so that its
 * `observedGeneration` does not tell whether its status is of the revision that is wanted. `undefined` for all others. Pure.
 */
export function presentReplicas(
  deployment: Deployment,
  { next, old }: Revisions,
): DeploymentStatus | undefined {
  if (!isRolledByConfig(deployment)) return undefined;
  const sets = [next, ...old];
  return {
    replicas: sets.reduce((sum, { counts }) => sum + counts.active, 0),
    updatedReplicas: next.counts.active,
    availableReplicas: sets.reduce((sum, { counts }) => sum + counts.available, 0),
  };
}

/** The revision that pods are to be of, as their label says it; `undefined` for a set that no ConfigMap rolls. Pure. */
export function wantedRevision(world: World, set: StatefulSet | DaemonSet): string | undefined {
  if (!isRolledByConfig(set)) return undefined;
  const label = set.kind === "DaemonSet" ? REVISION_LABEL : HASH_LABEL;
  const { update } = readHistory(world, set, templateWithConfig(world, set), label);
  return set.kind === "DaemonSet" ? hashOf(update, label) : update.metadata.name;
}

/** What is missing of the pods of the revision that is wanted, `count` of them; `undefined` when nothing is. Pure. */
export function missingOfWanted(
  world: World,
  set: StatefulSet | DaemonSet,
  count: number,
): string | undefined {
  const revision = wantedRevision(world, set);
  if (revision === undefined || set.spec.updateStrategy.type === "OnDelete") return undefined;
  const pods = podsOwnedBy(world, set.metadata.uid).filter(
    ({ metadata }) => metadata.labels?.[REVISION_LABEL] === revision,
  );
  const { active, ready, available } = countPods(pods, set.spec.minReadySeconds ?? 0, world.now);
  if (active < count) return `${active} of ${count} pods are of the new revision`;
  if (ready < count) return `${ready} of ${count} pods are ready`;
  if (available < count) return `${available} of ${count} pods are available`;
  return undefined;
}
