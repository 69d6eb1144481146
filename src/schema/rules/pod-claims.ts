import { claimSpec } from "./claim-spec.ts";
import type { DownwardAPIProjection } from "../../model/kinds.gen.ts";
import type { PodRule, Report } from "./rule.ts";
import { formatPath } from "../finding.ts";
import type { FieldPath } from "../finding.ts";

/** The claims that a pod brings along are whole; files of the downward API say of which container they tell. */
export const podClaims: PodRule = (spec, path, report) => {
  spec.volumes?.forEach(({ ephemeral, downwardAPI, projected }, index) => {
    const at = [...path, "volumes", index];
    const claim = ephemeral?.volumeClaimTemplate;
    if (claim !== undefined)
      claimSpec(claim.spec, [...at, "ephemeral", "volumeClaimTemplate", "spec"], report);
    nameContainers(downwardAPI, [...at, "downwardAPI"], report);
    projected?.sources?.forEach((source, number) => {
      const where = [...at, "projected", "sources", number, "downwardAPI"];
      nameContainers(source.downwardAPI, where, report);
    });
  });
};

function nameContainers(
  source: DownwardAPIProjection | undefined,
  at: FieldPath,
  report: Report,
): void {
  source?.items?.forEach(({ resourceFieldRef }, item) => {
    if (resourceFieldRef === undefined || resourceFieldRef.containerName !== undefined) return;
    const where = [...at, "items", item, "resourceFieldRef", "containerName"];
    const message = `${formatPath(where)} is required: a volume belongs to no container`;
    report({ code: "field/required", message, path: where });
  });
}
