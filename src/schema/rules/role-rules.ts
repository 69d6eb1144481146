import type { ClusterRole, PolicyRule, Role } from "../../model/kinds.gen.ts";
import { formatPath } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import type { ObjectRule, Report } from "./rule.ts";

/** Each rule of a Role allows something on resources. */
export const roleRules: ObjectRule<Role> = ({ rules }, report) => {
  rules?.forEach((rule, index) => {
    checkRule(rule, ["rules", index], { isCluster: false, report });
  });
};

/** Each rule of a ClusterRole allows something on resources or on paths of the API. */
export const clusterRoleRules: ObjectRule<ClusterRole> = ({ rules }, report) => {
  rules?.forEach((rule, index) => {
    checkRule(rule, ["rules", index], { isCluster: true, report });
  });
};

function checkRule(
  rule: PolicyRule,
  path: FieldPath,
  { isCluster, report }: { readonly isCluster: boolean; readonly report: Report },
): void {
  const { apiGroups = [], resources = [], nonResourceURLs = [] } = rule;
  const say = (field: keyof PolicyRule, says: string, hint?: string): void => {
    const at = [...path, field];
    const message = `${formatPath(at)} ${says}`;
    report({ code: "rbac/rule", message, path: at, ...(hint === undefined ? {} : { hint }) });
  };
  if (nonResourceURLs.length > 0) {
    if (!isCluster) say("nonResourceURLs", "is for ClusterRoles only");
    if (resources.length + apiGroups.length > 0)
      say("nonResourceURLs", "cannot stand beside resources", "make two rules of it");
    return;
  }
  if (resources.length === 0) say("resources", "must have at least one resource");
  if (apiGroups.length === 0)
    say("apiGroups", "must have at least one group", 'write apiGroups: [""] for the core group');
}
