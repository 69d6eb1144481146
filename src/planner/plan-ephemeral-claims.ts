import type { PersistentVolumeClaim, Pod } from "../model/kinds.gen.ts";
import { controllerRef } from "../model/meta.ts";
import type { Step } from "../model/plan.ts";
import { isFinished } from "../model/pod-phase.ts";
import type { World } from "./world.ts";

/** The claims that a pod brings along, as far as they are not there: owned by the pod, they go with it. Pure. */
export function planEphemeralClaims(world: World, pod: Pod): readonly Step[] {
  const { name, namespace = "", deletionTimestamp } = pod.metadata;
  if (deletionTimestamp !== undefined || isFinished(pod)) return [];
  return (pod.spec.volumes ?? []).flatMap(({ name: volume, ephemeral }): readonly Step[] => {
    const template = ephemeral?.volumeClaimTemplate;
    if (template === undefined) return [];
    const ref = { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace } as const;
    // Of that name, but another's: the scheduler and the agent say so.
    if (world.get({ ...ref, name: `${name}-${volume}` }) !== undefined) return [];
    const { labels, annotations } = template.metadata ?? {};
    const object: PersistentVolumeClaim = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: {
        name: `${name}-${volume}`,
        namespace,
        ...(labels === undefined ? {} : { labels }),
        ...(annotations === undefined ? {} : { annotations }),
        ownerReferences: [controllerRef(pod)],
      },
      spec: template.spec,
      status: { phase: "Pending" },
    };
    return [{ kind: "create", object, reason: "MissingClaim" }];
  });
}
