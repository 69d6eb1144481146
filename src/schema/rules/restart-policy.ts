import type { PodSpec } from "../../model/kinds.gen.ts";
import { formatPath, listWords, quote } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import type { Report } from "./rule.ts";

/** Pods that are to run for ever are restarted always, those that are to end are not. */
export function restartPolicy(
  spec: PodSpec,
  path: FieldPath,
  {
    allowed,
    report,
  }: { readonly allowed: readonly PodSpec["restartPolicy"][]; readonly report: Report },
): void {
  if (!allowed.includes(spec.restartPolicy)) {
    const at = [...path, "restartPolicy"];
    report({
      code: "restart-policy/not-allowed",
      message: `${formatPath(at)} must be ${listWords(allowed.map(quote))} here: it is ${quote(spec.restartPolicy)}`,
      path: at,
      hint: allowed.length === 1 ? "remove it" : `write "restartPolicy: ${allowed[0] ?? ""}"`,
    });
  }
  if (allowed.includes("Always") && spec.activeDeadlineSeconds !== undefined) {
    const at = [...path, "activeDeadlineSeconds"];
    const message = `${formatPath(at)} is not allowed here: these pods run for ever`;
    report({ code: "field/not-allowed", message, path: at, on: "key", hint: "remove it" });
  }
}
