import { isTrue } from "../model/condition.ts";
import type { Condition, ResourceQuota } from "../model/kinds.gen.ts";
import { refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import { apiVersionOf } from "../model/resources.ts";
import { ROOT_CA_CONFIG_MAP, ROOT_CA_NAMESPACE } from "../model/root-ca.ts";
import { limitsFor, measuredResources } from "./quota-usage.ts";
import type { World } from "./world.ts";

/** Rules whose change may let in what was refused. */
const RULES: ReadonlySet<string> = new Set([
  "v1/ResourceQuota",
  "v1/LimitRange",
  "v1/Namespace",
  "v1/ServiceAccount",
  "scheduling.k8s.io/v1/PriorityClass",
]);
/** Who makes pods of its own: kind, and whether one of it has fewer than it wants. */
const MAKERS: readonly (readonly [apiVersion: string, kind: string])[] = [
  ["apps/v1", "ReplicaSet"],
  ["v1", "ReplicationController"],
  ["apps/v1", "StatefulSet"],
  ["apps/v1", "DaemonSet"],
  ["batch/v1", "Job"],
];

/** Quotas that count an object: what they have left changes with it. Pure. */
export function countingQuotas(world: World, object: ApiObject): readonly ObjectRef[] {
  const { namespace } = object.metadata;
  if (namespace === undefined || object.kind === "Event") return [];
  const quotas = world.list("v1", "ResourceQuota", namespace) as readonly ResourceQuota[];
  return quotas.filter((quota) => counts(quota, object)).map(refOf);
}

/** By kind alone: an object may enter and leave a scope by its change. */
function counts(quota: ResourceQuota, { apiVersion, kind, metadata }: ApiObject): boolean {
  if (quota.spec.scopes === undefined && quota.spec.scopeSelector === undefined)
    return limitsFor(quota, { apiVersion, kind, metadata }).length > 0;
  const names = Object.keys(quota.spec.hard ?? {});
  return names
    .flatMap(measuredResources)
    .some((resource) => resource.kind === kind && apiVersionOf(resource) === apiVersion);
}

/** Controllers that may make now what they could not: when a rule changes, those in its reach that miss pods. Pure. */
export function refusedMakers(world: World, object: ApiObject): readonly ObjectRef[] {
  if (!RULES.has(`${object.apiVersion}/${object.kind}`)) return [];
  const { namespace = object.kind === "Namespace" ? object.metadata.name : undefined } =
    object.metadata;
  return MAKERS.flatMap(([apiVersion, kind]) =>
    world.list(apiVersion, kind, namespace).filter(missesPods).map(refOf),
  );
}

interface Maker extends ApiObject {
  readonly spec?: {
    readonly replicas?: number;
    readonly parallelism?: number;
    readonly completions?: number;
    readonly suspend?: boolean;
  };
  readonly status?: {
    readonly replicas?: number;
    readonly active?: number;
    readonly conditions?: readonly Condition[];
    readonly currentNumberScheduled?: number;
    readonly desiredNumberScheduled?: number;
  };
}

function missesPods({ kind, spec = {}, status = {} }: Maker): boolean {
  switch (kind) {
    case "Job": {
      const isOver = isTrue(status.conditions, "Complete") || isTrue(status.conditions, "Failed");
      return !isOver && spec.suspend !== true && (status.active ?? 0) < (spec.parallelism ?? 1);
    }
    case "DaemonSet":
      return (status.currentNumberScheduled ?? 0) < (status.desiredNumberScheduled ?? 0);
    default:
      return (
        isTrue(status.conditions, "ReplicaFailure") || (status.replicas ?? 0) < (spec.replicas ?? 1)
      );
  }
}

/** Namespaces that have to have an object of this name: its own, or all when it is what the others are copied from. Pure. */
export function furnishedNamespaces(world: World, object: ApiObject): readonly ObjectRef[] {
  const { name, namespace } = object.metadata;
  if (object.apiVersion !== "v1" || namespace === undefined) return [];
  const isAccount = object.kind === "ServiceAccount" && name === "default";
  const isRootCa = object.kind === "ConfigMap" && name === ROOT_CA_CONFIG_MAP;
  if (isRootCa && namespace === ROOT_CA_NAMESPACE) return world.list("v1", "Namespace").map(refOf);
  if (!isAccount && !isRootCa) return [];
  return [{ apiVersion: "v1", kind: "Namespace", name: namespace }];
}

/** The Service whose endpoints people write, or whose copy somebody has changed. Pure. */
export function mirroredService(world: World, object: ApiObject): readonly ObjectRef[] {
  if (object.kind !== "Endpoints" || object.apiVersion !== "v1") return [];
  const { name, namespace = "" } = object.metadata;
  const ref = { apiVersion: "v1", kind: "Service", namespace, name };
  return world.get(ref) === undefined ? [] : [ref];
}
