import { claimSpec } from "./claim-spec.ts";
import type { PodRule } from "./rule.ts";
import { formatPath } from "../finding.ts";

/** The claims that a pod brings along are whole; files of the downward API say of which container they tell. */
export const podClaims: PodRule = (spec, path, report) => {
  spec.volumes?.forEach(({ ephemeral, downwardAPI }, index) => {
    const at = [...path, "volumes", index];
    const claim = ephemeral?.volumeClaimTemplate;
    if (claim !== undefined)
      claimSpec(claim.spec, [...at, "ephemeral", "volumeClaimTemplate", "spec"], report);
    downwardAPI?.items?.forEach(({ resourceFieldRef }, item) => {
      if (resourceFieldRef === undefined || resourceFieldRef.containerName !== undefined) return;
      const where = [...at, "downwardAPI", "items", item, "resourceFieldRef", "containerName"];
      const message = `${formatPath(where)} is required: a volume belongs to no container`;
      report({ code: "field/required", message, path: where });
    });
  });
};
