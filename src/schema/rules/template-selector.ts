import {
  formatLabels,
  formatSelector,
  isEmptySelector,
  matchesSelector,
} from "../../model/labels.ts";
import type { LabelSelector, PodTemplateSpec } from "../../model/kinds.gen.ts";
import { checkSelectorValues } from "./requirements.ts";
import type { Report } from "./rule.ts";

/** The selector of a workload chooses the pods of its own template, and not every pod there is. */
export function templateSelector(
  selector: LabelSelector,
  template: PodTemplateSpec,
  report: Report,
): void {
  const labels = template.metadata?.labels ?? {};
  const path = ["spec", "selector"];
  if (!checkSelectorValues(selector, path, report)) return;
  if (isEmptySelector(selector)) {
    const wanted = Object.keys(labels).length > 0 ? `: ${formatLabels(labels)}` : "";
    report({
      code: "selector/empty",
      message: "spec.selector must name at least one label",
      path,
      hint: `write the labels of spec.template.metadata.labels into matchLabels${wanted}`,
    });
    return;
  }
  if (matchesSelector(selector, labels)) return;
  const found =
    Object.keys(labels).length === 0 ? "there are none" : `they are "${formatLabels(labels)}"`;
  report({
    code: "selector/mismatch",
    message: `spec.template.metadata.labels must match spec.selector "${formatSelector(selector)}": ${found}`,
    path: ["spec", "template", "metadata", "labels"],
    on: "key",
    hint: "give the template the labels that the selector asks for",
  });
}
