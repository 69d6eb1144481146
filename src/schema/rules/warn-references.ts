import type { ConfigMap } from "../../model/kinds.gen.ts";
import { formatRef, refKey, refOf } from "../../model/meta.ts";
import type { ObjectRef } from "../../model/meta.ts";
import { formatPath, quote } from "../finding.ts";
import type { Finding } from "../finding.ts";
import { didYouMean } from "../suggest.ts";
import { podSourceOf, referencesOf } from "./references.ts";
import type { Reference } from "./references.ts";
import type { Declared, TreeFinding } from "./tree-finding.ts";

/**
 * ConfigMaps, Secrets and keys of theirs that pods ask for and the tree does not have: probably a mistake, unless the
 * cluster has them. `others` are objects that the tree names and that are not valid. Pure.
 */
export function warnOfReferences<D extends Declared>(
  declared: readonly D[],
  others: readonly ObjectRef[],
): TreeFinding<D>[] {
  const objects = new Map(declared.map(({ object }) => [refKey(refOf(object)), object]));
  const broken = new Set(others.map(refKey));
  const names = namesByKind(declared);
  return declared.flatMap((item) => {
    const pods = podSourceOf(item.object);
    const { namespace = "" } = item.object.metadata;
    return (pods === undefined ? [] : referencesOf(pods)).flatMap((reference) => {
      const ref = { apiVersion: "v1", kind: reference.kind, namespace, name: reference.name };
      if (broken.has(refKey(ref))) return [];
      const object = objects.get(refKey(ref));
      const finding =
        object === undefined
          ? missingObject(reference, ref, names.get(`${namespace}/${ref.kind}`) ?? [])
          : missingKey(reference, object as ConfigMap);
      return finding === undefined ? [] : [{ declared: item, finding }];
    });
  });
}

function namesByKind(declared: readonly Declared[]): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const { object } of declared) {
    const { kind, metadata } = object;
    const key = `${metadata.namespace ?? ""}/${kind}`;
    const known = names.get(key);
    if (known === undefined) names.set(key, [metadata.name]);
    else known.push(metadata.name);
  }
  return names;
}

function missingObject(reference: Reference, ref: ObjectRef, names: readonly string[]): Finding {
  return {
    code: "ref/missing",
    message: `${formatPath(reference.path)} names ${formatRef(ref)}, which is not in this tree: pods wait until it is there`,
    path: reference.path,
    harmless: true,
    hint: didYouMean(ref.name, names) ?? "declare it, or set optional: true",
  };
}

function missingKey(
  { kind, name, key, keyPath }: Reference,
  object: ConfigMap,
): Finding | undefined {
  if (key === undefined || keyPath === undefined) return undefined;
  const contents = [object.data ?? {}, object.binaryData ?? {}];
  if (contents.some((content) => Object.hasOwn(content, key))) return undefined;
  const keys = contents.flatMap((content) => Object.keys(content));
  return {
    code: "ref/missing-key",
    message: `${formatPath(keyPath)} ${quote(key)} is no key of ${kind} ${name}`,
    path: keyPath,
    harmless: true,
    hint: didYouMean(key, keys) ?? "add the key, or set optional: true",
  };
}
