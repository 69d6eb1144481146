import { matchesSelector } from "../model/labels.ts";
import type { LabelRequirement, LabelSelector, Pod, PodAffinityTerm } from "../model/kinds.gen.ts";
import type { StringMap } from "../model/meta.ts";

/** A term of pod (anti-)affinity, ready to be asked. */
export interface AffinityTerm {
  readonly topologyKey: string;
  readonly selector: LabelSelector | undefined;
  readonly namespaces: ReadonlySet<string>;
  readonly namespaceSelector: LabelSelector | undefined;
  /** Of a preferred term; 1 for a required one. */
  readonly weight: number;
}

/** All terms of one pod. */
export interface AffinityTerms {
  readonly required: readonly AffinityTerm[];
  readonly requiredAnti: readonly AffinityTerm[];
  readonly preferred: readonly AffinityTerm[];
  readonly preferredAnti: readonly AffinityTerm[];
}

/** Whom a term may choose. */
export interface TermSubject {
  readonly namespace: string;
  readonly labels: StringMap;
}

export const NO_TERMS: AffinityTerms = {
  required: [],
  requiredAnti: [],
  preferred: [],
  preferredAnti: [],
};

/** The terms of a pod; its own labels stand in for `matchLabelKeys` and `mismatchLabelKeys`. Pure. */
export function affinityTerms(pod: Pod): AffinityTerms {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  if (podAffinity === undefined && podAntiAffinity === undefined) return NO_TERMS;
  const parse = (term: PodAffinityTerm, weight: number): AffinityTerm =>
    parseTerm(term, pod, weight);
  return {
    required: (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) =>
      parse(term, 1),
    ),
    requiredAnti: (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(
      (term) => parse(term, 1),
    ),
    preferred: (podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ podAffinityTerm, weight }) => parse(podAffinityTerm, weight),
    ),
    preferredAnti: (podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ podAffinityTerm, weight }) => parse(podAffinityTerm, weight),
    ),
  };
}

/** Whether a term chooses pods of a namespace with these labels. Pure. */
export function choosesPod(
  term: AffinityTerm,
  { namespace, labels }: TermSubject,
  namespaceLabels: (namespace: string) => StringMap,
): boolean {
  return (
    (term.namespaces.has(namespace) ||
      (term.namespaceSelector !== undefined &&
        matchesSelector(term.namespaceSelector, namespaceLabels(namespace)))) &&
    matchesSelector(term.selector, labels)
  );
}

/** Label keys that a selector looks at. Pure. */
export function selectorKeys(selector: LabelSelector | undefined): readonly string[] {
  return [
    ...Object.keys(selector?.matchLabels ?? {}),
    ...(selector?.matchExpressions ?? []).map(({ key }) => key),
  ];
}

/** A selector that also asks for (or against) the values that `labels` has of the keys. Pure. */
export function narrowed(
  selector: LabelSelector | undefined,
  labels: StringMap,
  keys: readonly string[],
  mismatchKeys: readonly string[] = [],
): LabelSelector | undefined {
  if (selector === undefined || (keys.length === 0 && mismatchKeys.length === 0)) return selector;
  const requirements = (from: readonly string[], operator: "In" | "NotIn"): LabelRequirement[] =>
    from.flatMap((key) => {
      const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
      return value === undefined ? [] : [{ key, operator, values: [value] }];
    });
  return {
    ...selector,
    matchExpressions: [
      ...(selector.matchExpressions ?? []),
      ...requirements(keys, "In"),
      ...requirements(mismatchKeys, "NotIn"),
    ],
  };
}

function parseTerm(term: PodAffinityTerm, { metadata }: Pod, weight: number): AffinityTerm {
  const { namespaces = [], namespaceSelector } = term;
  const own = namespaces.length === 0 && namespaceSelector === undefined;
  return {
    topologyKey: term.topologyKey,
    selector: narrowed(
      term.labelSelector,
      metadata.labels ?? {},
      term.matchLabelKeys ?? [],
      term.mismatchLabelKeys ?? [],
    ),
    namespaces: new Set(own ? [metadata.namespace ?? ""] : namespaces),
    namespaceSelector,
    weight,
  };
}
