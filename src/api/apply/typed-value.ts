import { unreachable } from "../../base/assert.ts";
import { canonicalJson } from "../../base/hash.ts";
import { isSameJson } from "../../base/same-json.ts";
import { fieldSet, NO_FIELDS, ONE_FIELD } from "./field-set.ts";
import type { FieldSet } from "./field-set.ts";
import { FREE_MAP, WHOLE } from "./field-type.ts";
import type { FieldType } from "./field-type.ts";

/** A value in its parts: the steps to them, what they are, and how they are put together again. */
export type Parts =
  | { readonly kind: "whole" }
  | {
      readonly kind: "map" | "list";
      readonly parts: ReadonlyMap<string, Child>;
    };

export interface Child {
  readonly value: unknown;
  readonly type: FieldType;
  /** Whether the type names the field: then it is nobody's by itself. */
  readonly isNamed: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** A value that cannot be told apart from another one; `path` is in Kubernetes' form. */
export class TypedValueError extends Error {
  override readonly name = "TypedValueError";
}

/** The parts that a value of this type has; what is no such value is a whole. Pure. */
export function partsOf(value: unknown, type: FieldType): Parts {
  switch (type.kind) {
    case "whole":
      return ONE;
    case "free":
      return isFields(value) ? partsOf(value, FREE_MAP) : ONE;
    case "map":
      return isFields(value) ? mapParts(value, type) : ONE;
    case "set":
    case "list":
      return Array.isArray(value) ? listParts(value, type) : ONE;
    default:
      return unreachable(type);
  }
}

const ONE: Parts = { kind: "whole" };

function mapParts(value: Fields, type: Extract<FieldType, { kind: "map" }>): Parts {
  const parts = new Map<string, Child>();
  for (const [field, part] of Object.entries(value)) {
    if (part === undefined) continue;
    parts.set(`f:${field}`, { value: part, type: type.field(field), isNamed: type.has(field) });
  }
  return { kind: "map", parts };
}

function listParts(
  items: readonly unknown[],
  type: Extract<FieldType, { kind: "set" | "list" }>,
): Parts {
  const parts = new Map<string, Child>();
  for (const [index, item] of items.entries()) {
    const child = { value: item, type: type.kind === "set" ? WHOLE : type.item, isNamed: false };
    const step = stepOf(item, type);
    // Of equal items the first is meant; a list that was stored like that is left so.
    parts.set(step === undefined || parts.has(step) ? `i:${index}` : step, child);
  }
  return { kind: "list", parts };
}

function stepOf(
  item: unknown,
  type: Extract<FieldType, { kind: "set" | "list" }>,
): string | undefined {
  if (type.kind === "set") return `v:${canonicalJson(item)}`;
  if (!isFields(item)) return undefined;
  const keys = type.keys.flatMap((key) => {
    const value = item[key] ?? type.defaults[key];
    return value === undefined ? [] : [[key, value] as const];
  });
  return keys.length === 0 ? undefined : `k:${canonicalJson(Object.fromEntries(keys))}`;
}

/** Throws `TypedValueError` where the items of a list cannot be told apart, or state no key. Pure. */
export function checkItems(value: unknown, type: FieldType, path = ""): void {
  if ((type.kind === "set" || type.kind === "list") && Array.isArray(value)) {
    const seen = new Set<string>();
    for (const [index, item] of value.entries()) {
      const step = stepOf(item, type);
      const keys = type.kind === "list" ? type.keys : [];
      const defaults = type.kind === "list" ? type.defaults : {};
      const missing = keys.find(
        (key) => !isFields(item) || (item[key] ?? defaults[key]) === undefined,
      );
      if (step === undefined || missing !== undefined)
        throw new TypedValueError(
          `${path}: element ${index}: associative list with keys has an element that omits key field ` +
            `${JSON.stringify(missing ?? keys[0])} (and doesn't have default value)`,
        );
      if (seen.has(step))
        throw new TypedValueError(`${path}: duplicate entries for key ${step.slice(2)}`);
      seen.add(step);
    }
  }
  const found = partsOf(value, type);
  if (found.kind === "whole") return;
  for (const [step, child] of found.parts)
    checkItems(child.value, child.type, step.startsWith("f:") ? `${path}.${step.slice(2)}` : path);
}

/** Puts parts together again; the items of a list in the order of the map. Pure. */
export function compose(
  kind: "map" | "list",
  parts: Iterable<readonly [string, unknown]>,
): unknown {
  if (kind === "list") return [...parts].map(([, value]) => value);
  return Object.fromEntries([...parts].map(([step, value]) => [step.slice(2), value]));
}

/** The fields that a value states: its leaves, the items of lists and what has a name of the user's own. Pure. */
export function fieldsOf(value: unknown, type: FieldType): FieldSet {
  const found = partsOf(value, type);
  if (found.kind === "whole") return ONE_FIELD;
  return fieldSet(
    [...found.parts].map(([step, child]) => {
      const below = fieldsOf(child.value, child.type);
      const isOwn = !child.isNamed || isEmptyValue(child.value);
      return [step, isOwn ? { ...below, isMember: true } : below];
    }),
  );
}

/** What differs between two values of a type. */
export interface Differences {
  readonly added: FieldSet;
  readonly removed: FieldSet;
  /** Added or with another value. */
  readonly changed: FieldSet;
}

const SAME: Differences = { added: NO_FIELDS, removed: NO_FIELDS, changed: NO_FIELDS };

/** What `after` has otherwise than `before`; `undefined` stands for nothing at all. Pure. */
export function differences(before: unknown, after: unknown, type: FieldType): Differences {
  if (isSameJson(before, after)) return SAME;
  const [old, next] = [partsOrNothing(before, type), partsOrNothing(after, type)];
  if (old === undefined || next === undefined || (isBare(old) && isBare(next))) {
    if (before === undefined) return { ...SAME, added: ONE_FIELD, changed: ONE_FIELD };
    if (after === undefined) return { ...SAME, removed: ONE_FIELD };
    return { ...SAME, changed: ONE_FIELD };
  }
  const steps = new Set([...old.keys(), ...next.keys()]);
  const below = [...steps].map((step) => {
    const child = next.get(step) ?? old.get(step);
    const inner = differences(old.get(step)?.value, next.get(step)?.value, child?.type ?? WHOLE);
    return [step, inner] as const;
  });
  const pick = (name: keyof Differences, isMember: boolean): FieldSet =>
    fieldSet(
      below.map(([step, inner]) => [step, inner[name]]),
      isMember,
    );
  const [isNew, isGone] = [before === undefined, after === undefined];
  return {
    added: pick("added", isNew),
    removed: pick("removed", isGone),
    changed: pick("changed", isNew),
  };
}

/** The parts of a value; of nothing none; `undefined` for what has no parts. */
function partsOrNothing(value: unknown, type: FieldType): ReadonlyMap<string, Child> | undefined {
  if (value === undefined) return NOTHING;
  const found = partsOf(value, type);
  return found.kind === "whole" ? undefined : found.parts;
}

const NOTHING: ReadonlyMap<string, Child> = new Map();

function isBare(parts: ReadonlyMap<string, Child>): boolean {
  return parts.size === 0;
}

/** `live` with all that `config` states. Items of lists keep the order that `config` gives them. Pure. */
export function mergeValue(live: unknown, config: unknown, type: FieldType): unknown {
  const next = partsOf(config, type);
  const old = partsOf(live, type);
  if (next.kind === "whole" || old.kind === "whole") return config;
  const merge = (step: string, child: Child): readonly [string, unknown] => {
    const before = old.parts.get(step);
    return [
      step,
      before === undefined ? child.value : mergeValue(before.value, child.value, child.type),
    ];
  };
  if (next.kind === "map") {
    const kept = [...old.parts].map(([step, { value }]) => [step, value] as const);
    return compose("map", [...kept, ...[...next.parts].map(([step, child]) => merge(step, child))]);
  }
  return compose("list", weave(old.parts, next.parts, merge));
}

/** Items of both lists: those of `next` in their order, the others of `old` where they stood between them. */
function weave(
  old: ReadonlyMap<string, Child>,
  next: ReadonlyMap<string, Child>,
  merge: (step: string, child: Child) => readonly [string, unknown],
): readonly (readonly [string, unknown])[] {
  const result: (readonly [string, unknown])[] = [];
  const waiting = [...next];
  const placed = new Set<string>();
  const place = (until: string | undefined): void => {
    for (let item = waiting[placed.size]; item !== undefined; item = waiting[placed.size]) {
      const [step, child] = item;
      placed.add(step);
      result.push(merge(step, child));
      if (step === until) return;
    }
  };
  for (const [step, child] of old) {
    if (!next.has(step)) result.push([step, child.value]);
    else if (!placed.has(step)) place(step);
  }
  place(undefined);
  return result;
}

/** Whether it is a map or list of nothing. Pure. */
export function isEmptyValue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isFields(value) && Object.keys(value).length === 0;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
