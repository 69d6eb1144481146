import type { ConfigMap, Ingress, IngressBackend, RoleBinding } from "../../model/kinds.gen.ts";
import { formatRef, refKey, refOf } from "../../model/meta.ts";
import type { ApiObject, ObjectRef } from "../../model/meta.ts";
import { podSourceOf } from "../../model/pod-source.ts";
import { referencesOf } from "../../model/references.ts";
import { formatPath, quote } from "../finding.ts";
import type { FieldPath, Finding } from "../finding.ts";
import { didYouMean } from "../suggest.ts";
import type { Declared, TreeFinding } from "./tree-finding.ts";

/** An object that another one names. */
interface Mention {
  readonly ref: ObjectRef;
  readonly path: FieldPath;
  readonly key?: string;
  readonly keyPath?: FieldPath;
  /** What happens while it is not there. */
  readonly until: string;
  readonly cure: string;
}

/**
 * Objects and keys that are asked for and the tree does not have: probably a mistake, unless the cluster has them.
 * `others` are objects that the tree names and that are not valid. Pure.
 */
export function warnOfReferences<D extends Declared>(
  declared: readonly D[],
  others: readonly ObjectRef[],
): TreeFinding<D>[] {
  const tree = indexTree(declared, others);
  const findings: TreeFinding<D>[] = [];
  for (const item of declared) {
    for (const mention of mentionsOf(item.object)) {
      if (tree.broken.has(refKey(mention.ref))) continue;
      const object = tree.objects.get(refKey(mention.ref));
      const finding =
        object === undefined
          ? missingObject(mention, tree.names.get(groupOf(mention.ref)) ?? [])
          : missingKey(mention, object as ConfigMap);
      if (finding !== undefined) findings.push({ declared: item, finding });
    }
  }
  return findings;
}

interface Tree {
  readonly objects: ReadonlyMap<string, ApiObject>;
  readonly broken: ReadonlySet<string>;
  /** Names by namespace and kind. */
  readonly names: ReadonlyMap<string, readonly string[]>;
}

function indexTree(declared: readonly Declared[], others: readonly ObjectRef[]): Tree {
  const objects = new Map<string, ApiObject>();
  const names = new Map<string, string[]>();
  for (const { object } of declared) {
    const ref = refOf(object);
    objects.set(refKey(ref), object);
    const known = names.get(groupOf(ref));
    if (known === undefined) names.set(groupOf(ref), [ref.name]);
    else known.push(ref.name);
  }
  return { objects, names, broken: new Set(others.map(refKey)) };
}

function groupOf({ namespace = "", apiVersion, kind }: ObjectRef): string {
  return `${namespace} ${apiVersion}/${kind}`;
}

function mentionsOf(object: ApiObject): readonly Mention[] {
  const { namespace = "" } = object.metadata;
  switch (`${object.apiVersion}/${object.kind}`) {
    case "networking.k8s.io/v1/Ingress":
      return ingressMentions(object as Ingress, namespace);
    case "rbac.authorization.k8s.io/v1/RoleBinding":
      return roleMention(object as RoleBinding, namespace);
    default:
      return podMentions(object, namespace);
  }
}

function podMentions(object: ApiObject, namespace: string): readonly Mention[] {
  const pods = podSourceOf(object);
  if (pods === undefined) return [];
  return referencesOf(pods).map(({ apiVersion, kind, name, isOptional, ...rest }) => ({
    ...rest,
    ref:
      kind === "PriorityClass" ? { apiVersion, kind, name } : { apiVersion, kind, namespace, name },
    until: isOptional === true ? "images are pulled without it" : "pods wait until it is there",
    cure:
      kind === "ConfigMap" || kind === "Secret"
        ? "declare it, or set optional: true"
        : "declare it",
  }));
}

function ingressMentions({ spec }: Ingress, namespace: string): readonly Mention[] {
  const mentions: Mention[] = [];
  const add = ({ service }: IngressBackend, path: FieldPath): void => {
    if (service === undefined) return;
    const ref = { apiVersion: "v1", kind: "Service", namespace, name: service.name };
    const until = "requests are answered 503 until it is there";
    mentions.push({ ref, path: [...path, "service", "name"], until, cure: "declare it" });
  };
  if (spec.defaultBackend !== undefined) add(spec.defaultBackend, ["spec", "defaultBackend"]);
  spec.rules?.forEach(({ http }, rule) => {
    http?.paths.forEach(({ backend }, item) => {
      add(backend, ["spec", "rules", rule, "http", "paths", item, "backend"]);
    });
  });
  return mentions;
}

/** ClusterRoles are left out: the cluster brings its own. */
function roleMention({ roleRef }: RoleBinding, namespace: string): readonly Mention[] {
  if (roleRef.kind !== "Role") return [];
  const apiVersion = "rbac.authorization.k8s.io/v1";
  const ref = { apiVersion, kind: "Role", namespace, name: roleRef.name };
  const until = "nothing is allowed until it is there";
  return [{ ref, path: ["roleRef", "name"], until, cure: "declare it" }];
}

function missingObject({ ref, path, until, cure }: Mention, names: readonly string[]): Finding {
  return {
    code: "ref/missing",
    message: `${formatPath(path)} names ${formatRef(ref)}, which is not in this tree: ${until}`,
    path,
    harmless: true,
    hint: didYouMean(ref.name, names) ?? cure,
  };
}

function missingKey({ ref, key, keyPath }: Mention, object: ConfigMap): Finding | undefined {
  if (key === undefined || keyPath === undefined) return undefined;
  const { data = {}, binaryData = {} } = object;
  if (Object.hasOwn(data, key) || Object.hasOwn(binaryData, key)) return undefined;
  const keys = [...Object.keys(data), ...Object.keys(binaryData)];
  return {
    code: "ref/missing-key",
    message: `${formatPath(keyPath)} ${quote(key)} is no key of ${ref.kind} ${ref.name}`,
    path: keyPath,
    harmless: true,
    hint: didYouMean(key, keys) ?? "add the key, or set optional: true",
  };
}
