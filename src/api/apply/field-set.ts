import { compare } from "../../base/order.ts";

/**
 * A set of fields as a tree. A step of a path is written as `FieldsV1` has it: `f:name` for a field, `k:{…}` for the item
 * of a list with those keys, `v:…` for a value of a set, `i:0` for a place. A node may be a member itself, hold members
 * below, or both.
 */
export interface FieldSet {
  readonly isMember: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

/** A path: steps from the root. */
export type FieldPath = readonly string[];

/** `FieldsV1` as JSON. */
export interface FieldsV1 {
  readonly [step: string]: FieldsV1;
}

/** Deepest path of a set that is read. */
const MAX_DEPTH = 110;
const NO_CHILDREN: ReadonlyMap<string, FieldSet> = new Map();

export const NO_FIELDS: FieldSet = { isMember: false, children: NO_CHILDREN };
export const ONE_FIELD: FieldSet = { isMember: true, children: NO_CHILDREN };

/** A node of these children; empty ones are left out. Pure. */
export function fieldSet(
  children: Iterable<readonly [step: string, set: FieldSet]>,
  isMember = false,
): FieldSet {
  const kept = new Map<string, FieldSet>();
  for (const [step, set] of children) if (!isEmptySet(set)) kept.set(step, set);
  return { isMember, children: kept };
}

/** The set of these paths. Pure. */
export function setOf(...paths: readonly FieldPath[]): FieldSet {
  return paths.reduce((set, path) => unite(set, pathSet(path)), NO_FIELDS);
}

function pathSet([step, ...rest]: FieldPath): FieldSet {
  return step === undefined ? ONE_FIELD : fieldSet([[step, pathSet(rest)]]);
}

/** Whether nothing is in it. Pure. */
export function isEmptySet({ isMember, children }: FieldSet): boolean {
  return !isMember && children.size === 0;
}

/** What is in either. Pure. */
export function unite(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a)) return b;
  if (isEmptySet(b)) return a;
  const children = new Map(a.children);
  for (const [step, set] of b.children)
    children.set(step, unite(children.get(step) ?? NO_FIELDS, set));
  return { isMember: a.isMember || b.isMember, children };
}

/** What is in `a` and not in `b`. Pure. */
export function subtract(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(b)) return a;
  return fieldSet(
    [...a.children].map(([step, set]) => [step, subtract(set, b.children.get(step) ?? NO_FIELDS)]),
    a.isMember && !b.isMember,
  );
}

/** What is in both. Pure. */
export function intersect(a: FieldSet, b: FieldSet): FieldSet {
  return fieldSet(
    [...a.children].map(([step, set]) => [step, intersect(set, b.children.get(step) ?? NO_FIELDS)]),
    a.isMember && b.isMember,
  );
}

/** Whether both have the same members. Pure. */
export function isSameSet(a: FieldSet, b: FieldSet): boolean {
  if (a.isMember !== b.isMember || a.children.size !== b.children.size) return false;
  return [...a.children].every(([step, set]) => {
    const other = b.children.get(step);
    return other !== undefined && isSameSet(set, other);
  });
}

/** All members, in the order of their steps. Pure. */
export function membersOf(set: FieldSet): readonly FieldPath[] {
  const own: readonly FieldPath[] = set.isMember ? [[]] : [];
  const below = sorted(set).flatMap(([step, child]) =>
    membersOf(child).map((path) => [step, ...path]),
  );
  return [...own, ...below];
}

/** The set as Kubernetes writes it. Pure. */
export function toFieldsV1(set: FieldSet): FieldsV1 {
  const entries = sorted(set).map(([step, child]) => [step, toFieldsV1(child)] as const);
  const own = set.isMember && set.children.size > 0 ? [[".", {}] as const] : [];
  return Object.fromEntries([...own, ...entries]);
}

/** The set that `FieldsV1` states; `undefined` when it is none. Pure. */
export function parseFieldsV1(value: unknown): FieldSet | undefined {
  // The root is never a member.
  return isRecord(value) && Object.keys(value).length === 0
    ? NO_FIELDS
    : parseNode(value, MAX_DEPTH);
}

function parseNode(value: unknown, depth: number): FieldSet | undefined {
  if (!isRecord(value) || depth === 0) return undefined;
  const entries = Object.entries(value);
  if (entries.length === 0) return ONE_FIELD;
  const children: [string, FieldSet][] = [];
  for (const [step, below] of entries) {
    if (step === ".") continue;
    const child = /^[fkvi]:/.test(step) ? parseNode(below, depth - 1) : undefined;
    if (child === undefined) return undefined;
    children.push([step, child]);
  }
  return fieldSet(children, Object.hasOwn(value, "."));
}

/** `.spec.containers[name="web"].image`, as Kubernetes' messages write a path. Pure. */
export function formatFieldPath(path: FieldPath): string {
  return path.map(formatStep).join("");
}

function formatStep(step: string): string {
  const rest = step.slice(2);
  switch (step.slice(0, 2)) {
    case "f:":
      return `.${rest}`;
    case "v:":
      return `[=${rest}]`;
    case "k:":
      return `[${keysOf(rest)}]`;
    default:
      return `[${rest}]`;
  }
}

function keysOf(text: string): string {
  try {
    const keys: unknown = JSON.parse(text);
    if (!isRecord(keys)) return text;
    return Object.entries(keys)
      .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
      .join(",");
  } catch {
    return text;
  }
}

function sorted({ children }: FieldSet): readonly (readonly [string, FieldSet])[] {
  return [...children].toSorted(([a], [b]) => compare(a, b));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
