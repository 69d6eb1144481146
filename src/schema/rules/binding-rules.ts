import type { ClusterRoleBinding, RoleBinding, Subject } from "../../model/kinds.gen.ts";
import { formatPath, quote } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import type { ObjectRule, Report } from "./rule.ts";

type Binding = ClusterRoleBinding | RoleBinding;

const RBAC_GROUP = "rbac.authorization.k8s.io";

/** What holds everywhere is no Role, which is of one namespace. */
export const bindingRole: ObjectRule<Binding> = ({ kind, roleRef }, report) => {
  if (kind === "RoleBinding" || roleRef.kind === "ClusterRole") return;
  report({
    code: "rbac/role-ref",
    message: `roleRef.kind must be ClusterRole in a ClusterRoleBinding: it is ${quote(roleRef.kind)}`,
    path: ["roleRef", "kind"],
    hint: "write a RoleBinding, or refer to a ClusterRole",
  });
};

/** The subjects of a binding are named as their kind is. */
export const bindingSubjects: ObjectRule<Binding> = ({ subjects }, report) => {
  subjects?.forEach((subject, index) => {
    checkSubject(subject, ["subjects", index], report);
  });
};

function checkSubject(subject: Subject, path: FieldPath, report: Report): void {
  const { kind, apiGroup = "", namespace } = subject;
  const say = (field: keyof Subject, says: string, hint?: string): void => {
    const at = [...path, field];
    const message = `${formatPath(at)} ${says}`;
    report({ code: "rbac/subject", message, path: at, ...(hint === undefined ? {} : { hint }) });
  };
  const group = kind === "ServiceAccount" ? "" : RBAC_GROUP;
  if (apiGroup !== group) {
    const wanted = group === "" ? "empty" : group;
    say("apiGroup", `must be ${wanted} for a ${kind}: it is ${quote(apiGroup)}`, "remove it");
  }
  if (kind === "ServiceAccount" && (namespace ?? "") === "")
    say("namespace", "is required for a ServiceAccount", "write the namespace that it is in");
  if (kind !== "ServiceAccount" && namespace !== undefined)
    say("namespace", `must be absent: a ${kind} is in no namespace`, "remove it");
}
