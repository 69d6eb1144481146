import { canonicalJson } from "../base/hash.ts";
import type { Container, Namespace, Pod } from "../model/kinds.gen.ts";

/** What is filled in when a pod is made, and stands as long as Git says nothing else. */
const FILLED = [
  "nodeName",
  "priority",
  "priorityClassName",
  "preemptionPolicy",
  "serviceAccountName",
  "overhead",
  // People add them to what runs, and Git cannot state them.
  "ephemeralContainers",
] as const;

/**
 * A pod as Git declares it, with what its making and its placing added: so that applying it again changes nothing. Pure.
 */
export function keepAdmitted(object: Pod, stored: Pod): Pod {
  const kept = FILLED.flatMap((name) => {
    const value = stored.spec[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const { containers, initContainers, tolerations } = object.spec;
  const all = keepTolerations(tolerations, stored.spec.tolerations);
  return {
    ...object,
    spec: {
      ...Object.fromEntries(kept),
      ...object.spec,
      containers: keepResources(containers, stored.spec.containers),
      ...(initContainers === undefined
        ? {}
        : { initContainers: keepResources(initContainers, stored.spec.initContainers ?? []) }),
      ...(all === undefined ? {} : { tolerations: all }),
    },
  };
}

/** The finalizers in the spec of a namespace are not Git's to state. Pure. */
export function keepFinalizers(object: Namespace, stored: Namespace): Namespace {
  return stored.spec === undefined ? object : { ...object, spec: stored.spec };
}

/** Requests and limits that a limit range gave. */
function keepResources(
  containers: readonly Container[],
  stored: readonly Container[],
): readonly Container[] {
  return containers.map((container) => {
    const before = stored.find(({ name }) => name === container.name)?.resources;
    if (before === undefined) return container;
    const { requests, limits } = container.resources ?? {};
    const next = {
      ...container.resources,
      ...(before.limits === undefined ? {} : { limits: { ...before.limits, ...limits } }),
      ...(before.requests === undefined ? {} : { requests: { ...before.requests, ...requests } }),
    };
    return { ...container, resources: next };
  });
}

function keepTolerations(
  declared: Pod["spec"]["tolerations"],
  stored: Pod["spec"]["tolerations"],
): Pod["spec"]["tolerations"] {
  if (stored === undefined) return declared;
  const known = new Set((declared ?? []).map((toleration) => canonicalJson(toleration)));
  const added = stored.filter((toleration) => !known.has(canonicalJson(toleration)));
  return [...(declared ?? []), ...added];
}
