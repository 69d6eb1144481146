import type {
  Affinity,
  DaemonSet,
  NodeSelector,
  Pod,
  PodTemplateSpec,
} from "../model/kinds.gen.ts";
import { REVISION_LABEL } from "./controller-revisions.ts";
import { daemonTolerations } from "./daemonset-nodes.ts";
import { podFromTemplate, podNames } from "./new-pods.ts";
import type { World } from "./world.ts";

/** On a pod that came after others on its node failed: how many in a row. What the back-off goes by. */
export const FAILURES_ANNOTATION = "berth.dev/daemon-failures";

export interface DaemonPodFields {
  readonly node: string;
  readonly template: PodTemplateSpec;
  /** Of the revision that `template` is. */
  readonly hash: string;
  /** Pods that failed on the node right before. */
  readonly failures: number;
}

/** A pod of a DaemonSet for one node: the scheduler may put it there and nowhere else. Pure. */
export function newDaemonPod(world: World, set: DaemonSet, fields: DaemonPodFields): Pod {
  const { node, template, hash, failures } = fields;
  const [name = ""] = podNames(world, set, { count: 1, seed: [node] });
  const pod = podFromTemplate(set, template, name);
  const annotations = {
    ...pod.metadata.annotations,
    ...(failures > 0 ? { [FAILURES_ANNOTATION]: String(failures) } : {}),
  };
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: { ...pod.metadata.labels, [REVISION_LABEL]: hash },
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    spec: {
      ...pod.spec,
      affinity: pinTo(node, pod.spec.affinity),
      tolerations: daemonTolerations(pod.spec),
    },
  };
}

/** How many pods failed on the node before this one, in a row. Pure. */
export function failuresBefore({ metadata }: Pod): number {
  const text = metadata.annotations?.[FAILURES_ANNOTATION] ?? "";
  return /^\d{1,6}$/.test(text) ? Number(text) : 0;
}

/** What the template requires of nodes was asked when the node was chosen; from here on its name says it all. */
function pinTo(node: string, affinity: Affinity | undefined): Affinity {
  const required: NodeSelector = {
    nodeSelectorTerms: [
      { matchFields: [{ key: "metadata.name", operator: "In", values: [node] }] },
    ],
  };
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: required,
    },
  };
}
