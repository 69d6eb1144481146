import { shortHash } from "../base/hash.ts";
import { sortedBy } from "../base/order.ts";
import { isSameJson } from "../base/same-json.ts";
import { SERVICE_NAME_LABEL } from "../model/labels.ts";
import type { Endpoint, EndpointPort, EndpointSlice, Node, Service } from "../model/kinds.gen.ts";
import { controllerRef, refOf, type ApiObject } from "../model/meta.ts";
import { EMPTY_PLAN, type Plan, type Step } from "../model/plan.ts";
import { groupEndpoints, portsKey, type EndpointGroup } from "./endpoint-groups.ts";
import { groupsOfEndpoints, inheritedLabels, mirrorToEndpoints } from "./endpoint-mirror.ts";
import { assignEndpoints } from "./endpoint-slots.ts";
import { hintsByLoad, withHints } from "./plan-service-hints.ts";
import { listPods } from "./owned-pods.ts";
import type { World } from "./world.ts";

/** Tells our slices from those that people write for Services without a selector. */
export const MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by";
const MANAGER = "berth";
const HEADLESS_LABEL = "service.kubernetes.io/headless";
const ZONE_LABEL = "topology.kubernetes.io/zone";

/**
 * The EndpointSlices and the Endpoints of a Service follow its pods. An endpoint stays in the slice that it is in, so that a
 * change of one pod changes one slice; a Service without endpoints keeps one empty slice. Without a selector people write the
 * endpoints: as slices, which are theirs, or as Endpoints, which slices are made from. Pure.
 */
export function planEndpoints(world: World, service: Service): Plan {
  if (service.metadata.deletionTimestamp !== undefined) return EMPTY_PLAN;
  const { uid = "", namespace = "" } = service.metadata;
  const slices = sortedBy(world.ownedBy(uid).filter(isOurSlice), ({ metadata }) => metadata.name);
  const { selector = {} } = service.spec;
  if (Object.keys(selector).length === 0)
    return { steps: planSlices(world, service, groupsOfEndpoints(world, service), slices) };
  const pods = listPods(world, namespace);
  const found = groupEndpoints(service, pods, (node) => zoneOf(world, node));
  const groups = hintsByLoad(service)
    ? found.map((group) => withHints(group, world.list("v1", "Node") as readonly Node[]))
    : found;
  const wanted = groups.length > 0 ? groups : [emptyGroup(slices)];
  return {
    steps: [
      ...planSlices(world, service, wanted, slices),
      ...mirrorToEndpoints(world, service, groups),
    ],
  };
}

function planSlices(
  world: World,
  service: Service,
  wanted: readonly EndpointGroup[],
  slices: readonly EndpointSlice[],
): readonly Step[] {
  const steps: Step[] = [];
  for (const group of wanted) {
    const mine = slices.filter((slice) => portsKey(slice.ports) === group.key);
    steps.push(...planGroup(world, service, group, mine));
  }
  const keys = new Set(wanted.map(({ key }) => key));
  steps.push(...slices.filter((slice) => !keys.has(portsKey(slice.ports))).map(removeSlice));
  return steps;
}

function zoneOf(world: World, name: string): string | undefined {
  return world.get({ apiVersion: "v1", kind: "Node", name })?.metadata.labels?.[ZONE_LABEL];
}

function isOurSlice(object: ApiObject): object is EndpointSlice {
  return object.kind === "EndpointSlice" && object.metadata.labels?.[MANAGED_BY_LABEL] === MANAGER;
}

/** What stands for a Service that nothing serves: the ports of a slice that is there, else none. */
function emptyGroup([slice]: readonly EndpointSlice[]): EndpointGroup {
  const ports = slice?.ports ?? [];
  return { key: portsKey(ports), ports, endpoints: new Map() };
}

/** Endpoints of one set of ports: as `assignEndpoints` has it; a slice that is empty goes, but for the last one. */
function planGroup(
  world: World,
  service: Service,
  group: EndpointGroup,
  slices: readonly EndpointSlice[],
): readonly Step[] {
  const contents = slices.map(({ endpoints }) => endpoints);
  const { kept, fresh } = assignEndpoints(contents, group.endpoints);
  const isEmpty = group.endpoints.size === 0;
  const made = isEmpty && slices.length === 0 ? [[]] : fresh;
  const names = sliceNames(world, service, group.key, made.length);
  return [
    ...slices.flatMap((slice, index) => {
      const endpoints = kept[index] ?? [];
      return endpoints.length > 0 || (isEmpty && index === 0)
        ? updateSlice(service, slice, endpoints)
        : [removeSlice(slice)];
    }),
    ...made.map((endpoints, index): Step => {
      const object = newSlice(service, names[index] ?? "", group.ports, endpoints);
      return { kind: "create", object, reason: "EndpointsChanged" };
    }),
  ];
}

function updateSlice(
  service: Service,
  slice: EndpointSlice,
  endpoints: readonly Endpoint[],
): readonly Step[] {
  const labels = sliceLabels(service);
  const isSame =
    isSameJson(endpoints, slice.endpoints) && isSameJson(labels, slice.metadata.labels);
  if (isSame) return [];
  const object: EndpointSlice = { ...slice, metadata: { ...slice.metadata, labels }, endpoints };
  return [{ kind: "update", object, reason: "EndpointsChanged" }];
}

function removeSlice(slice: EndpointSlice): Step {
  return {
    kind: "delete",
    ref: refOf(slice),
    uid: slice.metadata.uid ?? "",
    reason: "EndpointsChanged",
  };
}

function newSlice(
  service: Service,
  name: string,
  ports: readonly EndpointPort[],
  endpoints: readonly Endpoint[],
): EndpointSlice {
  const { namespace } = service.metadata;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name,
      generateName: `${service.metadata.name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: sliceLabels(service),
      ownerReferences: [controllerRef(service)],
    },
    addressType: "IPv4",
    endpoints,
    ports,
  };
}

function sliceLabels(service: Service): Readonly<Record<string, string>> {
  const { metadata, spec } = service;
  return {
    ...inheritedLabels(service),
    [SERVICE_NAME_LABEL]: metadata.name,
    [MANAGED_BY_LABEL]: MANAGER,
    ...(spec.clusterIP === "None" ? { [HEADLESS_LABEL]: "" } : {}),
  };
}

function sliceNames(world: World, service: Service, key: string, count: number): readonly string[] {
  const { name, namespace = "", uid = "" } = service.metadata;
  const names: string[] = [];
  for (let attempt = 0; names.length < count; attempt += 1) {
    const candidate = `${name}-${shortHash([uid, key, attempt], 5)}`;
    const ref = {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      namespace,
      name: candidate,
    };
    if (world.get(ref) === undefined && !names.includes(candidate)) names.push(candidate);
  }
  return names;
}
