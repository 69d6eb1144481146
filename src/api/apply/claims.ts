import { compare } from "../../base/order.ts";
import type { ManagedFieldsEntry } from "../../model/kinds.gen.ts";
import { isEmptySet, parseFieldsV1, toFieldsV1, unite } from "./field-set.ts";
import type { FieldSet } from "./field-set.ts";

/** Who writes, and how. */
export interface Writer {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  /** Empty for the object itself. */
  readonly subresource: string;
}

/** The fields that a writer owns. */
export interface Claim extends Writer {
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

/** Writers by update that are told apart; older ones become one. */
const MAX_UPDATERS = 10;
const ANCIENT = "ancient-changes";
const FIELDS_TYPE = "FieldsV1";

/** The claims that `metadata.managedFields` states; `undefined` when it cannot be read. Pure. */
export function readClaims(
  entries: readonly ManagedFieldsEntry[] | undefined,
): readonly Claim[] | undefined {
  if (entries === undefined) return [];
  const claims: Claim[] = [];
  for (const entry of entries) {
    const { manager = "", operation, apiVersion = "", subresource = "", time, fieldsV1 } = entry;
    const fields = parseFieldsV1(fieldsV1 ?? {});
    if (operation === undefined || fields === undefined) return undefined;
    claims.push({ manager, operation, apiVersion, subresource, time, fields });
  }
  return claims;
}

/** The claims as `metadata.managedFields`, in Kubernetes' order. Pure. */
export function writeClaims(claims: readonly Claim[]): readonly ManagedFieldsEntry[] {
  return gatherAncient(claims.filter(({ fields }) => !isEmptySet(fields)))
    .toSorted(byAge)
    .map(({ manager, operation, apiVersion, subresource, time, fields }) => ({
      manager,
      operation,
      apiVersion,
      ...(time === undefined ? {} : { time }),
      fieldsType: FIELDS_TYPE,
      fieldsV1: toFieldsV1(fields),
      ...(subresource === "" ? {} : { subresource }),
    }));
}

/** Whether both are one and the same writer: who applies is so whatever the version. Pure. */
export function isSameWriter(a: Writer, b: Writer): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    (a.operation === "Apply" || a.apiVersion === b.apiVersion)
  );
}

function byAge(a: Claim, b: Claim): number {
  return (
    compare(a.operation, b.operation) ||
    compare(a.time ?? "", b.time ?? "") ||
    compare(a.manager, b.manager) ||
    compare(a.apiVersion, b.apiVersion) ||
    compare(a.subresource, b.subresource)
  );
}

/** The oldest writers by update as one a version, while there are too many. */
function gatherAncient(claims: readonly Claim[]): readonly Claim[] {
  const updaters = claims.filter(({ operation }) => operation === "Update").toSorted(byAge);
  if (updaters.length <= MAX_UPDATERS) return claims;
  const old = updaters.filter(({ manager }) => manager !== ANCIENT);
  const known = updaters.length - old.length;
  const surplus = new Set(old.slice(0, updaters.length - MAX_UPDATERS + (known === 0 ? 1 : 0)));
  const ancient = new Map<string, Claim>();
  for (const claim of [...updaters.filter(({ manager }) => manager === ANCIENT), ...surplus]) {
    const { apiVersion } = claim;
    const before = ancient.get(apiVersion);
    const fields = before === undefined ? claim.fields : unite(before.fields, claim.fields);
    const time = before === undefined ? claim.time : before.time;
    ancient.set(apiVersion, { ...claim, manager: ANCIENT, subresource: "", time, fields });
  }
  const kept = claims.filter((claim) => !surplus.has(claim) && claim.manager !== ANCIENT);
  return [...kept, ...ancient.values()];
}
