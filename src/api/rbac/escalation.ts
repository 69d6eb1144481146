import type { ClusterRole, PolicyRule, Role, RoleBinding } from "../../model/kinds.gen.ts";
import type { ApiObject } from "../../model/meta.ts";
import { resourceOf, type Resource } from "../../model/resources.ts";
import { MASTERS_GROUP, type User } from "../authenticate.ts";
import { detailsOf, forbidden, notFound, qualifiedName } from "../failure.ts";
import { formatRule, missingRules } from "./policy-rules.ts";
import type { Rbac } from "./rbac.ts";

const GROUP = "rbac.authorization.k8s.io";
/** Rules told in a refusal; further ones are counted. */
const MAX_TOLD = 10;

/**
 * Nobody gives rights that they do not have: whoever writes a role must hold all of its rules (or may `escalate` it), and
 * whoever binds one must hold them too (or may `bind` it). Throws 403.
 *
 * Source: kubernetes.io, "Using RBAC Authorization", "Privilege escalation prevention and bootstrapping".
 */
export function refuseEscalation(
  resource: Resource,
  object: ApiObject,
  { user, rbac }: { readonly user: User; readonly rbac?: Rbac | undefined },
): void {
  if (resource.group !== GROUP || user.groups.includes(MASTERS_GROUP)) return;
  if (rbac === undefined) throw forbidden("nobody can say which rights the user has");
  const { namespace } = object.metadata;
  const isRole = object.kind === "Role" || object.kind === "ClusterRole";
  const target = isRole
    ? { plural: resource.plural, name: object.metadata.name, verb: "escalate" }
    : boundRole(object as RoleBinding);
  const action = { verb: target.verb, group: GROUP, resource: target.plural, namespace };
  if (rbac.allows(user, { ...action, name: target.name }) !== undefined) return;
  const given = isRole ? rulesOf(object as ClusterRole) : rulesOfBound(object as RoleBinding, rbac);
  const missing = missingRules(rbac.rulesFor(user, namespace), given);
  if (missing.length === 0) return;
  throw forbidden(
    `${qualifiedName(resource)} ${JSON.stringify(object.metadata.name)} is forbidden: user ${JSON.stringify(user.name)} ` +
      `(groups=${JSON.stringify(user.groups)}) is attempting to grant RBAC permissions not currently held:\n` +
      describe(missing),
    detailsOf(resource, object.metadata.name),
  );
}

function boundRole({ roleRef }: RoleBinding) {
  const plural = roleRef.kind === "Role" ? "roles" : "clusterroles";
  return { plural, name: roleRef.name, verb: "bind" };
}

const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

/** Of a role made of others: everything, since who labels a role later adds to it. */
function rulesOf(role: ClusterRole | Role): readonly PolicyRule[] {
  const isAggregated = "aggregationRule" in role && role.aggregationRule !== undefined;
  return isAggregated ? EVERYTHING : (role.rules ?? []);
}

function rulesOfBound({ roleRef, metadata }: RoleBinding, rbac: Rbac): readonly PolicyRule[] {
  const rules = rbac.rulesOf(roleRef.kind, metadata.namespace ?? "", roleRef.name);
  if (rules !== undefined) return rules;
  throw notFound(resourceOf({ apiVersion: `${GROUP}/v1`, kind: roleRef.kind }), roleRef.name);
}

function describe(rules: readonly PolicyRule[]): string {
  const told = rules.slice(0, MAX_TOLD).map(formatRule);
  const rest = rules.length - told.length;
  return [...told, ...(rest > 0 ? [`and ${rest} more`] : [])].join("\n");
}
