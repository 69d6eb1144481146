import { compare } from "../base/order.ts";
import { isSameJson } from "../base/same-json.ts";
import { findCondition, isTrue, setCondition } from "../model/condition.ts";
import type { Condition, EndpointSlice, Node, Service } from "../model/kinds.gen.ts";
import { SERVICE_NAME_LABEL } from "../model/labels.ts";
import { formatRef, refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import type { Plan, Step } from "../model/plan.ts";
import { formatTime } from "../base/clock.ts";
import { hintsByLoad } from "./plan-service-hints.ts";
import { planEndpoints } from "./plan-endpoints.ts";
import type { World } from "./world.ts";

/** The class of Services whose balancer are the nodes; without a class they are meant too. */
export const BALANCER_CLASS = "berth.dev/nodes";
/** Nodes with this label are no balancers, as in Kubernetes. */
const EXCLUDE_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers";
/** Kubernetes' condition for ports of a balancer that cannot be had. */
const PORTS_ERROR = "LoadBalancerPortsError";

/** What is to be done about a Service: its endpoints follow its pods, its balancer's addresses the nodes. Pure. */
export function planService(world: World, service: Service): Plan {
  const { steps } = planEndpoints(world, service);
  if (service.metadata.deletionTimestamp !== undefined) return { steps };
  return { steps: [...steps, ...planBalancer(world, service)] };
}

/** Services of which a change of a node, or of another Service, may change the balancer or the hints. Pure. */
export function balancedServices(
  world: World,
  object: ApiObject,
  other?: ApiObject,
): readonly ObjectRef[] {
  const services = (): readonly Service[] => world.list("v1", "Service") as readonly Service[];
  if (object.kind === "Service" && object.apiVersion === "v1") {
    const isConcerned = [object, other].some(
      (item) => item !== undefined && isBalanced(item as Service),
    );
    if (!isConcerned) return [];
    return services()
      .filter((service) => isBalanced(service) && hasPortsError(service))
      .map(refOf);
  }
  if (object.kind !== "Node") return [];
  const [left, right] = [object, other].map((node) =>
    node === undefined ? undefined : nodeFacts(node as Node),
  );
  if (isSameJson(left, right) && world.get(refOf(object)) !== undefined) return [];
  return services()
    .filter((service) => isBalanced(service) || hintsByLoad(service))
    .map(refOf);
}

/** What balancers and hints go by. */
function nodeFacts(node: Node): unknown {
  const { labels = {} } = node.metadata;
  return [
    isTrue(node.status?.conditions, "Ready"),
    labels[EXCLUDE_LABEL],
    labels["topology.kubernetes.io/zone"],
    node.status?.addresses,
    node.status?.allocatable?.["cpu"],
  ];
}

function isBalanced({ spec }: Service): boolean {
  const { type, loadBalancerClass = BALANCER_CLASS } = spec;
  return type === "LoadBalancer" && loadBalancerClass === BALANCER_CLASS;
}

function hasPortsError({ status }: Service): boolean {
  return isTrue(status?.conditions, PORTS_ERROR);
}

/** Another class's balancer is left alone; what is no balancer has no addresses of one. */
function planBalancer(world: World, service: Service): readonly Step[] {
  const { spec, status = {} } = service;
  if (spec.type === "LoadBalancer" && !isBalanced(service)) return [];
  const isMine = isBalanced(service);
  const conflict = isMine ? findConflict(world, service) : undefined;
  const addresses = isMine && conflict === undefined ? addressesFor(world, service) : [];
  const ingress = addresses.map((ip) => ({ ip, ipMode: "VIP" }));
  const conditions = conditionsFor(world, status.conditions, conflict);
  const before = {
    ingress: status.loadBalancer?.ingress ?? [],
    conditions: status.conditions ?? [],
  };
  if (isSameJson(before, { ingress, conditions })) return [];
  const { conditions: _, ...rest } = status;
  const object: Service = {
    ...service,
    status: {
      ...rest,
      ...(conditions.length === 0 ? {} : { conditions }),
      loadBalancer: ingress.length === 0 ? {} : { ingress },
    },
  };
  const step: Step = { kind: "update-status", object, reason: "StatusChanged" };
  if (conflict === undefined || hasPortsError(service)) return [step];
  return [
    step,
    { kind: "event", about: service, type: "Warning", reason: "PortInUse", message: conflict },
  ];
}

function conditionsFor(
  world: World,
  conditions: readonly Condition[] | undefined,
  conflict: string | undefined,
): readonly Condition[] {
  if (conflict === undefined)
    return findCondition(conditions, PORTS_ERROR) === undefined
      ? (conditions ?? [])
      : (conditions ?? []).filter(({ type }) => type !== PORTS_ERROR);
  return setCondition(
    conditions ?? [],
    { type: PORTS_ERROR, status: "True", reason: "PortInUse", message: conflict },
    formatTime(world.now),
  );
}

/** Two balancers cannot have the same port of the nodes: the older one has it, and the API its own. */
function findConflict(world: World, service: Service): string | undefined {
  const ports = new Set(service.spec.ports.map(portKey));
  for (const port of apiPorts(world)) {
    if (ports.has(`TCP/${port}`) && !isApi(service))
      return `Port ${port}/TCP of the nodes belongs to the API of the cluster`;
  }
  const others = (world.list("v1", "Service") as readonly Service[])
    .filter((other) => isBalanced(other) && other.metadata.uid !== service.metadata.uid)
    .filter((other) => isOlder(other, service));
  for (const other of others) {
    const shared = other.spec.ports.find((port) => ports.has(portKey(port)));
    if (shared !== undefined)
      return `Port ${shared.port}/${shared.protocol} of the nodes belongs to ${formatRef(refOf(other))}, which is older`;
  }
  return undefined;
}

function isApi({ metadata }: Service): boolean {
  return metadata.namespace === "default" && metadata.name === "kubernetes";
}

function apiPorts(world: World): readonly number[] {
  return slicesOf(world, "default", "kubernetes").flatMap(({ ports }) =>
    ports.map(({ port }) => port),
  );
}

function portKey({ protocol, port }: Service["spec"]["ports"][number]): string {
  return `${protocol}/${port}`;
}

function isOlder(a: Service, b: Service): boolean {
  const key = ({ metadata }: Service): string =>
    `${metadata.creationTimestamp ?? ""} ${metadata.namespace ?? ""}/${metadata.name}`;
  return compare(key(a), key(b)) < 0;
}

/** The nodes that answer; with the policy Local, those of them that have a ready endpoint. */
function addressesFor(world: World, service: Service): readonly string[] {
  const nodes = (world.list("v1", "Node") as readonly Node[]).filter(
    ({ metadata, status }) =>
      isTrue(status?.conditions, "Ready") &&
      metadata.labels?.[EXCLUDE_LABEL] === undefined &&
      metadata.deletionTimestamp === undefined,
  );
  const { namespace = "", name } = service.metadata;
  const serving =
    service.spec.externalTrafficPolicy === "Local"
      ? nodesWithEndpoints(slicesOf(world, namespace, name))
      : undefined;
  const addresses = nodes
    .filter((node) => serving?.has(node.metadata.name) ?? true)
    .flatMap(({ status }) => {
      const internal = status?.addresses?.find(({ type }) => type === "InternalIP");
      return internal === undefined ? [] : [internal.address];
    });
  return [...new Set(addresses)].toSorted(compare);
}

function nodesWithEndpoints(slices: readonly EndpointSlice[]): ReadonlySet<string> {
  const ready = slices.flatMap(({ endpoints }) =>
    endpoints.filter(({ conditions }) => conditions.ready),
  );
  return new Set(ready.flatMap(({ nodeName }) => nodeName ?? []));
}

function slicesOf(world: World, namespace: string, name: string): readonly EndpointSlice[] {
  const slices = world.list(
    "discovery.k8s.io/v1",
    "EndpointSlice",
    namespace,
  ) as readonly EndpointSlice[];
  return slices.filter(({ metadata }) => metadata.labels?.[SERVICE_NAME_LABEL] === name);
}
