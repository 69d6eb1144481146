import { asFields, mapList } from "./fields.ts";
import type { Fields } from "./fields.ts";

const RBAC_GROUP = "rbac.authorization.k8s.io";

/** What Kubernetes fills into a RoleBinding or ClusterRoleBinding: the API groups. Pure, idempotent. */
export function defaultBinding(object: Fields): Fields {
  const roleRef = asFields(object["roleRef"]);
  const apiGroup = isEmpty(roleRef["apiGroup"]) ? RBAC_GROUP : roleRef["apiGroup"];
  return {
    ...object,
    roleRef: { ...roleRef, apiGroup },
    ...mapList(object, "subjects", defaultSubject),
  };
}

/** ServiceAccounts are of the core group, whose name is empty. */
function defaultSubject(subject: Fields): Fields {
  const isNamed = subject["kind"] === "User" || subject["kind"] === "Group";
  return isNamed && isEmpty(subject["apiGroup"]) ? { ...subject, apiGroup: RBAC_GROUP } : subject;
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === "";
}
