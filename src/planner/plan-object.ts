import { EMPTY_PLAN, type Plan } from "../model/plan.ts";
import { admitPlan } from "./admit-plan.ts";
import type {
  ClusterRole,
  CronJob,
  DaemonSet,
  Deployment,
  HorizontalPodAutoscaler,
  Job,
  LabelSelector,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  ReplicationController,
  ResourceQuota,
  Service,
  StatefulSet,
} from "../model/kinds.gen.ts";
import { matchesLabels, matchesSelector } from "../model/labels.ts";
import { controllerOf, refKey, refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import { notePins, pinImages } from "./image-pins.ts";
import { isAutoscaler, restoreReplicas, targetRef } from "./hpa-target.ts";
import { isTerminatingNamespace } from "./namespace-state.ts";
import { isPod, listPods } from "./owned-pods.ts";
import { aggregatingRoles, planClusterRole } from "./plan-cluster-role.ts";
import { planCronJob } from "./plan-cronjob.ts";
import { planClaim } from "./plan-claim.ts";
import { planDaemonSet } from "./plan-daemonset.ts";
import { planDeployment } from "./plan-deployment.ts";
import { balancedServices, planService } from "./plan-service.ts";
import { concernsGarbage, dependentsOf, planGarbage } from "./plan-garbage.ts";
import { forgetPod, isAwaitingCount, planJob } from "./plan-job.ts";
import { planEphemeralClaims } from "./plan-ephemeral-claims.ts";
import { planNamespace } from "./plan-namespace.ts";
import { planAutoscaler } from "./plan-hpa.ts";
import { budgetsOf, budgetsOfScale, planDisruptionBudget } from "./plan-pdb.ts";
import { isOutOfService, planPodCollection } from "./plan-pods.ts";
import { planQuota } from "./plan-quota.ts";
import { planReplicaSet, planReplicationController } from "./plan-replicaset.ts";
import { planStatefulSet } from "./plan-statefulset.ts";
import { isFinished } from "../model/pod-phase.ts";
import { planVolume } from "./plan-volume.ts";
import { wakeClaims } from "./wake-claims.ts";
import { isOwnBusiness, isStatusChange, owners, waitingOwners } from "./wake-owners.ts";
import { wakeWorkloads } from "./wake-workloads.ts";
import {
  countingQuotas,
  furnishedNamespaces,
  mirroredService,
  refusedMakers,
} from "./wake-rules.ts";
import type { World } from "./world.ts";

type Planner = (world: World, object: never) => Plan;

/** Who plans what. A kind that is not here is only looked at for a controller that is gone. */
const PLANNERS: ReadonlyMap<string, Planner> = new Map<string, Planner>([
  ["v1/Namespace", (world, object: Namespace) => planNamespace(world, object)],
  ["v1/Pod", (world, object: Pod) => planPod(world, object)],
  ["v1/ResourceQuota", (world, object: ResourceQuota) => planQuota(world, object)],
  ["v1/Service", (world, object: Service) => planService(world, object)],
  ["v1/PersistentVolumeClaim", (world, object: PersistentVolumeClaim) => planClaim(world, object)],
  ["v1/PersistentVolume", (world, object: PersistentVolume) => planVolume(world, object)],
  ["apps/v1/Deployment", (world, object: Deployment) => planDeployment(world, object)],
  ["apps/v1/ReplicaSet", (world, object: ReplicaSet) => planReplicaSet(world, object)],
  ["apps/v1/StatefulSet", (world, object: StatefulSet) => planStatefulSet(world, object)],
  ["apps/v1/DaemonSet", (world, object: DaemonSet) => planDaemonSet(world, object)],
  [
    "v1/ReplicationController",
    (world, object: ReplicationController) => planReplicationController(world, object),
  ],
  ["batch/v1/Job", (world, object: Job) => planJob(world, object)],
  [
    "policy/v1/PodDisruptionBudget",
    (world, object: PodDisruptionBudget) => planDisruptionBudget(world, object),
  ],
  [
    "autoscaling/v2/HorizontalPodAutoscaler",
    (world, object: HorizontalPodAutoscaler) => planAutoscaler(world, object),
  ],
  ["batch/v1/CronJob", (world, object: CronJob) => planCronJob(world, object)],
  [
    "rbac.authorization.k8s.io/v1/ClusterRole",
    (world, object: ClusterRole) => planClusterRole(world, object),
  ],
]);

/** Which kinds adopt what nobody controls, by the kind that is adopted. */
const ADOPTERS: ReadonlyMap<string, readonly (readonly [apiVersion: string, kind: string])[]> =
  new Map([
    [
      "v1/Pod",
      [
        ["apps/v1", "ReplicaSet"],
        ["apps/v1", "StatefulSet"],
        ["apps/v1", "DaemonSet"],
        ["v1", "ReplicationController"],
        ["batch/v1", "Job"],
      ],
    ],
    ["apps/v1/ReplicaSet", [["apps/v1", "Deployment"]]],
    [
      "apps/v1/ControllerRevision",
      [
        ["apps/v1", "StatefulSet"],
        ["apps/v1", "DaemonSet"],
      ],
    ],
  ]);

/** Whom a changed object concerns. `world` is as after the change; `other` is the object on the other side of it. */
type Waker = (world: World, changed: ApiObject, other?: ApiObject) => readonly ObjectRef[];

/** One rule each, with the kinds that it looks at: all of them, unless given. A rule is not asked about any other kind. */
const WAKERS: readonly (readonly [wake: Waker, kinds?: readonly string[]])[] = [
  [adopters, ["Pod", "ReplicaSet", "ControllerRevision"]],
  [services, ["Pod"]],
  [(world, object) => (isPod(object) ? budgetsOf(world, object).map(refOf) : []), ["Pod"]],
  [
    (world, object, other) => budgetsOfScale(world, object, other).map(refOf),
    ["Deployment", "ReplicaSet", "StatefulSet", "ReplicationController"],
  ],
  [
    (_, object) => (isAutoscaler(object) ? [targetRef(object) ?? []].flat() : []),
    ["HorizontalPodAutoscaler"],
  ],
  [countingQuotas],
  [refusedMakers, ["ResourceQuota", "LimitRange", "ServiceAccount", "PriorityClass"]],
  [furnishedNamespaces, ["ServiceAccount", "ConfigMap"]],
  [mirroredService, ["Endpoints"]],
  [movedServices, ["Node"]],
  [aggregatingRoles, ["ClusterRole"]],
  [balancedServices, ["Node", "Service"]],
  [wakeClaims, ["PersistentVolume", "PersistentVolumeClaim", "Pod", "Node", "StorageClass"]],
  [wakeWorkloads, ["Node", "PersistentVolumeClaim", "Pod", "ConfigMap", "Secret"]],
];

const WAKERS_OF_ALL = wakersOfKind();
const WAKERS_BY_KIND: ReadonlyMap<string, readonly Waker[]> = new Map(
  WAKERS.flatMap(([, kinds = []]) => kinds).map((kind) => [kind, wakersOfKind(kind)]),
);

const ZONE_LABEL = "topology.kubernetes.io/zone";

/** What is to be done about one object, which may be gone. Pure. */
export function planObject(world: World, ref: ObjectRef): Plan {
  const object = world.get(ref);
  if (object === undefined) return EMPTY_PLAN;
  const garbage = planGarbage(world, object);
  if (garbage.steps.length > 0) return garbage;
  const restored = restoreReplicas(world, object);
  if (restored !== undefined)
    return { steps: [{ kind: "update", object: restored, reason: "Declared" }] };
  const planner = PLANNERS.get(`${object.apiVersion}/${object.kind}`);
  return planner === undefined
    ? EMPTY_PLAN
    : admitPlan(world, object, pinImages(world, planner(world, object as never)));
}

/**
 * The keys (`refKey`) of what is to be planned again after `object` has changed, come or gone; to be asked for its state
 * before and after, each with the `other` where there is one. `world` is as after the change. Their number follows the
 * change, not the cluster. Pure.
 */
export function wakeKeys(world: World, object: ApiObject, other?: ApiObject): readonly string[] {
  const keys = new Set<string>();
  const self = refOf(object);
  if (isPlanned(object)) keys.add(refKey(self));
  for (const wake of [owners, waitingOwners, terminatingNamespace, ...wakersOf(object)])
    for (const ref of wake(world, object, other)) keys.add(refKey(ref));
  const { uid } = object.metadata;
  const isGone = world.get(self)?.metadata.uid !== uid;
  const isEnding = object.metadata.deletionTimestamp !== undefined && concernsGarbage(object);
  if ((isGone || isEnding) && uid !== undefined)
    for (const dependent of dependentsOf(world, uid)) keys.add(refKey(refOf(dependent)));
  if (object.kind === "Node" && (isGone || isOutOfService(object as Node)))
    for (const ref of podsOf(world, object.metadata.name)) keys.add(refKey(ref));
  return [...keys];
}

/**
 * The keys of what is to be planned again after a change from `before` to `after`, one of which is absent when the object
 * came or went: those of both, and fewer where only the status differs. Pure.
 */
export function wakeKeysOfChange(
  world: World,
  before: ApiObject | undefined,
  after: ApiObject | undefined,
): readonly string[] {
  if (after === undefined) return before === undefined ? [] : wakeKeys(world, before);
  if (before === undefined) return wakeKeys(world, after);
  if (after.kind !== "Node" && isStatusChange(before, after))
    return wakeKeysOfStatus(world, before, after);
  return [...new Set([...wakeKeys(world, after, before), ...wakeKeys(world, before, after)])];
}

/** Nobody who waits for the object to go, or for what its spec and labels say, has anything to see. */
function wakeKeysOfStatus(world: World, before: ApiObject, after: ApiObject): readonly string[] {
  const keys = new Set<string>();
  if (isPlanned(after)) keys.add(refKey(refOf(after)));
  const above = isOwnBusiness(before, after) ? [] : owners(world, after);
  for (const ref of above) keys.add(refKey(ref));
  for (const wake of wakersOf(after))
    for (const ref of wake(world, after, before)) keys.add(refKey(ref));
  return [...keys];
}

/** A Job's pod that has come to its end is not collected before it is counted. */
function planPod(world: World, pod: Pod): Plan {
  const job = jobOf(world, pod);
  if (isFinished(pod) && isAwaitingCount(job, pod)) return EMPTY_PLAN;
  const collection = planPodCollection(world, pod);
  if (collection.steps.length > 0) return collection;
  const pins = notePins(world, pod);
  const claims = planEphemeralClaims(world, pod);
  if (claims.length > 0) return { ...collection, steps: [...pins, ...claims] };
  if (job !== undefined) return collection;
  return { ...collection, steps: [...pins, ...forgetPod(pod)] };
}

function jobOf(world: World, pod: Pod): Job | undefined {
  const owner = controllerOf(pod);
  if (owner?.kind !== "Job") return undefined;
  const { namespace = "" } = pod.metadata;
  const ref = { apiVersion: "batch/v1", kind: "Job", namespace, name: owner.name };
  const job = world.get(ref) as Job | undefined;
  return job?.metadata.uid === owner.uid ? job : undefined;
}

function wakersOf({ kind }: ApiObject): readonly Waker[] {
  return WAKERS_BY_KIND.get(kind) ?? WAKERS_OF_ALL;
}

function wakersOfKind(kind = ""): readonly Waker[] {
  return WAKERS.filter(([, kinds]) => kinds?.includes(kind) ?? true).map(([wake]) => wake);
}

/** Whether anything is ever planned for an object like this. */
function isPlanned(object: ApiObject): boolean {
  return PLANNERS.has(`${object.apiVersion}/${object.kind}`) || concernsGarbage(object);
}

/** Controllers that would adopt an object that nobody controls. */
function adopters(world: World, object: ApiObject): readonly ObjectRef[] {
  const { namespace, labels } = object.metadata;
  if (controllerOf(object) !== undefined || namespace === undefined) return [];
  const kinds = ADOPTERS.get(`${object.apiVersion}/${object.kind}`) ?? [];
  return kinds.flatMap(([apiVersion, kind]) => {
    const candidates = world.list(apiVersion, kind, namespace);
    return candidates.filter((item) => matchesSelector(selectorOf(item), labels)).map(refOf);
  });
}

/** Whom an adopter chooses. */
function selectorOf(adopter: ApiObject): LabelSelector | undefined {
  if (adopter.kind !== "ReplicationController") return (adopter as Deployment | Job).spec.selector;
  const { selector } = (adopter as ReplicationController).spec;
  return Object.keys(selector).length === 0 ? undefined : { matchLabels: selector };
}

/** Services that send to a pod. */
function services(world: World, object: ApiObject): readonly ObjectRef[] {
  if (!isPod(object)) return [];
  const { namespace = "", labels } = object.metadata;
  const all = world.list("v1", "Service", namespace) as readonly Service[];
  if (all.length === 0) return [];
  return all
    .filter(({ spec }) => {
      const { selector = {} } = spec;
      return Object.keys(selector).length > 0 && matchesLabels(selector, labels);
    })
    .map(refOf);
}

/** Services that send to pods of a node that has moved to another zone. */
function movedServices(world: World, object: ApiObject, other?: ApiObject): readonly ObjectRef[] {
  if (object.kind !== "Node" || other === undefined) return [];
  const zone = ({ metadata }: ApiObject): string | undefined => metadata.labels?.[ZONE_LABEL];
  if (zone(object) === zone(other)) return [];
  const pods = listPods(world).filter(({ spec }) => spec.nodeName === object.metadata.name);
  return pods.flatMap((pod) => services(world, pod));
}

/** A namespace that is being emptied looks whether it is empty now. */
function terminatingNamespace(world: World, object: ApiObject): readonly ObjectRef[] {
  const { namespace: name } = object.metadata;
  if (name === undefined) return [];
  const ref = { apiVersion: "v1", kind: "Namespace", name };
  const namespace = world.get(ref) as Namespace | undefined;
  return namespace !== undefined && isTerminatingNamespace(namespace) ? [ref] : [];
}

function podsOf(world: World, node: string): readonly ObjectRef[] {
  return listPods(world)
    .filter(({ spec }) => spec.nodeName === node)
    .map(refOf);
}
