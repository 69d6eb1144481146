import { isSameJson } from "../../base/same-json.ts";
import { isSameWriter } from "./claims.ts";
import type { Claim, Writer } from "./claims.ts";
import {
  fieldSet,
  intersect,
  isEmptySet,
  isSameSet,
  membersOf,
  NO_FIELDS,
  subtract,
  unite,
} from "./field-set.ts";
import type { FieldPath, FieldSet } from "./field-set.ts";
import type { FieldType } from "./field-type.ts";
import {
  compose,
  differences,
  fieldsOf,
  isEmptyValue,
  isFields,
  mergeValue,
  partsOf,
} from "./typed-value.ts";
import type { Child } from "./typed-value.ts";

/** The manager of what stood in Git before anybody applied the object. It never stands against who applies. */
export const GIT_MANAGER = "git";

/** A write of one object, of which only what `type` describes is looked at. */
interface Written {
  readonly live: unknown;
  readonly type: FieldType;
  readonly claims: readonly Claim[];
  readonly by: Writer;
  /** In RFC 3339. */
  readonly now: string;
}

export interface ApplyRequest extends Written {
  readonly config: unknown;
  readonly force: boolean;
}

export interface UpdateRequest extends Written {
  readonly next: unknown;
}

/** A field that somebody else owns with another value. */
export interface ApplyConflict {
  readonly owner: Claim;
  readonly path: FieldPath;
}

export type ApplyOutcome =
  | { readonly kind: "applied"; readonly value: unknown; readonly claims: readonly Claim[] }
  | { readonly kind: "conflicts"; readonly conflicts: readonly ApplyConflict[] };

/**
 * What `live` becomes when somebody applies `config`, and who then owns what: all that `config` states is the applier's,
 * what it owned alone and no longer states goes, what others own stays. Without `force`, other values of what others own
 * are conflicts. Applying the same again changes nothing. Pure.
 */
export function applyConfig(request: ApplyRequest): ApplyOutcome {
  const { live, config, type, by, force, now } = request;
  const last = request.claims.find((claim) => isSameWriter(claim, by));
  const stated = fieldsOf(config, type);
  const others = request.claims
    .filter((claim) => claim !== last)
    .map((claim) => (isGits(claim) ? without(claim, leavesOf(stated)) : claim));
  const owned = others.reduce((set, { fields }) => unite(set, fields), stated);
  const merged = mergeValue(live, config, type);
  const value =
    last === undefined ? merged : prune(merged, type, { last: last.fields, owned, stays: ROOT });
  const { changed, removed } = differences(live, value, type);
  const conflicts = others
    .filter((claim) => !isGits(claim))
    .flatMap((owner) =>
      membersOf(intersect(owner.fields, changed)).map((path) => ({ owner, path })),
    );
  if (conflicts.length > 0 && !force) return { kind: "conflicts", conflicts };
  const isSame = isSameJson(live, value) && last !== undefined && isSameSet(last.fields, stated);
  const own: Claim = { ...by, fields: stated, time: isSame ? last.time : now };
  const lost = unite(changed, removed);
  return { kind: "applied", value, claims: [...others.map((claim) => without(claim, lost)), own] };
}

/** Who owns what once `live` has become `next`: what is changed is the writer's. Pure. */
export function claimChanges({
  live,
  next,
  type,
  claims,
  by,
  now,
}: UpdateRequest): readonly Claim[] {
  const { changed, removed } = differences(live, next, type);
  if (isEmptySet(changed) && isEmptySet(removed)) return claims;
  const lost = unite(changed, removed);
  const last = claims.find((claim) => isSameWriter(claim, by));
  const before = last?.fields ?? NO_FIELDS;
  const fields = unite(subtract(before, removed), withoutUsual(changed));
  const time = isSameSet(fields, before) ? last?.time : now;
  const others = claims.filter((claim) => claim !== last).map((claim) => without(claim, lost));
  return [...others, { ...by, fields, time }];
}

function isGits({ manager, operation }: Writer): boolean {
  return manager === GIT_MANAGER && operation === "Update";
}

function without(claim: Claim, lost: FieldSet): Claim {
  return { ...claim, fields: subtract(claim.fields, lost) };
}

/** The members that hold no others: whoever takes a field over leaves the list item around it to who put it there. */
function leavesOf({ isMember, children }: FieldSet): FieldSet {
  return fieldSet(
    [...children].map(([step, child]) => [step, leavesOf(child)]),
    isMember && children.size === 0,
  );
}

/** Fields that every object of their kind has, filled or not: nobody owns them by themselves. */
const USUAL: ReadonlySet<string> = new Set(
  [
    "metadata",
    "spec",
    "status",
    "template",
    "strategy",
    "updateStrategy",
    "jobTemplate",
    "containers",
  ].map((field) => `f:${field}`),
);

function withoutUsual(set: FieldSet, step = ""): FieldSet {
  return fieldSet(
    [...set.children].map(([name, child]) => [name, withoutUsual(child, name)]),
    set.isMember && (set.children.size === 0 || !USUAL.has(step)),
  );
}

interface Owners {
  /** What the applier stated before. */
  readonly last: FieldSet;
  /** What anybody owns now. */
  readonly owned: FieldSet;
  /** Steps that never go as such. */
  readonly stays: ReadonlySet<string>;
}

/** What the server keeps in it stands beside what has owners. */
const ROOT: ReadonlySet<string> = new Set(["f:metadata"]);
const NOTHING: ReadonlySet<string> = new Set();

/** `value` without what the applier alone stated, and states no more. */
function prune(value: unknown, type: FieldType, { last, owned, stays }: Owners): unknown {
  const found = partsOf(value, type);
  if (found.kind === "whole") return value;
  // An item without its keys is none.
  const keys = type.kind === "list" ? new Set(type.keys.map((key) => `f:${key}`)) : NOTHING;
  const kept: (readonly [string, unknown])[] = [];
  for (const [step, child] of found.parts) {
    const lastBelow = last.children.get(step);
    if (lastBelow === undefined || (stays.has(step) && !isFields(child.value))) {
      kept.push([step, child.value]);
      continue;
    }
    const ownedBelow = owned.children.get(step) ?? NO_FIELDS;
    const mayGo = !stays.has(step) && goesAsWhole(child, lastBelow);
    if (mayGo && isEmptySet(ownedBelow)) continue;
    const below = { last: lastBelow, owned: ownedBelow, stays: keys };
    const next = prune(child.value, child.type, below);
    const isEmptied = isEmptyValue(next) && !isEmptyValue(child.value) && !ownedBelow.isMember;
    if (!isEmptied) kept.push([step, next]);
  }
  return compose(found.kind, kept);
}

/** A type that makes sense only as long as somebody states it; of what users name and list each part is on its own. */
function goesAsWhole({ type, isNamed }: Child, last: FieldSet): boolean {
  if (last.isMember) return true;
  return isNamed && type.kind === "map" && !type.isOpen;
}
