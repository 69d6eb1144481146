import { compare } from "../base/order.ts";
import type { StringMap } from "./meta.ts";
import { isDnsSubdomain } from "./names.ts";
import type { LabelRequirement, LabelSelector } from "./kinds.gen.ts";

/** Longest name part of a label key, and longest value. */
const MAX_LABEL_PART = 63;
/** Longest text of a selector that is parsed, far above what an URL carries. */
const MAX_SELECTOR_TEXT = 16_384;

const LABEL_PART = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** Whether all of `wanted` stand in `labels`, as for `spec.selector` of a Service. An empty map matches all. Pure. */
export function matchesLabels(wanted: StringMap, labels: StringMap | undefined): boolean {
  return Object.keys(wanted).every((key) => labelOf(labels, key) === wanted[key]);
}

/** Whether a selector chooses `labels`. An empty selector chooses everything, an absent one nothing. Pure. */
export function matchesSelector(
  selector: LabelSelector | undefined,
  labels: StringMap | undefined,
): boolean {
  if (selector === undefined) return false;
  const { matchLabels, matchExpressions } = selector;
  if (matchLabels !== undefined && !matchesLabels(matchLabels, labels)) return false;
  return matchExpressions?.every((requirement) => isMet(requirement, labels)) ?? true;
}

/** Whether a selector states nothing, and so would choose everything. Pure. */
export function isEmptySelector(selector: LabelSelector): boolean {
  return (
    Object.keys(selector.matchLabels ?? {}).length === 0 &&
    (selector.matchExpressions ?? []).length === 0
  );
}

/** Whether `text` may be the key of a label or annotation: `name` or `dns.prefix/name`. Pure. */
export function isLabelKey(text: string): boolean {
  const slash = text.indexOf("/");
  const name = text.slice(slash + 1);
  if (slash >= 0 && !isDnsSubdomain(text.slice(0, slash))) return false;
  return name.length <= MAX_LABEL_PART && LABEL_PART.test(name);
}

/** Whether `text` may be the value of a label. The empty text may. Pure. */
export function isLabelValue(text: string): boolean {
  return text === "" || (text.length <= MAX_LABEL_PART && LABEL_PART.test(text));
}

/**
 * The selector that `a=b,c!=d,e in (x,y),f,!g` says; `undefined` when the text is no selector.
 * The empty text gives the empty selector. Pure; `formatSelector` is its counterpart.
 */
export function parseSelector(text: string): LabelSelector | undefined {
  if (text.length > MAX_SELECTOR_TEXT) return undefined;
  if (text.trim() === "") return {};
  const matchLabels = new Map<string, string>();
  const matchExpressions: LabelRequirement[] = [];
  for (const part of splitOutsideParentheses(text)) {
    const requirement = parseRequirement(part.trim());
    if (requirement === undefined) return undefined;
    const { key, equals } = requirement;
    if (equals !== undefined && !matchLabels.has(key)) matchLabels.set(key, equals);
    else matchExpressions.push(toRequirement(requirement));
  }
  return {
    ...(matchLabels.size > 0 ? { matchLabels: Object.fromEntries(matchLabels) } : {}),
    ...(matchExpressions.length > 0 ? { matchExpressions } : {}),
  };
}

/** A selector in the form of `parseSelector`, in the order of its keys; of a plain map too. Pure. */
export function formatSelector(selector: LabelSelector): string {
  const parts = [
    ...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
      key,
      text: `${key}=${value}`,
    })),
    ...(selector.matchExpressions ?? []).map((requirement) => ({
      key: requirement.key,
      text: formatRequirement(requirement),
    })),
  ];
  return parts
    .toSorted((a, b) => compare(a.key, b.key))
    .map((part) => part.text)
    .join(",");
}

/** Labels as `a=b,c=d` in the order of their keys. Pure. */
export function formatLabels(labels: StringMap): string {
  return formatSelector({ matchLabels: labels });
}

function labelOf(labels: StringMap | undefined, key: string): string | undefined {
  return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function isMet(requirement: LabelRequirement, labels: StringMap | undefined): boolean {
  const value = labelOf(labels, requirement.key);
  const values = requirement.values ?? [];
  switch (requirement.operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      // An operator that is not known chooses nothing.
      return false;
  }
}

/** A parsed part: `equals` for `key=value`, which `matchLabels` can hold. */
interface ParsedRequirement extends LabelRequirement {
  readonly equals?: string;
}

function toRequirement({ key, operator, values }: ParsedRequirement): LabelRequirement {
  return values === undefined ? { key, operator } : { key, operator, values };
}

function parseRequirement(text: string): ParsedRequirement | undefined {
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(text);
  if (set !== null) {
    const [, key = "", operator, list = ""] = set;
    const values = list.split(",").map((value) => value.trim());
    return valid({ key, operator: operator === "in" ? "In" : "NotIn", values });
  }
  if (/[()]/.test(text)) return undefined;
  const sign = text.indexOf("=");
  if (sign >= 0) return parseEquality(text, sign);
  if (text.startsWith("!")) return valid({ key: text.slice(1).trim(), operator: "DoesNotExist" });
  return valid({ key: text, operator: "Exists" });
}

function parseEquality(text: string, sign: number): ParsedRequirement | undefined {
  const negated = text[sign - 1] === "!";
  const key = text.slice(0, negated ? sign - 1 : sign).trim();
  const value = text.slice(text[sign + 1] === "=" && !negated ? sign + 2 : sign + 1).trim();
  return negated
    ? valid({ key, operator: "NotIn", values: [value] })
    : valid({ key, operator: "In", values: [value], equals: value });
}

function valid(requirement: ParsedRequirement): ParsedRequirement | undefined {
  const values = requirement.values ?? [];
  return isLabelKey(requirement.key) && values.every(isLabelValue) ? requirement : undefined;
}

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index++) {
    const char = text[index];
    if (char === "(") depth++;
    else if (char === ")") depth--;
    else if (char === "," && depth === 0) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

function formatRequirement({ key, operator, values = [] }: LabelRequirement): string {
  const list = `(${values.toSorted(compare).join(",")})`;
  switch (operator) {
    case "In":
      return `${key} in ${list}`;
    case "NotIn":
      return values.length === 1 ? `${key}!=${values[0] ?? ""}` : `${key} notin ${list}`;
    case "Exists":
      return key;
    case "DoesNotExist":
      return `!${key}`;
    default:
      return key;
  }
}

/** The label of an EndpointSlice that names its Service. */
export const SERVICE_NAME_LABEL = "kubernetes.io/service-name";
