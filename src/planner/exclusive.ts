import { hostPortsOf, isSameHostPort, type HostPort } from "../model/host-ports.ts";
import type {
  DaemonSet,
  Deployment,
  Job,
  Node,
  PersistentVolumeClaim,
  Pod,
  PodSpec,
  Service,
  StatefulSet,
} from "../model/kinds.gen.ts";
import { formatRef, refKey, refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import { allowsNode, identityOf } from "../model/node-affinity.ts";
import { podSourceOf } from "../model/pod-source.ts";
import { untoleratedTaint } from "../model/taints.ts";
import { judgeNode } from "./daemonset-nodes.ts";
import { isPod, listPods } from "./owned-pods.ts";
import type { World } from "./world.ts";

/** An object that goes before its successor serves, since both cannot have what the successor needs. */
export interface ReleasedFirst {
  readonly ref: ObjectRef;
  /** `host port TCP/80`, `node port TCP/30080`, `cluster address 10.96.0.9`, `claim data`. */
  readonly resource: string;
  readonly neededBy: ObjectRef;
}

/** Owners between an object that an App declares and its pods, at most. */
const MAX_DEPTH = 4;

/**
 * Which of the objects that are to go must go first: those that have what only one can have, and what a declared object
 * needs to become healthy. A host port counts only where too few nodes are free of it. In the order given. Pure.
 */
export function releasedFirst(
  world: World,
  declared: readonly ApiObject[],
  toPrune: readonly ObjectRef[],
): readonly ReleasedFirst[] {
  if (toPrune.length === 0) return [];
  const wanters = declared.map(toWanter).filter((wanter) => wanter !== undefined);
  const services = declared.filter((object): object is Service => object.kind === "Service");
  return toPrune.flatMap((ref) => {
    const holder = world.get(ref);
    if (holder === undefined) return [];
    const found =
      holder.kind === "Service"
        ? neededOfService(holder as Service, services)
        : neededOfPods(world, podsUnder(world, holder), declared, wanters);
    return found === undefined ? [] : [{ ref, ...found }];
  });
}

/** What is told of it. Pure. */
export function formatReleasedFirst({ ref, resource, neededBy }: ReleasedFirst): string {
  return `${formatRef(ref)} is released first: ${formatRef(neededBy)} needs its ${resource}`;
}

/** The world as it is once these objects are gone; the same one when there are none. Pure. */
export function withoutObjects(world: World, refs: readonly ObjectRef[]): World {
  if (refs.length === 0) return world;
  const gone = new Set(refs.map(refKey));
  const isThere = (object: ApiObject): boolean => !gone.has(refKey(refOf(object)));
  return {
    now: world.now,
    metrics: world.metrics,
    get: (ref) => (gone.has(refKey(ref)) ? undefined : world.get(ref)),
    list: (apiVersion, kind, namespace) => world.list(apiVersion, kind, namespace).filter(isThere),
    ownedBy: (uid) => world.ownedBy(uid).filter(isThere),
  };
}

type Need = Omit<ReleasedFirst, "ref">;

function neededOfService(holder: Service, services: readonly Service[]): Need | undefined {
  const held = new Set(heldByService(holder));
  for (const service of services) {
    const resource = heldByService(service).find((wanted) => held.has(wanted));
    if (resource !== undefined) return { resource, neededBy: refOf(service) };
  }
  return undefined;
}

/** What a Service states, or was given, that no other can have. */
function heldByService({ spec }: Service): readonly string[] {
  const { clusterIP = "None", healthCheckNodePort = 0 } = spec;
  return [
    ...(clusterIP === "None" || clusterIP === "" ? [] : [`cluster address ${clusterIP}`]),
    ...spec.ports.flatMap(({ nodePort, protocol }) =>
      nodePort === undefined ? [] : [`node port ${protocol}/${nodePort}`],
    ),
    ...(healthCheckNodePort === 0 ? [] : [`node port TCP/${healthCheckNodePort}`]),
  ];
}

/** A declared object that makes pods, and what those take for themselves. */
interface Wanter {
  readonly object: ApiObject;
  readonly spec: PodSpec;
  readonly ports: readonly HostPort[];
}

function toWanter(object: ApiObject): Wanter | undefined {
  const source = podSourceOf(object);
  if (source === undefined || podsWanted(object) === 0) return undefined;
  return { object, spec: source.spec, ports: hostPortsOf(source.spec) };
}

/** How many pods it makes at the same time; of a DaemonSet the nodes tell. */
function podsWanted(object: ApiObject): number {
  switch (object.kind) {
    case "Deployment":
    case "StatefulSet":
    case "ReplicaSet":
    case "ReplicationController":
      return (object as Deployment).spec.replicas;
    case "Job":
      return (object as Job).spec.parallelism ?? 1;
    default:
      return 1;
  }
}

function neededOfPods(
  world: World,
  pods: readonly Pod[],
  declared: readonly ApiObject[],
  wanters: readonly Wanter[],
): Need | undefined {
  if (pods.length === 0) return undefined;
  for (const wanter of wanters) {
    const resource = neededPort(world, pods, wanter) ?? neededClaim(world, pods, declared, wanter);
    if (resource !== undefined) return { resource, neededBy: refOf(wanter.object) };
  }
  return undefined;
}

/** A port that these pods have on nodes which the wanter cannot do without. */
function neededPort(world: World, pods: readonly Pod[], wanter: Wanter): string | undefined {
  if (wanter.ports.length === 0) return undefined;
  const clash = pods
    .filter(({ spec }) => spec.nodeName !== undefined)
    .flatMap(({ spec }) => hostPortsOf(spec))
    .find((port) => wanter.ports.some((wanted) => isSameHostPort(port, wanted)));
  if (clash === undefined) return undefined;
  const { object } = wanter;
  const nodes = (world.list("v1", "Node") as readonly Node[]).filter((node) =>
    mayRunOn(wanter, node),
  );
  const names = new Set(nodes.map(({ metadata }) => metadata.name));
  if (!pods.some(({ spec }) => names.has(spec.nodeName ?? ""))) return undefined;
  const own = new Set(
    podsUnder(world, world.get(refOf(object))).map(({ metadata }) => metadata.uid),
  );
  const taken = new Set(
    listPods(world)
      .filter((pod) => !own.has(pod.metadata.uid) && hasPortOf(pod, wanter))
      .map(({ spec }) => spec.nodeName),
  );
  const free = nodes.filter(({ metadata }) => !taken.has(metadata.name)).length;
  const wanted = object.kind === "DaemonSet" ? nodes.length : podsWanted(object);
  return free < wanted ? `host port ${clash.protocol}/${clash.port}` : undefined;
}

function hasPortOf(pod: Pod, { ports }: Wanter): boolean {
  if (pod.spec.nodeName === undefined || hasEnded(pod)) return false;
  return hostPortsOf(pod.spec).some((port) => ports.some((wanted) => isSameHostPort(port, wanted)));
}

function mayRunOn({ object, spec }: Wanter, node: Node): boolean {
  if (object.kind === "DaemonSet") return judgeNode(object as DaemonSet, node).shouldRun;
  return (
    allowsNode(spec, identityOf(node)) &&
    untoleratedTaint(node.spec.taints ?? [], spec.tolerations ?? [], [
      "NoSchedule",
      "NoExecute",
    ]) === undefined
  );
}

/** A claim that only one may write to, which these pods have and the wanter did not have until now. */
function neededClaim(
  world: World,
  pods: readonly Pod[],
  declared: readonly ApiObject[],
  { object }: Wanter,
): string | undefined {
  const { namespace } = object.metadata;
  const stored = world.get(refOf(object));
  return pods
    .filter(({ metadata }) => metadata.namespace === namespace)
    .flatMap(({ spec }) => claimsOf(spec))
    .filter((name) => usesClaim(object, name) && !(stored !== undefined && usesClaim(stored, name)))
    .filter((name) => isForOne(claimNamed(world, declared, namespace, name)))
    .map((name) => `claim ${name}`)[0];
}

function claimsOf({ volumes = [] }: PodSpec): readonly string[] {
  return volumes.flatMap(({ persistentVolumeClaim: claim }) =>
    claim === undefined || claim.readOnly === true ? [] : [claim.claimName],
  );
}

function usesClaim(object: ApiObject, name: string): boolean {
  const source = podSourceOf(object);
  if (source !== undefined && claimsOf(source.spec).includes(name)) return true;
  if (object.kind !== "StatefulSet") return false;
  const { metadata, spec } = object as StatefulSet;
  return (spec.volumeClaimTemplates ?? []).some(({ metadata: template }) => {
    const prefix = `${template?.name ?? ""}-${metadata.name}-`;
    return name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length));
  });
}

function claimNamed(
  world: World,
  declared: readonly ApiObject[],
  namespace: string | undefined,
  name: string,
): PersistentVolumeClaim | undefined {
  const ref = { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace: namespace ?? "", name };
  const key = refKey(ref);
  const found = world.get(ref) ?? declared.find((object) => refKey(refOf(object)) === key);
  return found as PersistentVolumeClaim | undefined;
}

function isForOne(claim: PersistentVolumeClaim | undefined): boolean {
  const modes = claim?.spec.accessModes ?? [];
  return !modes.includes("ReadWriteMany") && modes.some((mode) => mode.startsWith("ReadWriteOnce"));
}

/** The pods that an object makes, through what it owns, and that have not ended. */
function podsUnder(world: World, object: ApiObject | undefined, depth = MAX_DEPTH): readonly Pod[] {
  if (object === undefined || depth === 0) return [];
  if (isPod(object)) return hasEnded(object) ? [] : [object];
  return world
    .ownedBy(object.metadata.uid ?? "")
    .flatMap((owned) => podsUnder(world, owned, depth - 1));
}

function hasEnded({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}
