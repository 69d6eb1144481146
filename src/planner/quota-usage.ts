import { parseTime, type Millis } from "../base/clock.ts";
import type {
  Container,
  PersistentVolumeClaim,
  Pod,
  ResourceQuota,
  ScopedResourceSelectorRequirement,
  Service,
} from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { isFinished } from "../model/pod-phase.ts";
import { resourceOf, RESOURCES, type Resource } from "../model/resources.ts";
import { addAmounts, maxAmounts, NO_AMOUNTS, ONE, readAmounts, type Amounts } from "./amounts.ts";
import { isPod } from "./owned-pods.ts";

/** Kinds that quotas counted by their bare plural before there was `count/`. */
const LEGACY_COUNTS: ReadonlySet<string> = new Set([
  "services",
  "replicationcontrollers",
  "resourcequotas",
  "secrets",
  "configmaps",
  "persistentvolumeclaims",
]);
/** Quotas of these oblige each container to state the amount. Kubernetes calls it a mistake, and keeps it. */
const OBLIGING: ReadonlySet<string> = new Set([
  "cpu",
  "memory",
  "requests.cpu",
  "requests.memory",
  "limits.cpu",
  "limits.memory",
]);
const STORAGE_CLASS_SUFFIX = ".storageclass.storage.k8s.io/";

/** What an object counts for in a quota of its namespace, at `now`. Pure. */
export function usageOf(object: ApiObject, now: Millis): Amounts {
  if (isPod(object)) return podUsage(object, now);
  const resource = resourceOf(object);
  const usage = new Map([[countName(resource), ONE]]);
  if (LEGACY_COUNTS.has(resource.plural)) usage.set(resource.plural, ONE);
  switch (`${object.apiVersion}/${object.kind}`) {
    case "v1/Service":
      return addAmounts(usage, serviceUsage(object as Service));
    case "v1/PersistentVolumeClaim":
      return addAmounts(usage, claimUsage(object as PersistentVolumeClaim));
    default:
      return usage;
  }
}

/** `count/deployments.apps`, `count/pods`. Pure. */
export function countName({ plural, group }: Pick<Resource, "plural" | "group">): string {
  return group === "" ? `count/${plural}` : `count/${plural}.${group}`;
}

/** The kinds of objects that a limit of this name counts; none for a name that nothing is counted by. Pure. */
export function measuredResources(name: string): readonly Resource[] {
  return RESOURCES.filter(({ namespaced }) => namespaced).filter((resource) => {
    if (name === countName(resource)) return true;
    switch (resource.kind) {
      case "Pod":
        return isPodAmount(name);
      case "Service":
        return name === "services" || name.startsWith("services.");
      case "PersistentVolumeClaim":
        return (
          name === "persistentvolumeclaims" ||
          name === "requests.storage" ||
          name.includes(STORAGE_CLASS_SUFFIX)
        );
      default:
        return LEGACY_COUNTS.has(name) && name === resource.plural && resource.group === "";
    }
  });
}

/** Which of a quota's limits an object counts towards; none when a scope of the quota is not its own. Pure. */
export function limitsFor({ spec }: ResourceQuota, object: ApiObject): readonly string[] {
  const { kind, apiVersion } = object;
  const names = Object.keys(spec.hard ?? {}).filter((name) =>
    resourcesOf(name).some(
      (resource) => resource.kind === kind && apiVersion === versionOf(resource),
    ),
  );
  if (names.length === 0) return [];
  return scopesOf(spec).every((scope) => isInScope(scope, object)) ? names : [];
}

/** What a pod's containers must state for a quota and do not: `limits.cpu for: web`; `undefined` when all is stated. Pure. */
export function missingStatements(names: readonly string[], { spec }: Pod): string | undefined {
  const obliging = names.filter((name) => OBLIGING.has(name)).toSorted();
  const parts = obliging.flatMap((name) => {
    const silent = [...spec.containers, ...(spec.initContainers ?? [])]
      .filter((container) => !computeUsage(statedBy(container)).has(name))
      .map((container) => container.name)
      .toSorted();
    return silent.length === 0 ? [] : [`${name} for: ${silent.join(",")}`];
  });
  return parts.length === 0 ? undefined : `must specify ${parts.join("; ")}`;
}

const resourcesByName = new Map<string, readonly Resource[]>();

function resourcesOf(name: string): readonly Resource[] {
  const known = resourcesByName.get(name);
  if (known !== undefined) return known;
  const found = measuredResources(name);
  // Names come from manifests: what is remembered stays bounded.
  if (resourcesByName.size < 1000) resourcesByName.set(name, found);
  return found;
}

function versionOf({ group, version }: Resource): string {
  return group === "" ? version : `${group}/${version}`;
}

function isPodAmount(name: string): boolean {
  if (name === "pods" || name === "cpu" || name === "memory" || name === "ephemeral-storage")
    return true;
  if (name.startsWith("hugepages-") || name.startsWith("limits.")) return true;
  return name.startsWith("requests.") && name !== "requests.storage";
}

/** What a pod asks for does not change while it lives: it is worked out once. */
const amountsOfPods = new WeakMap<Pod["spec"], Amounts>();

function podUsage(pod: Pod, now: Millis): Amounts {
  const counted = new Map([["count/pods", ONE]]);
  if (!isCharged(pod, now)) return counted;
  let amounts = amountsOfPods.get(pod.spec);
  if (amounts === undefined) {
    amounts = addAmounts(new Map([["pods", ONE]]), computeUsage(podResources(pod)));
    amountsOfPods.set(pod.spec, amounts);
  }
  return addAmounts(counted, amounts);
}

