import { canonicalJson } from "../../base/hash.ts";
import { asFields, isFields } from "../../schema/fields.ts";

/** Fields that name an element of a list, the most telling first. */
const NAMING_FIELDS: readonly (readonly string[])[] = [
  ["name"],
  ["mountPath"],
  ["containerPort", "protocol"],
  ["port", "protocol"],
  ["key", "operator", "effect"],
  ["key"],
  ["topologyKey", "whenUnsatisfiable"],
  ["ip"],
  ["type"],
  ["uid"],
  ["host"],
  ["path"],
];

/**
 * For each element of `after`, the index in `before` of the element that it goes on from, or `undefined` for a new one.
 * Equal elements belong together, then those of the same name, then those at the same place. Pure.
 */
export function alignLists(
  before: readonly unknown[],
  after: readonly unknown[],
): readonly (number | undefined)[] {
  const free = new Set(before.keys());
  const found: (number | undefined)[] = after.map(() => undefined);
  const match = (same: (a: unknown, b: unknown) => boolean): void => {
    for (const [index, element] of after.entries()) {
      if (found[index] !== undefined) continue;
      const isHere = free.has(index) && same(before[index], element);
      const at = isHere ? index : [...free].find((candidate) => same(before[candidate], element));
      if (at === undefined) continue;
      found[index] = at;
      free.delete(at);
    }
  };
  const texts = new Map<unknown, string>();
  const textOf = (value: unknown): string => {
    if (!isFields(value) && !Array.isArray(value)) return canonicalJson(value);
    const known = texts.get(value);
    if (known !== undefined) return known;
    const text = canonicalJson(value);
    texts.set(value, text);
    return text;
  };
  match((a, b) => textOf(a) === textOf(b));
  match(isSameName);
  for (const [index, element] of after.entries()) {
    const isFree = found[index] === undefined && free.has(index);
    if (!isFree || !isFields(element) || !isFields(before[index]) || isNamed(element)) continue;
    found[index] = index;
    free.delete(index);
  }
  return found;
}

function isSameName(a: unknown, b: unknown): boolean {
  if (!isFields(a) || !isFields(b)) return false;
  const fields = NAMING_FIELDS.find((names) => names.some((name) => name in a || name in b));
  return fields !== undefined && fields.every((name) => asFields(a)[name] === asFields(b)[name]);
}

function isNamed(value: unknown): boolean {
  return isFields(value) && typeof value["name"] === "string";
}
