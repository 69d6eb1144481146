import { formatTime } from "../base/clock.ts";
import { compare } from "../base/order.ts";
import { isSameJson } from "../base/same-json.ts";
import { setCondition } from "../model/condition.ts";
import { hasFinalizers, NAMESPACE_FINALIZER } from "../model/deletion.ts";
import type { ConfigMap, Namespace, ServiceAccount } from "../model/kinds.gen.ts";
import { controllerOf, refOf, type ApiObject, type Condition } from "../model/meta.ts";
import type { Plan, Step } from "../model/plan.ts";
import { apiVersionOf, resourceOf, RESOURCES } from "../model/resources.ts";
import {
  ROOT_CA_CONFIG_MAP,
  ROOT_CA_NAME,
  ROOT_CA_NAMESPACE,
  rootCaConfigMap,
} from "../model/root-ca.ts";
import { isTerminatingNamespace } from "./namespace-state.ts";
import type { World } from "./world.ts";

/** Deletions of one plan at most; the rest follows when these are gone. */
const MAX_DELETIONS = 500;
/** The account that pods run as unless they name another one. */
const DEFAULT_ACCOUNT = "default";

/**
 * A Namespace that stays is Active, and has its account `default` and the certificate of the cluster's CA. One that is being
 * deleted is emptied, what others derive from first, tells what is left in it, and goes with its last object. Pure.
 */
export function planNamespace(world: World, namespace: Namespace): Plan {
  if (!isTerminatingNamespace(namespace)) return { steps: planActive(world, namespace) };
  const content = contentOf(world, namespace.metadata.name);
  if (content.length === 0 && isHeldByUs(namespace)) return { steps: [finish(namespace)] };
  const conditions = conditionsOf(world, namespace, content);
  const steps: Step[] = statusSteps(namespace, { phase: "Terminating", conditions });
  const deletable = content.filter((object) => object.metadata.deletionTimestamp === undefined);
  for (const object of deletable.slice(0, MAX_DELETIONS)) steps.push(remove(object));
  if (content.length === 0 && !hasFinalizers(namespace)) steps.push(remove(namespace));
  return { steps };
}

/** What stands in the namespace: declared objects before what is derived from them, so that nothing is made anew. */
function contentOf(world: World, name: string): readonly ApiObject[] {
  const all = RESOURCES.filter((resource) => resource.namespaced).flatMap((resource) =>
    world.list(apiVersionOf(resource), resource.kind, name),
  );
  return [
    ...all.filter((object) => controllerOf(object) === undefined),
    ...all.filter((object) => controllerOf(object) !== undefined),
  ];
}

function planActive(world: World, namespace: Namespace): readonly Step[] {
  const { name } = namespace.metadata;
  const steps: Step[] = [];
  if (!isHeldByUs(namespace)) {
    const finalizers = [...(namespace.spec?.finalizers ?? []), NAMESPACE_FINALIZER];
    const spec = { ...namespace.spec, finalizers };
    steps.push({ kind: "update", object: { ...namespace, spec } as Namespace, reason: "Declared" });
  }
  return [
    ...steps,
    ...statusSteps(namespace, { ...namespace.status, phase: "Active" }),
    ...planAccount(world, name),
    ...planRootCa(world, name),
  ];
}

function planAccount(world: World, namespace: string): readonly Step[] {
  const account: ServiceAccount = {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: DEFAULT_ACCOUNT, namespace },
  };
  if (world.get(refOf(account)) !== undefined) return [];
  return [{ kind: "create", object: account, reason: "Declared" }];
}