/** A pod that has ended, or should have by now, uses nothing. */
function isCharged(pod: Pod, now: Millis): boolean {
  if (isFinished(pod)) return false;
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  const endsAt = parseTime(deletionTimestamp);
  if (endsAt === undefined || deletionGracePeriodSeconds === undefined) return true;
  return now <= endsAt + deletionGracePeriodSeconds * 1000;
}

interface Stated {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

function statedBy({ resources }: Container): Stated {
  return { requests: readAmounts(resources?.requests), limits: readAmounts(resources?.limits) };
}

/** All containers together, or the largest init container with the sidecars that run by then, if that is more. */
function podResources({ spec }: Pod): Stated {
  const side = (field: keyof Stated): Amounts => {
    let running: Amounts = NO_AMOUNTS;
    let largest: Amounts = NO_AMOUNTS;
    for (const container of spec.initContainers ?? []) {
      const own = statedBy(container)[field];
      const isSidecar = "restartPolicy" in container && container.restartPolicy === "Always";
      const together = addAmounts(running, own);
      if (isSidecar) running = together;
      largest = maxAmounts(largest, together);
    }
    const main = spec.containers.reduce(
      (sum, container) => addAmounts(sum, statedBy(container)[field]),
      running,
    );
    const total = maxAmounts(main, largest);
    return field === "requests" || total.size > 0
      ? addAmounts(total, readAmounts(spec.overhead))
      : total;
  };
  return { requests: side("requests"), limits: side("limits") };
}

/** A request of cpu counts as `cpu` and as `requests.cpu`; anything else only by its full name. */
function computeUsage({ requests, limits }: Stated): Amounts {
  const usage = new Map<string, NonNullable<ReturnType<Amounts["get"]>>>();
  for (const [name, quantity] of requests) {
    if (!name.includes("/")) usage.set(name, quantity);
    usage.set(`requests.${name}`, quantity);
  }
  for (const [name, quantity] of limits) {
    if (!name.includes("/")) usage.set(`limits.${name}`, quantity);
  }
  return usage;
}

function serviceUsage({ spec }: Service): Amounts {
  const ports: bigint = BigInt(spec.ports.length);
  const type: string = spec.type;
  const usage = new Map<string, typeof ONE>();
  if (type === "NodePort") usage.set("services.nodeports", times(ports));
  if (type === "LoadBalancer") {
    usage.set("services.loadbalancers", ONE);
    const allocates = (spec as { readonly allocateLoadBalancerNodePorts?: boolean })
      .allocateLoadBalancerNodePorts;
    const given = BigInt(spec.ports.filter(({ nodePort }) => nodePort !== undefined).length);
    usage.set("services.nodeports", times(allocates === false ? given : ports));
  }
  return usage;
}

function times(count: bigint): typeof ONE {
  return { ...ONE, nanos: ONE.nanos * count };
}

function claimUsage({ spec }: PersistentVolumeClaim): Amounts {
  const storage = readAmounts(spec.resources?.requests).get("storage");
  const { storageClassName: name } = spec;
  const usage = new Map<string, typeof ONE>();
  if (storage !== undefined) usage.set("requests.storage", storage);
  if (name === undefined || name === "") return usage;
  usage.set(`${name}${STORAGE_CLASS_SUFFIX}persistentvolumeclaims`, ONE);
  if (storage !== undefined) usage.set(`${name}${STORAGE_CLASS_SUFFIX}requests.storage`, storage);
  return usage;
}

function scopesOf(spec: ResourceQuota["spec"]): readonly ScopedResourceSelectorRequirement[] {
  const bare = (spec.scopes ?? []).map((scopeName): ScopedResourceSelectorRequirement => ({
    scopeName,
    operator: "Exists",
  }));
  return [...bare, ...(spec.scopeSelector?.matchExpressions ?? [])];
}

/** Scopes choose among pods; a quota with scopes counts nothing else. */
function isInScope(scope: ScopedResourceSelectorRequirement, object: ApiObject): boolean {
  if (!isPod(object)) return false;
  switch (scope.scopeName) {
    case "Terminating":
      return object.spec.activeDeadlineSeconds !== undefined;
    case "NotTerminating":
      return object.spec.activeDeadlineSeconds === undefined;
    case "BestEffort":
      return isBestEffort(object);
    case "NotBestEffort":
      return !isBestEffort(object);
    case "PriorityClass":
      return hasPriorityClass(scope, object);
    case "CrossNamespacePodAffinity":
      return JSON.stringify(object.spec.affinity ?? {}).includes('"namespace');
    default:
      return false;
  }
}

function hasPriorityClass(
  { operator, values = [] }: ScopedResourceSelectorRequirement,
  { spec }: Pod,
): boolean {
  const name = spec.priorityClassName ?? "";
  switch (operator) {
    case "Exists":
      return name !== "";
    case "DoesNotExist":
      return name === "";
    case "In":
      return name !== "" && values.includes(name);
    case "NotIn":
      return name === "" || !values.includes(name);
    default:
      return false;
  }
}

function isBestEffort({ spec }: Pod): boolean {
  return [...spec.containers, ...(spec.initContainers ?? [])].every((container) => {
    const { requests, limits } = statedBy(container);
    return [requests, limits].every(
      (amounts) =>
        (amounts.get("cpu")?.nanos ?? 0n) === 0n && (amounts.get("memory")?.nanos ?? 0n) === 0n,
    );
  });
}
