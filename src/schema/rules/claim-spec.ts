import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from "../../model/kinds.gen.ts";
import { formatPath } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import { accessModes } from "./access-modes.ts";
import { checkSelectorValues } from "./requirements.ts";
import type { ObjectRule, Report } from "./rule.ts";

/** A claim says how it is accessed and how much it wants. */
export function claimSpec(spec: PersistentVolumeClaimSpec, path: FieldPath, report: Report): void {
  accessModes(spec.accessModes, path, report);
  checkSelectorValues(spec.selector, [...path, "selector"], report);
  if (spec.resources?.requests?.["storage"] !== undefined) return;
  const at = [...path, "resources", "requests", "storage"];
  const hint = 'write for instance "storage: 1Gi"';
  report({ code: "field/required", message: `${formatPath(at)} is required`, path: at, hint });
}

/** `claimSpec` for a PersistentVolumeClaim. */
export const persistentVolumeClaim: ObjectRule<PersistentVolumeClaim> = ({ spec }, report) => {
  claimSpec(spec, ["spec"], report);
};
