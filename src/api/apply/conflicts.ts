import { compare } from "../../base/order.ts";
import { ApiFailure } from "../failure.ts";
import type { ApplyConflict } from "./apply-config.ts";
import type { Writer } from "./claims.ts";
import { formatFieldPath } from "./field-set.ts";

/** Conflicts that are told one by one. */
const MAX_CAUSES = 200;

/** 409, with one cause a field, in Kubernetes' words. Pure. */
export function applyConflict(conflicts: readonly ApplyConflict[]): ApiFailure {
  const told = conflicts
    .map(({ owner, path }) => ({ owner: formatWriter(owner), field: formatFieldPath(path) }))
    .toSorted((a, b) => compare(a.owner, b.owner) || compare(a.field, b.field));
  const causes = told.slice(0, MAX_CAUSES).map(({ owner, field }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${owner}`,
    field,
  }));
  return new ApiFailure(409, "Conflict", messageOf(told.slice(0, MAX_CAUSES), told.length), {
    details: { causes },
  });
}

interface Told {
  readonly owner: string;
  readonly field: string;
}

function messageOf(told: readonly Told[], count: number): string {
  const [first] = told;
  if (count === 1 && first !== undefined)
    return `Apply failed with 1 conflict: conflict with ${first.owner}: ${first.field}`;
  const lines = [...Map.groupBy(told, ({ owner }) => owner)].flatMap(([owner, fields]) => [
    `conflicts with ${owner}:`,
    ...fields.map(({ field }) => `- ${field}`),
  ]);
  return `Apply failed with ${count} conflicts: ${lines.join("\n")}`;
}

function formatWriter({ manager, operation, apiVersion, subresource }: Writer): string {
  const by = subresource === "" ? "" : ` with subresource ${JSON.stringify(subresource)}`;
  const how = operation === "Update" ? ` using ${apiVersion}` : "";
  return `${JSON.stringify(manager)}${by}${how}`;
}
