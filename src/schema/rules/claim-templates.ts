import type { StatefulSet } from "../../model/kinds.gen.ts";
import { claimSpec } from "./claim-spec.ts";
import { reportDuplicates } from "./duplicates.ts";
import type { ObjectRule } from "./rule.ts";

/** The claims of a StatefulSet are whole, and each has its own name. */
export const claimTemplates: ObjectRule<StatefulSet> = ({ spec }, report) => {
  const path = ["spec", "volumeClaimTemplates"];
  spec.volumeClaimTemplates?.forEach((claim, index) => {
    claimSpec(claim.spec, [...path, index, "spec"], report);
  });
  reportDuplicates(spec.volumeClaimTemplates, (claim) => claim.metadata.name, {
    path,
    field: "metadata",
    report,
  });
};
