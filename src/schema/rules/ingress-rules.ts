import type { Ingress } from "../../model/kinds.gen.ts";
import { formatPath, quote } from "../finding.ts";
import type { ObjectRule } from "./rule.ts";

/** What a path cannot hold, since it would not be what is asked for. */
const NOT_IN_PATH = ["//", "/./", "/../", "%2f", "%2F"] as const;
const NOT_AT_END = ["/..", "/."] as const;

/** An Ingress leads somewhere. */
export const ingressTarget: ObjectRule<Ingress> = ({ spec }, report) => {
  if (spec.defaultBackend !== undefined || (spec.rules ?? []).length > 0) return;
  const message = "spec must have rules or a defaultBackend";
  report({ code: "ingress/backend", message, path: ["spec"], on: "key" });
};

/** The paths of an Ingress are paths. */
export const ingressPaths: ObjectRule<Ingress> = ({ spec }, report) => {
  spec.rules?.forEach((rule, index) => {
    rule.http?.paths.forEach(({ path = "", pathType }, item) => {
      const at = ["spec", "rules", index, "http", "paths", item, "path"];
      const wrong = explainPath(path, pathType);
      if (wrong === undefined) return;
      const message = `${formatPath(at)} ${wrong}: it is ${path === "" ? "empty" : quote(path)}`;
      report({ code: "ingress/path", message, path: at });
    });
  });
};

function explainPath(path: string, type: string): string | undefined {
  if (type === "ImplementationSpecific")
    return path === "" || path.startsWith("/") ? undefined : "must begin with /";
  if (!path.startsWith("/")) return "must begin with /";
  const piece =
    NOT_IN_PATH.find((part) => path.includes(part)) ??
    NOT_AT_END.find((part) => path.endsWith(part));
  return piece === undefined ? undefined : `cannot have ${quote(piece)}`;
}
