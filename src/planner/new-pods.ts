import { shortHash } from "../base/hash.ts";
import { controllerRef, type ApiObject } from "../model/meta.ts";
import type { Pod, PodTemplateSpec } from "../model/kinds.gen.ts";
import type { World } from "./world.ts";

/** Kubernetes' limits: a generated name has at most 63 characters, of which the last five tell it apart. */
const SUFFIX_LENGTH = 5;
const MAX_BASE_LENGTH = 63 - SUFFIX_LENGTH;

/**
 * `count` pods of `owner` made from `template`, with names that nobody has. The names are derived from the owner as
 * it is stored, so that planning twice names the same pods, and a pod that ended is not followed by its namesake. Pure.
 */
export function newPods(
  world: World,
  owner: ApiObject,
  template: PodTemplateSpec,
  count: number,
): readonly Pod[] {
  return podNames(world, owner, { count, seed: [] }).map((name) =>
    podFromTemplate(owner, template, name),
  );
}

/** Names for `count` new pods of `owner` that nobody has; `seed` tells those for one purpose from those for another. Pure. */
export function podNames(
  world: World,
  owner: ApiObject,
  { count, seed }: { readonly count: number; readonly seed: readonly string[] },
): readonly string[] {
  const { name, namespace = "", uid, resourceVersion } = owner.metadata;
  const base = `${name}-`.slice(0, MAX_BASE_LENGTH);
  const names = new Set<string>();
  for (let attempt = 0; names.size < count; attempt += 1) {
    const parts = [uid ?? name, resourceVersion ?? "", ...seed, attempt];
    const suffix = shortHash(parts, SUFFIX_LENGTH);
    const candidate = `${base}${suffix}`;
    const ref = { apiVersion: "v1", kind: "Pod", namespace, name: candidate };
    if (world.get(ref) === undefined) names.add(candidate);
  }
  return [...names];
}

/** A pod of `owner`, called `name`, as the template says. Pure. */
export function podFromTemplate(owner: ApiObject, template: PodTemplateSpec, name: string): Pod {
  const { namespace } = owner.metadata;
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      generateName: `${owner.metadata.name}-`.slice(0, MAX_BASE_LENGTH),
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerRef(owner)],
    },
    spec: template.spec,
    status: { phase: "Pending" },
  };
}
