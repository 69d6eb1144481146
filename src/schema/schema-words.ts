import { isFields } from "./fields.ts";
import type { JsonSchema } from "./json-schema.ts";

/** Whether a value is of a type, or one of several, as JSON Schema has them. Pure. */
export function hasType(value: unknown, type: string | readonly string[]): boolean {
  return typeof type === "string"
    ? isOfType(value, type)
    : type.some((one) => isOfType(value, one));
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case "object":
      return isFields(value);
    case "array":
      return Array.isArray(value);
    case "null":
      return value === null;
    case "integer":
      return Number.isInteger(value);
    case "number":
      return Number.isFinite(value);
    default:
      return typeof value === type;
  }
}

interface Failure {
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** One limit: what it measures of a value, when it holds, and how it is told. */
interface Limit {
  readonly measure: (value: unknown) => number | undefined;
  readonly holds: (measured: number, limit: number) => boolean;
  readonly says: string;
}

const LIMITS: Readonly<Record<string, Limit>> = {
  minimum: { measure: numberOf, holds: (n, limit) => n >= limit, says: "must be >=" },
  maximum: { measure: numberOf, holds: (n, limit) => n <= limit, says: "must be <=" },
  exclusiveMinimum: { measure: numberOf, holds: (n, limit) => n > limit, says: "must be >" },
  exclusiveMaximum: { measure: numberOf, holds: (n, limit) => n < limit, says: "must be <" },
  multipleOf: { measure: numberOf, holds: isMultiple, says: "must be a multiple of" },
  minLength: { measure: lengthOf, holds: (n, limit) => n >= limit, says: "characters: at least" },
  maxLength: { measure: lengthOf, holds: (n, limit) => n <= limit, says: "characters: at most" },
  minItems: { measure: countOf, holds: (n, limit) => n >= limit, says: "items: at least" },
  maxItems: { measure: countOf, holds: (n, limit) => n <= limit, says: "items: at most" },
  minProperties: { measure: fieldsOf, holds: (n, limit) => n >= limit, says: "fields: at least" },
  maxProperties: { measure: fieldsOf, holds: (n, limit) => n <= limit, says: "fields: at most" },
};
const LIMIT_NAMES = Object.keys(LIMITS);

/** A pattern of a CustomResourceDefinition, ready to be used. */
interface PatternCheck {
  readonly source: string;
  readonly test: (text: string) => boolean | undefined;
}

/** The limits of a schema that a value does not keep. Pure. */
export function limitFailures(value: unknown, schema: JsonSchema): readonly Failure[] {
  const failures: Failure[] = [];
  for (const keyword of LIMIT_NAMES) {
    const limit = schema[keyword];
    const rule = LIMITS[keyword];
    if (typeof limit !== "number" || rule === undefined) continue;
    const measured = rule.measure(value);
    if (measured === undefined || rule.holds(measured, limit)) continue;
    failures.push({ keyword, params: { limit }, message: `${rule.says} ${limit}` });
  }
  const pattern = schema["x-pattern"] as PatternCheck | undefined;
  if (pattern !== undefined && typeof value === "string" && pattern.test(value) !== true) {
    const { source } = pattern;
    const message = `must match the pattern ${JSON.stringify(source)}`;
    failures.push({ keyword: "pattern", params: { pattern: source }, message });
  }
  if (schema["uniqueItems"] === true && Array.isArray(value) && !areUnique(value as unknown[])) {
    failures.push({ keyword: "uniqueItems", params: {}, message: "must not have an item twice" });
  }
  return failures;
}

/** Whether two values are equal, whatever the order of their fields. Pure. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  return orderedJson(a) === orderedJson(b);
}

function areUnique(list: readonly unknown[]): boolean {
  return new Set(list.map(orderedJson)).size === list.length;
}

function orderedJson(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) =>
    isFields(part) ? Object.fromEntries(Object.entries(part).toSorted(byName)) : part,
  );
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function lengthOf(value: unknown): number | undefined {
  return typeof value === "string" ? countCharacters(value) : undefined;
}

/** Characters, not UTF-16 units. Pure. */
export function countCharacters(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length - 1; index++) {
    const isPair = isBetween(text.charCodeAt(index), 0xd800, 0xdbff);
    if (isPair && isBetween(text.charCodeAt(index + 1), 0xdc00, 0xdfff)) count--;
  }
  return count;
}

function isBetween(code: number, low: number, high: number): boolean {
  return code >= low && code <= high;
}

function countOf(value: unknown): number | undefined {
  return Array.isArray(value) ? value.length : undefined;
}

function fieldsOf(value: unknown): number | undefined {
  return isFields(value) ? Object.keys(value).length : undefined;
}

function isMultiple(number: number, of: number): boolean {
  const times = number / of;
  return Math.abs(times - Math.round(times)) <= Number.EPSILON * Math.max(1, Math.abs(times));
}
