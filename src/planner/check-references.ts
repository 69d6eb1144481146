import { formatPath } from "../model/field-path.ts";
import type { ConfigMap } from "../model/kinds.gen.ts";
import { formatRef, refKey, refOf } from "../model/meta.ts";
import type { ApiObject, ObjectRef } from "../model/meta.ts";
import { podSourceOf } from "../model/pod-source.ts";
import type { Problem } from "../model/problem.ts";
import { referencesOf } from "../model/references.ts";
import type { Reference } from "../model/references.ts";
import type { DeclaredObject } from "./apply-manifest.ts";
import type { World } from "./world.ts";

/** What pods need and neither the commit nor the cluster has: they could never start. Pure. */
export function checkReferences(
  world: World,
  manifests: readonly DeclaredObject[],
): readonly Problem[] {
  const declared = new Map<string, ApiObject>();
  for (const { object } of manifests) declared.set(refKey(refOf(object)), object);
  const problems: Problem[] = [];
  for (const manifest of manifests) {
    const pods = podSourceOf(manifest.object);
    if (pods === undefined) continue;
    for (const reference of referencesOf(pods)) {
      if (reference.isOptional === true) continue;
      const ref = targetOf(reference, manifest.object.metadata.namespace);
      const target = declared.get(refKey(ref)) ?? world.get(ref);
      const problem =
        target === undefined
          ? missingObject(manifest, reference, ref)
          : missingKey(manifest, reference, target as ConfigMap);
      if (problem !== undefined) problems.push(problem);
    }
  }
  return problems;
}

function targetOf({ apiVersion, kind, name }: Reference, namespace: string | undefined): ObjectRef {
  if (kind === "PriorityClass" || namespace === undefined) return { apiVersion, kind, name };
  return { apiVersion, kind, namespace, name };
}

function missingObject(
  { object, at }: DeclaredObject,
  { path }: Reference,
  ref: ObjectRef,
): Problem {
  return {
    code: "apply/no-reference",
    message: `${formatRef(refOf(object))}: ${formatPath(path)} names ${formatRef(ref)}, which neither this commit nor the cluster has`,
    at,
    path: formatPath(path),
    hint: "declare it, or correct the name",
  };
}

function missingKey(
  { object, at }: DeclaredObject,
  { kind, name, key, keyPath }: Reference,
  { data = {}, binaryData = {} }: ConfigMap,
): Problem | undefined {
  if (key === undefined || keyPath === undefined) return undefined;
  if (Object.hasOwn(data, key) || Object.hasOwn(binaryData, key)) return undefined;
  return {
    code: "apply/no-reference",
    message: `${formatRef(refOf(object))}: ${formatPath(keyPath)} "${key}" is no key of ${kind} "${name}"`,
    at,
    path: formatPath(keyPath),
    hint: "add the key, or set optional: true",
  };
}