/** A copy of the control plane's own: made when it is missing, mended when it says something else. */
function planRootCa(world: World, namespace: string): readonly Step[] {
  const ref = { apiVersion: "v1", kind: "ConfigMap", name: ROOT_CA_CONFIG_MAP };
  const origin = world.get({ ...ref, namespace: ROOT_CA_NAMESPACE }) as ConfigMap | undefined;
  const bundle = origin?.data?.[ROOT_CA_NAME];
  if (bundle === undefined) return [];
  const stored = world.get({ ...ref, namespace }) as ConfigMap | undefined;
  const wanted = rootCaConfigMap(namespace, bundle);
  if (stored === undefined) return [{ kind: "create", object: wanted, reason: "Declared" }];
  if (isSameJson(stored.data, wanted.data)) return [];
  const object = { ...stored, data: wanted.data } as ConfigMap;
  return [{ kind: "update", object, reason: "Declared" }];
}

function statusSteps(namespace: Namespace, status: NonNullable<Namespace["status"]>): Step[] {
  if (isSameJson(namespace.status, status)) return [];
  const object = { ...namespace, status } as Namespace;
  return [{ kind: "update-status", object, reason: "StatusChanged" }];
}

/** What is left, and who is waited for, in the conditions by which Kubernetes tells it. */
function conditionsOf(
  world: World,
  { status }: Namespace,
  content: readonly ApiObject[],
): readonly Condition[] {
  const finalizers = content.flatMap(({ metadata }) => metadata.finalizers ?? []);
  const remaining = countBy(content.map(resourceName));
  const conditions: readonly Condition[] = [
    told(
      "NamespaceDeletionDiscoveryFailure",
      false,
      "ResourcesDiscovered",
      "All resources successfully discovered",
    ),
    told(
      "NamespaceDeletionGroupVersionParsingFailure",
      false,
      "ParsedGroupVersions",
      "All legacy kube types successfully parsed",
    ),
    told(
      "NamespaceDeletionContentFailure",
      false,
      "ContentDeleted",
      "All content successfully deleted, may be waiting on finalization",
    ),
    content.length === 0
      ? told(
          "NamespaceContentRemaining",
          false,
          "ContentRemoved",
          "All content successfully removed",
        )
      : told(
          "NamespaceContentRemaining",
          true,
          "SomeResourcesRemain",
          `Some resources are remaining: ${remaining.map(([name, count]) => `${name} has ${count} resource instances`).join(", ")}`,
        ),
    finalizers.length === 0
      ? told(
          "NamespaceFinalizersRemaining",
          false,
          "ContentHasNoFinalizers",
          "All content-preserving finalizers finished",
        )
      : told(
          "NamespaceFinalizersRemaining",
          true,
          "SomeFinalizersRemain",
          `Some content in the namespace has finalizers remaining: ${countBy(finalizers)
            .map(([name, count]) => `${name} in ${count} resource instances`)
            .join(", ")}`,
        ),
  ];
  const now = formatTime(world.now);
  return conditions.reduce<readonly Condition[]>(
    (list, condition) => setCondition(list, condition, now),
    status?.conditions ?? [],
  );
}

function told(type: string, isTrue: boolean, reason: string, message: string): Condition {
  return { type, status: isTrue ? "True" : "False", reason, message };
}

/** `pods.`, `deployments.apps`: as Kubernetes names them here. */
function resourceName(object: ApiObject): string {
  const { plural, group } = resourceOf(refOf(object));
  return `${plural}.${group}`;
}

function countBy(names: readonly string[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].toSorted(([a], [b]) => compare(a, b));
}

function isHeldByUs({ spec }: Namespace): boolean {
  return spec?.finalizers?.includes(NAMESPACE_FINALIZER) ?? false;
}

/** Our finalizer off, and the namespace goes, unless others have theirs on it still. */
function finish(namespace: Namespace): Step {
  const left = (namespace.spec?.finalizers ?? []).filter((name) => name !== NAMESPACE_FINALIZER);
  const object = { ...namespace, spec: { ...namespace.spec, finalizers: left } } as Namespace;
  return { kind: "update", object, reason: "NamespaceTerminating" };
}

function remove(object: ApiObject): Step {
  return {
    kind: "delete",
    ref: refOf(object),
    uid: object.metadata.uid ?? "",
    propagation: "Background",
    reason: "NamespaceTerminating",
  };
}
