import type { JobSpec } from "../../model/kinds.gen.ts";
import { formatPath, quote } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import type { Report } from "./rule.ts";

/** A success policy speaks of indexes, and of ones that there are. */
export function jobSuccessPolicy(spec: JobSpec, path: FieldPath, report: Report): void {
  const { successPolicy: policy, completions = 0 } = spec;
  if (policy === undefined) return;
  const at = [...path, "successPolicy"];
  if ((spec.completionMode as string) !== "Indexed") {
    const message = `${formatPath(at)} needs completionMode: Indexed`;
    report({ code: "job/success-policy", message, path: at, on: "key" });
    return;
  }
  policy.rules.forEach(({ succeededCount, succeededIndexes }, index) => {
    const rule = [...at, "rules", index];
    const say = (message: string, where: FieldPath): void => {
      report({
        code: "job/success-policy",
        message: `${formatPath(where)} ${message}`,
        path: where,
      });
    };
    if (succeededCount === undefined && succeededIndexes === undefined)
      say("must have succeededCount or succeededIndexes", rule);
    const listed =
      succeededIndexes === undefined ? completions : countIndexes(succeededIndexes, completions);
    if (listed === undefined) {
      const bound = completions - 1;
      say(
        `must list indexes up to ${bound} in rising order, such as "0,2-3": it is ${quote(succeededIndexes ?? "")}`,
        [...rule, "succeededIndexes"],
      );
    } else if (succeededCount !== undefined && succeededCount > listed) {
      say(`must be at most ${listed}, the number of indexes: it is ${succeededCount}`, [
        ...rule,
        "succeededCount",
      ]);
    }
  });
}

/** How many indexes `0,2-3` lists; `undefined` when it is no such list below `completions`. */
function countIndexes(text: string, completions: number): number | undefined {
  let last = -1;
  let count = 0;
  for (const part of text.split(",")) {
    const match = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(part);
    if (match === null) return undefined;
    const first = Number(match[1]);
    const end = Number(match[2] ?? match[1]);
    if (first <= last || end < first || end >= completions) return undefined;
    count += end - first + 1;
    last = end;
  }
  return count;
}
