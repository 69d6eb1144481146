import { hostPortsOf, type HostPort } from "../model/host-ports.ts";
import { controllerOf, type StringMap } from "../model/meta.ts";
import type { Container, Pod } from "../model/kinds.gen.ts";
import {
  affinityTerms,
  selectorKeys,
  type AffinityTerm,
  type AffinityTerms,
} from "./pod-affinity-terms.ts";
import { podRequests, scoredRequests } from "./pod-requests.ts";

/** The pods that are alike in all that the built-in plugins look at, as one. */
export interface PodKind {
  readonly key: string;
  /** One of them: in what is not part of `key` the others may differ. */
  readonly pod: Pod;
  readonly namespace: string;
  /** Only labels that some selector asks for. */
  readonly labels: StringMap;
  /** Being deleted. */
  readonly terminating: boolean;
  /** Uid of the controller. */
  readonly owner: string | undefined;
  readonly terms: AffinityTerms;
  readonly share: PodShare;
  /** Where slots that count few kinds look for it. */
  readonly marks: readonly string[];
  /** Node index → pods of this kind on it. */
  readonly onNodes: Map<number, number>;
  /** Counters that it counts in. Undefined while none of its pods is placed. */
  subscriptions: Subscription[] | undefined;
  /** Placed pods, also on nodes that are not there. */
  placed: number;
  /** Held by caches though none is placed. */
  held: number;
}

export interface Subscription {
  readonly counter: KindCounter;
  readonly weight: number;
}

/** What counts pods of some kinds on nodes. */
interface KindCounter {
  add(node: number, weight: number): void;
}

/** What a pod takes of its node. */
export interface PodShare {
  readonly amounts: readonly (readonly [resource: string, amount: number])[];
  readonly scoredCpu: number;
  readonly scoredMemory: number;
  readonly ports: readonly HostPort[];
}

/** The annotation that says for which platforms a pod's images are made: `linux/amd64,linux/arm64`. */
export const IMAGE_PLATFORMS = "berth.dev/image-platforms";

/** Text that is equal for pods of one kind. Pure. */
export function podKindKey({ metadata, spec }: Pod, labelKeys: ReadonlySet<string>): string {
  return JSON.stringify([
    metadata.namespace,
    relevantLabels(metadata.labels, labelKeys),
    metadata.deletionTimestamp === undefined ? 0 : 1,
    metadata.ownerReferences,
    metadata.annotations?.[IMAGE_PLATFORMS],
    spec.schedulerName,
    spec.nodeSelector,
    spec.affinity,
    spec.tolerations,
    spec.topologySpreadConstraints,
    spec.overhead,
    spec.resources,
    spec.hostNetwork,
    spec.containers.map((container) => containerKey(container, spec)),
    spec.initContainers?.map((container) => containerKey(container, spec)),
  ]);
}

export function newPodKind(key: string, pod: Pod, labelKeys: ReadonlySet<string>): PodKind {
  const scored = scoredRequests(pod);
  const { namespace = "" } = pod.metadata;
  const labels = relevantLabels(pod.metadata.labels, labelKeys) ?? {};
  const owner = controllerOf(pod)?.uid;
  return {
    key,
    pod,
    namespace,
    labels,
    terminating: pod.metadata.deletionTimestamp !== undefined,
    owner,
    marks: [
      ...Object.entries(labels).map(([name, value]) => labelMark(namespace, name, value)),
      ...(owner === undefined ? [] : [ownerMark(owner)]),
    ],
    terms: affinityTerms(pod),
    share: {
      amounts: [...podRequests(pod)].filter(([, amount]) => amount > 0),
      scoredCpu: scored.cpu,
      scoredMemory: scored.memory,
      ports: hostPortsOf(pod.spec),
    },
    onNodes: new Map(),
    subscriptions: undefined,
    placed: 0,
    held: 0,
  };
}

/** The mark of pods of a namespace that have a label. Pure. */
export function labelMark(namespace: string, key: string, value: string): string {
  return `${namespace}/${key}=${value}`;
}

/** The mark of pods that a controller owns. Pure. */
export function ownerMark(uid: string): string {
  return `owner ${uid}`;
}

/** Keys of pod labels that a pod's own rules look at. Pure. */
export function labelKeysOf({ spec }: Pod): string[] {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  const terms = [podAffinity, podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ podAffinityTerm }) => podAffinityTerm,
    ),
  ]);
  return [
    ...terms.flatMap(({ labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] }) => [
      ...selectorKeys(labelSelector),
      ...matchLabelKeys,
      ...mismatchLabelKeys,
    ]),
    ...(spec.topologySpreadConstraints ?? []).flatMap(({ labelSelector, matchLabelKeys = [] }) => [
      ...selectorKeys(labelSelector),
      ...matchLabelKeys,
    ]),
  ];
}

/** All terms, of all four sorts. Pure. */
export function allTerms(terms: AffinityTerms): readonly AffinityTerm[] {
  return [...terms.required, ...terms.requiredAnti, ...terms.preferred, ...terms.preferredAnti];
}

function containerKey(
  { image, resources, ports, restartPolicy }: Container,
  { hostNetwork }: Pod["spec"],
): readonly unknown[] {
  const takesPorts = hostNetwork === true || ports?.some(({ hostPort }) => hostPort !== undefined);
  return [image, resources, takesPorts === true ? ports : undefined, restartPolicy];
}

function relevantLabels(
  labels: StringMap | undefined,
  keys: ReadonlySet<string>,
): StringMap | undefined {
  if (labels === undefined || keys.size === 0) return undefined;
  const relevant: Record<string, string> = {};
  for (const key in labels) if (keys.has(key)) relevant[key] = labels[key] ?? "";
  return relevant;
}
