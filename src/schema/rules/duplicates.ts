import { formatPath, quote } from "../finding.ts";
import type { FieldPath, Finding } from "../finding.ts";

/** A problem at each name that has stood before. Pure. */
export function findDuplicates(
  items: readonly { readonly name: string; readonly path: FieldPath }[],
): Finding[] {
  const first = new Map<string, FieldPath>();
  const findings: Finding[] = [];
  for (const { name, path } of items) {
    const before = first.get(name);
    if (before === undefined) first.set(name, path);
    else {
      findings.push({
        code: "list/duplicate",
        message: `${formatPath(path)} ${quote(name)} is taken already, by ${formatPath(before)}`,
        path,
        hint: "give each its own",
      });
    }
  }
  return findings;
}
