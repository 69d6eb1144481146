import type {
  PersistentVolumeClaim,
  Pod,
  PodTemplateSpec,
  StatefulSet,
  Volume,
} from "../model/kinds.gen.ts";
import { REVISION_LABEL } from "./controller-revisions.ts";
import { podFromTemplate } from "./new-pods.ts";

const POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name";
const POD_INDEX_LABEL = "apps.kubernetes.io/pod-index";

/** The first ordinal of a set. Pure. */
export function firstOrdinal({ spec }: StatefulSet): number {
  return spec.ordinals?.start ?? 0;
}

/** The ordinals that a set is to have, in their order. Pure. */
export function ordinalsOf(set: StatefulSet): readonly number[] {
  const first = firstOrdinal(set);
  return Array.from({ length: set.spec.replicas }, (_, index) => first + index);
}

/** Whether a set is to have a pod of this ordinal. Pure. */
export function isInRange(set: StatefulSet, ordinal: number): boolean {
  const first = firstOrdinal(set);
  return ordinal >= first && ordinal < first + set.spec.replicas;
}

/** The ordinal in a pod's name; `undefined` when the set names no pod like that. Pure. */
export function ordinalOf(
  { metadata: { name: setName } }: StatefulSet,
  podName: string,
): number | undefined {
  if (!podName.startsWith(`${setName}-`)) return undefined;
  const text = podName.slice(setName.length + 1);
  return /^(?:0|[1-9]\d{0,8})$/.test(text) ? Number(text) : undefined;
}

/** The name of a set's pod. Pure; `ordinalOf` is its counterpart. */
export function podNameOf({ metadata }: StatefulSet, ordinal: number): string {
  return `${metadata.name}-${ordinal}`;
}

/** The name of the claim that a set makes of a template for one of its pods. Pure. */
export function claimNameOf(
  set: StatefulSet,
  template: PersistentVolumeClaim,
  ordinal: number,
): string {
  return `${template.metadata.name}-${podNameOf(set, ordinal)}`;
}

/** The name of the revision that a pod was made from. Pure. */
export function revisionNameOf({ metadata }: Pod): string | undefined {
  return metadata.labels?.[REVISION_LABEL];
}

/** The pod of an ordinal, made from `template`, which `revision` holds. Pure. */
export function newOrdinalPod(
  set: StatefulSet,
  ordinal: number,
  { template, revision }: { readonly template: PodTemplateSpec; readonly revision: string },
): Pod {
  const pod = podFromTemplate(set, template, podNameOf(set, ordinal));
  const { serviceName } = set.spec;
  const volumes = volumesOf(set, ordinal, template.spec.volumes ?? []);
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: {
        ...pod.metadata.labels,
        ...identityLabels(set, ordinal),
        [REVISION_LABEL]: revision,
      },
    },
    spec: {
      ...pod.spec,
      hostname: pod.metadata.name,
      ...(serviceName === undefined ? {} : { subdomain: serviceName }),
      ...(volumes.length === 0 ? {} : { volumes }),
    },
  };
}

/** The pod with the labels of its identity; the same one when it has them. Pure. */
export function withIdentity(set: StatefulSet, ordinal: number, pod: Pod): Pod {
  const labels = identityLabels(set, ordinal);
  const before = pod.metadata.labels ?? {};
  if (Object.entries(labels).every(([key, value]) => before[key] === value)) return pod;
  return { ...pod, metadata: { ...pod.metadata, labels: { ...before, ...labels } } };
}

function identityLabels(set: StatefulSet, ordinal: number): Readonly<Record<string, string>> {
  return { [POD_NAME_LABEL]: podNameOf(set, ordinal), [POD_INDEX_LABEL]: String(ordinal) };
}

/** The claims of the ordinal, in place of volumes of the template that have their names. */
function volumesOf(set: StatefulSet, ordinal: number, own: readonly Volume[]): readonly Volume[] {
  const templates = set.spec.volumeClaimTemplates ?? [];
  const claimed = templates.map((template): Volume => {
    const claimName = claimNameOf(set, template, ordinal);
    return { name: template.metadata.name, persistentVolumeClaim: { claimName } };
  });
  const names = new Set(claimed.map(({ name }) => name));
  return [...claimed, ...own.filter(({ name }) => !names.has(name))];
}
