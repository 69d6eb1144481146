import { compare } from "../base/order.ts";
import { isSameJson } from "../base/same-json.ts";
import type { ClusterRole, PolicyRule } from "../model/kinds.gen.ts";
import { matchesSelector } from "../model/labels.ts";
import { refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import { EMPTY_PLAN, type Plan } from "../model/plan.ts";
import type { World } from "./world.ts";

const API_VERSION = "rbac.authorization.k8s.io/v1";
const KIND = "ClusterRole";

/**
 * A ClusterRole with an `aggregationRule` has the rules of all ClusterRoles that its selectors choose, in the order of
 * their names, each once; its own are replaced. Pure.
 */
export function planClusterRole(world: World, role: ClusterRole): Plan {
  const selectors = role.aggregationRule?.clusterRoleSelectors;
  if (selectors === undefined) return EMPTY_PLAN;
  const rules: PolicyRule[] = [];
  for (const part of rolesOf(world)) {
    const { name, labels = {} } = part.metadata;
    if (name === role.metadata.name) continue;
    if (!selectors.some((selector) => matchesSelector(selector, labels))) continue;
    for (const rule of part.rules ?? []) {
      if (!rules.some((known) => isSameJson(known, rule))) rules.push(rule);
    }
  }
  if (isSameJson(rules, role.rules ?? [])) return EMPTY_PLAN;
  const object: ClusterRole = { ...role, rules };
  return { steps: [{ kind: "update", object, reason: "Declared" }] };
}

/** ClusterRoles that take the rules of this one, before or after its change. Pure. */
export function aggregatingRoles(world: World, object: ApiObject): readonly ObjectRef[] {
  if (object.apiVersion !== API_VERSION || object.kind !== KIND) return [];
  const { labels = {} } = object.metadata;
  return rolesOf(world)
    .filter(({ aggregationRule }) =>
      (aggregationRule?.clusterRoleSelectors ?? []).some((item) => matchesSelector(item, labels)),
    )
    .map(refOf);
}

function rolesOf(world: World): readonly ClusterRole[] {
  const roles = world.list(API_VERSION, KIND) as readonly ClusterRole[];
  return roles.toSorted((a, b) => compare(a.metadata.name, b.metadata.name));
}
