import type { JobSpec } from "../../model/kinds.gen.ts";
import { formatPath } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import type { Report } from "./rule.ts";

/** Most pods at once, and most indexes, of a Job whose indexes are counted (Kubernetes' limits). */
const MAX_PARALLELISM = 100_000;
const MAX_LARGE_COMPLETIONS = 100_000;

const NEEDS_INDEXED = ["backoffLimitPerIndex"] as const;

/** Indexes are counted from a number of completions, and only an Indexed Job has them. */
export function jobIndexed(spec: JobSpec, path: FieldPath, report: Report): void {
  const isIndexed = (spec.completionMode as string) === "Indexed";
  const completions = [...path, "completions"];
  if (isIndexed && spec.completions === undefined) {
    report({
      code: "job/indexed",
      message: `${formatPath(completions)} is required when completionMode is Indexed`,
      path: completions,
      hint: "write how many indexes there are",
    });
  }
  if (isIndexed && spec.parallelism > MAX_PARALLELISM) {
    const at = [...path, "parallelism"];
    const message = `${formatPath(at)} must be at most ${MAX_PARALLELISM} when completionMode is Indexed: it is ${spec.parallelism}`;
    report({ code: "job/indexed", message, path: at });
  }
  for (const field of NEEDS_INDEXED) {
    if (isIndexed || spec[field] === undefined) continue;
    const at = [...path, field];
    const message = `${formatPath(at)} needs completionMode: Indexed`;
    report({ code: "job/indexed", message, path: at, on: "key" });
  }
  if (spec.maxFailedIndexes === undefined) return;
  const at = [...path, "maxFailedIndexes"];
  if (spec.backoffLimitPerIndex === undefined) {
    const message = `${formatPath(at)} needs backoffLimitPerIndex`;
    report({ code: "job/indexed", message, path: at, on: "key" });
  } else if (spec.maxFailedIndexes > Math.min(spec.completions ?? 0, MAX_LARGE_COMPLETIONS)) {
    const message = `${formatPath(at)} must be at most completions (${spec.completions ?? 0}): it is ${spec.maxFailedIndexes}`;
    report({ code: "job/indexed", message, path: at });
  }
}
