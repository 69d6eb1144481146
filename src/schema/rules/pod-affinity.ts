import type { NodeSelectorTerm, PodAffinity, PodAffinityTerm } from "../../model/kinds.gen.ts";
import { formatPath } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import { checkRequirements, checkSelectorValues } from "./requirements.ts";
import type { PodRule, Report } from "./rule.ts";

const REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution";

/** The terms of an affinity choose something. */
export const podAffinity: PodRule = (spec, path, report) => {
  const { affinity } = spec;
  if (affinity === undefined) return;
  const at = [...path, "affinity"];
  const { nodeAffinity } = affinity;
  const terms = [...at, "nodeAffinity", REQUIRED, "nodeSelectorTerms"];
  nodeAffinity?.[REQUIRED]?.nodeSelectorTerms.forEach((term, index) => {
    checkNodeTerm(term, [...terms, index], report);
    if (isEmptyTerm(term)) {
      const where = [...terms, index];
      report({
        code: "affinity/term",
        message: `${formatPath(where)} chooses no node: it has neither matchExpressions nor matchFields`,
        path: where,
        hint: "write what the node must have, or remove the term",
      });
    }
  });
  nodeAffinity?.[PREFERRED]?.forEach(({ preference }, index) => {
    checkNodeTerm(preference, [...at, "nodeAffinity", PREFERRED, index, "preference"], report);
  });
  checkPodAffinity(affinity.podAffinity, [...at, "podAffinity"], report);
  checkPodAffinity(affinity.podAntiAffinity, [...at, "podAntiAffinity"], report);
};

function isEmptyTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm): boolean {
  return matchExpressions.length === 0 && matchFields.length === 0;
}

function checkNodeTerm(term: NodeSelectorTerm, path: FieldPath, report: Report): void {
  checkRequirements(term.matchExpressions, [...path, "matchExpressions"], report);
  term.matchFields?.forEach(({ key, operator, values = [] }, index) => {
    const at = [...path, "matchFields", index];
    if (key !== "metadata.name") {
      const message = `${formatPath([...at, "key"])} must be metadata.name`;
      report({ code: "affinity/term", message, path: [...at, "key"] });
    } else if ((operator !== "In" && operator !== "NotIn") || values.length !== 1) {
      const message = `${formatPath(at)} must have the operator In or NotIn and one value`;
      report({ code: "affinity/term", message, path: at });
    }
  });
}

function checkPodAffinity(
  affinity: PodAffinity | undefined,
  path: FieldPath,
  report: Report,
): void {
  affinity?.[REQUIRED]?.forEach((term, index) => {
    checkPodTerm(term, [...path, REQUIRED, index], report);
  });
  affinity?.[PREFERRED]?.forEach(({ podAffinityTerm }, index) => {
    checkPodTerm(podAffinityTerm, [...path, PREFERRED, index, "podAffinityTerm"], report);
  });
}

function checkPodTerm(term: PodAffinityTerm, path: FieldPath, report: Report): void {
  checkSelectorValues(term.labelSelector, [...path, "labelSelector"], report);
  checkSelectorValues(term.namespaceSelector, [...path, "namespaceSelector"], report);
  if (term.topologyKey !== "") return;
  const at = [...path, "topologyKey"];
  const hint = 'write "kubernetes.io/hostname" for a node';
  report({ code: "affinity/term", message: `${formatPath(at)} is empty`, path: at, hint });
}
