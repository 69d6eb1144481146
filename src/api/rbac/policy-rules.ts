import type { PolicyRule } from "../../model/kinds.gen.ts";

/** What somebody wants to do, in the words of rules. */
export type Action =
  | {
      readonly verb: string;
      readonly group: string;
      /** The plural, with its subresource: `pods`, `pods/log`. */
      readonly resource: string;
      /** Absent for cluster-scoped kinds and for all namespaces at once. */
      readonly namespace?: string | undefined;
      readonly name?: string | undefined;
    }
  | { readonly verb: string; readonly path: string };

/**
 * Whether a rule allows it; in which namespace the rule holds, its binding says. Pure.
 *
 * Source: kubernetes.io, "Using RBAC Authorization": `*` is everything, `*`/scale a subresource of every kind, and a
 * rule with names never allows what has none.
 */
export function ruleAllows(rule: PolicyRule, action: Action): boolean {
  if (!has(rule.verbs, action.verb)) return false;
  if ("path" in action) return (rule.nonResourceURLs ?? []).some((url) => isPath(url, action.path));
  const { resourceNames = [] } = rule;
  return (
    has(rule.apiGroups, action.group) &&
    hasResource(rule.resources, action.resource) &&
    (resourceNames.length === 0 || resourceNames.includes(action.name ?? ""))
  );
}

/**
 * What `wanted` allows beyond `owned`, as rules of one verb and one resource each; empty when nothing. Pure.
 *
 * Nobody may give what they do not have: each part of a rule that is given must be covered by one that is owned.
 */
export function missingRules(
  owned: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): readonly PolicyRule[] {
  return wanted.flatMap(partsOf).filter((part) => !owned.some((rule) => covers(rule, part)));
}

/** A rule as Kubernetes prints it in a refusal: `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}`. Pure. */
export function formatRule(rule: PolicyRule): string {
  const parts = [
    ["APIGroups", rule.apiGroups],
    ["Resources", rule.resources],
    ["ResourceNames", rule.resourceNames],
    ["NonResourceURLs", rule.nonResourceURLs],
    ["Verbs", rule.verbs],
  ] as const;
  const stated = parts.filter(([, values]) => values !== undefined && values.length > 0);
  const list = stated.map(([name, values]) => `${name}:${JSON.stringify(values)}`);
  return `{${list.join(", ")}}`;
}

function partsOf(rule: PolicyRule): readonly PolicyRule[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const named =
    resourceNames.length === 0 ? [{}] : resourceNames.map((name) => ({ resourceNames: [name] }));
  return verbs.flatMap((verb) => [
    ...nonResourceURLs.map((url) => ({ verbs: [verb], nonResourceURLs: [url] })),
    ...apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        named.map((names) => ({
          verbs: [verb],
          apiGroups: [group],
          resources: [resource],
          ...names,
        })),
      ),
    ),
  ]);
}

/** Whether everything that `part`, of one verb and one resource, allows is allowed by `rule`. */
function covers(rule: PolicyRule, part: PolicyRule): boolean {
  const [verb = ""] = part.verbs;
  const [url] = part.nonResourceURLs ?? [];
  if (!has(rule.verbs, verb)) return false;
  if (url !== undefined) {
    return (rule.nonResourceURLs ?? []).some((own) => own === url || isPath(own, url));
  }
  const [group = ""] = part.apiGroups ?? [];
  const [resource = ""] = part.resources ?? [];
  const [name] = part.resourceNames ?? [];
  const { resourceNames: names = [] } = rule;
  return (
    has(rule.apiGroups, group) &&
    hasResource(rule.resources, resource) &&
    (names.length === 0 || (name !== undefined && names.includes(name)))
  );
}

function has(values: readonly string[] | undefined, wanted: string): boolean {
  return values !== undefined && (values.includes("*") || values.includes(wanted));
}

function hasResource(resources: readonly string[] | undefined, wanted: string): boolean {
  if (has(resources, wanted)) return true;
  const slash = wanted.indexOf("/");
  return slash !== -1 && (resources ?? []).includes(`*${wanted.slice(slash)}`);
}

function isPath(pattern: string, path: string): boolean {
  if (pattern === "*" || pattern === path) return true;
  return pattern.endsWith("*") && path.startsWith(pattern.slice(0, -1));
}
