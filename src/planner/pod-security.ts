import type { Pod } from "../model/kinds.gen.ts";
import { formatRef, refOf, type ApiObject } from "../model/meta.ts";
import { checkedPodOf } from "../model/checked-pod.ts";
import { podSecurityMessage, podSecurityOf } from "../model/pod-security.ts";
import type { Problem } from "../model/problem.ts";
import type { DeclaredObject } from "./apply-manifest.ts";
import { isPod } from "./owned-pods.ts";
import type { World } from "./world.ts";

/** Why the namespace's Pod Security level refuses a pod, in Kubernetes' words; `undefined` when it does not. Pure. */
export function podSecurityRefusal(world: World, pod: Pod): string | undefined {
  const { enforce } = podSecurityOf(labelsOf(namespaceIn(world, pod))).policies;
  return podSecurityMessage(enforce, pod);
}

/** What writing an object is warned of: that its pods break the level which its namespace warns of. Pure. */
export function podSecurityWarnings(world: World, object: ApiObject): readonly string[] {
  return warningsIn(namespaceIn(world, object), object);
}

/** Pods of a commit that would be refused. What runs already may stay, as in Kubernetes. Pure. */
export function checkPodSecurity(
  world: World,
  manifests: readonly DeclaredObject[],
): readonly Problem[] {
  const namespaces = declaredNamespaces(manifests);
  return manifests.flatMap(({ object, at }) => {
    if (!isPod(object) || world.get(refOf(object)) !== undefined) return [];
    const found = namespaces.get(object.metadata.namespace ?? "") ?? namespaceIn(world, object);
    const why = podSecurityMessage(podSecurityOf(labelsOf(found)).policies.enforce, object);
    if (why === undefined) return [];
    const message = `${formatRef(refOf(object))}: ${why}`;
    return [{ code: "apply/pod-security", message, at, path: "spec", hint: CURE }];
  });
}

/** Workloads of a commit whose pods break the level that their namespace warns of. Pure. */
export function warnPodSecurity(
  world: World,
  manifests: readonly DeclaredObject[],
): readonly Problem[] {
  const namespaces = declaredNamespaces(manifests);
  return manifests.flatMap(({ object, at }) => {
    const found = namespaces.get(object.metadata.namespace ?? "") ?? namespaceIn(world, object);
    return warningsIn(found, object).map((why): Problem => {
      const message = `${formatRef(refOf(object))}: ${why}`;
      return { code: "apply/pod-security", message, at, path: "spec", hint: CURE };
    });
  });
}

const CURE =
  "change what the pods ask for, or the labels pod-security.kubernetes.io of the Namespace";

function warningsIn(namespace: ApiObject | undefined, object: ApiObject): readonly string[] {
  const { warn } = podSecurityOf(labelsOf(namespace)).policies;
  const pod = warn.level === "privileged" ? undefined : checkedPodOf(object);
  const why = pod === undefined ? undefined : podSecurityMessage(warn, pod, "would violate");
  return why === undefined ? [] : [why];
}

function declaredNamespaces(manifests: readonly DeclaredObject[]): ReadonlyMap<string, ApiObject> {
  const found = manifests.map(({ object }) => object).filter(({ kind }) => kind === "Namespace");
  return new Map(found.map((object) => [object.metadata.name, object]));
}

function namespaceIn(world: World, { metadata }: ApiObject): ApiObject | undefined {
  const { namespace } = metadata;
  if (namespace === undefined) return undefined;
  return world.get({ apiVersion: "v1", kind: "Namespace", name: namespace });
}

function labelsOf(namespace: ApiObject | undefined): ApiObject["metadata"]["labels"] {
  return namespace?.metadata.labels;
}
