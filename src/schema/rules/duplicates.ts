import { formatPath, quote } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import type { Report } from "./rule.ts";

/** What a list's items must not share, or `undefined` for an item that has none. */
type NameOf<T> = (item: T) => string | number | undefined;

/** A problem at each item of a list whose name has stood before. `field` is what holds the name. */
export function reportDuplicates<T>(
  items: readonly T[] | undefined,
  nameOf: NameOf<T>,
  { path, field, report }: { path: FieldPath; field: string; report: Report },
): void {
  if (items === undefined || items.length < 2) return;
  const first = new Map<string, number>();
  items.forEach((item, index) => {
    const name = nameOf(item);
    if (name === undefined) return;
    const before = first.get(String(name));
    if (before === undefined) first.set(String(name), index);
    else
      reportDuplicate(String(name), {
        at: [...path, index, field],
        before: [...path, before, field],
        report,
      });
  });
}

/** A problem at a name that has stood before. */
export function reportDuplicate(
  name: string,
  { at, before, report }: { at: FieldPath; before: FieldPath; report: Report },
): void {
  report({
    code: "list/duplicate",
    message: `${formatPath(at)} ${quote(name)} is taken already, by ${formatPath(before)}`,
    path: at,
    hint: "give each its own",
  });
}
