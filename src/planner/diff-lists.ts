import { itemLabel, keyValue, listKey } from "../model/list-keys.ts";

/** An item of one or both of two lists. */
export interface ListPair {
  /** As it stands in a path: `[name=web]`, or `[0]`. */
  readonly label: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** The items of two versions of a list, each with its like. By their key where there is one, else by their places. Pure. */
export function pairItems(
  field: string,
  before: readonly unknown[],
  after: readonly unknown[],
): readonly ListPair[] {
  const key = listKey(field, before, after);
  if (key === undefined) {
    return Array.from({ length: Math.max(before.length, after.length) }, (_, index) => ({
      label: `[${index}]`,
      before: before[index],
      after: after[index],
    }));
  }
  const byKey = (items: readonly unknown[]): ReadonlyMap<string, unknown> =>
    new Map(items.map((item) => [keyValue(item, key) ?? "", item]));
  const old = byKey(before);
  const next = byKey(after);
  return [...new Set([...old.keys(), ...next.keys()])].map((value) => ({
    label: itemLabel(key, value),
    before: old.get(value),
    after: next.get(value),
  }));
}
