import { canonicalJson, shortHash } from "../base/hash.ts";
import { sortedBy } from "../base/order.ts";
import { SERVICE_NAME_LABEL } from "../model/labels.ts";
import type { Endpoint, EndpointPort, EndpointSlice, Service } from "../model/kinds.gen.ts";
import { controllerRef, refOf, type ApiObject } from "../model/meta.ts";
import { EMPTY_PLAN, type Plan, type Step } from "../model/plan.ts";
import { groupEndpoints, portsKey, type EndpointGroup } from "./endpoint-groups.ts";
import { listPods } from "./owned-pods.ts";
import type { World } from "./world.ts";

/** Kubernetes' limit: a change of one endpoint is sent with at most this many others. */
export const MAX_ENDPOINTS_PER_SLICE = 100;

/** Tells our slices from those that people write for Services without a selector. */
export const MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by";
const MANAGER = "berth";
const HEADLESS_LABEL = "service.kubernetes.io/headless";

/**
 * The EndpointSlices of a Service follow its pods. An endpoint stays in the slice that it is in, so that a change of
 * one pod changes one slice; a Service without endpoints keeps one empty slice. Pure.
 */
export function planEndpoints(world: World, service: Service): Plan {
  if (service.metadata.deletionTimestamp !== undefined) return EMPTY_PLAN;
  const { uid = "", namespace = "" } = service.metadata;
  const slices = sortedBy(world.ownedBy(uid).filter(isOurSlice), ({ metadata }) => metadata.name);
  const { selector } = service.spec;
  if (selector === undefined || Object.keys(selector).length === 0)
    return { steps: slices.map(removeSlice) };

  const groups = groupEndpoints(service, listPods(world, namespace));
  const wanted = groups.length > 0 ? groups : [emptyGroup(slices)];
  const steps: Step[] = [];
  for (const group of wanted) {
    const mine = slices.filter((slice) => portsKey(slice.ports) === group.key);
    steps.push(...planGroup(world, service, group, mine));
  }
  const keys = new Set(wanted.map(({ key }) => key));
  steps.push(...slices.filter((slice) => !keys.has(portsKey(slice.ports))).map(removeSlice));
  return { steps };
}

function isOurSlice(object: ApiObject): object is EndpointSlice {
  return object.kind === "EndpointSlice" && object.metadata.labels?.[MANAGED_BY_LABEL] === MANAGER;
}

/** What stands for a Service that nothing serves: the ports of a slice that is there, else none. */
function emptyGroup([slice]: readonly EndpointSlice[]): EndpointGroup {
  const ports = slice?.ports ?? [];
  return { key: portsKey(ports), ports, endpoints: new Map() };
}

/** Endpoints of one set of ports: kept where they are, then into slices with room, then into new slices. */
function planGroup(
  world: World,
  service: Service,
  group: EndpointGroup,
  slices: readonly EndpointSlice[],
): readonly Step[] {
  const left = new Map(group.endpoints);
  const contents = slices.map((slice) => ({ slice, endpoints: keepEndpoints(slice, left) }));
  for (const { endpoints } of contents) fill(endpoints, left);
  const fresh: Endpoint[][] = [];
  while (left.size > 0) {
    const endpoints: Endpoint[] = [];
    fill(endpoints, left);
    fresh.push(endpoints);
  }
  const isEmpty = group.endpoints.size === 0;
  if (isEmpty && slices.length === 0) fresh.push([]);
  const names = sliceNames(world, service, group.key, fresh.length);
  return [
    ...contents.flatMap(({ slice, endpoints }, index) =>
      endpoints.length > 0 || (isEmpty && index === 0)
        ? updateSlice(service, slice, endpoints)
        : [removeSlice(slice)],
    ),
    ...fresh.map((endpoints, index): Step => {
      const object = newSlice(service, names[index] ?? "", group.ports, endpoints);
      return { kind: "create", object, reason: "EndpointsChanged" };
    }),
  ];
}

/** Takes what the slice holds and shall hold out of `left`, as it is to be now, in the slice's order. */
function keepEndpoints(slice: EndpointSlice, left: Map<string, Endpoint>): Endpoint[] {
  return slice.endpoints.flatMap(({ targetRef }) => {
    const uid = targetRef?.uid ?? "";
    const endpoint = left.get(uid);
    if (endpoint === undefined) return [];
    left.delete(uid);
    return [endpoint];
  });
}

function fill(endpoints: Endpoint[], left: Map<string, Endpoint>): void {
  for (const [uid, endpoint] of left) {
    if (endpoints.length >= MAX_ENDPOINTS_PER_SLICE) return;
    endpoints.push(endpoint);
    left.delete(uid);
  }
}

function updateSlice(
  service: Service,
  slice: EndpointSlice,
  endpoints: readonly Endpoint[],
): readonly Step[] {
  const labels = { ...slice.metadata.labels, ...sliceLabels(service) };
  const isSame =
    canonicalJson(endpoints) === canonicalJson(slice.endpoints) &&
    canonicalJson(labels) === canonicalJson(slice.metadata.labels);
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

function sliceLabels({ metadata, spec }: Service): Readonly<Record<string, string>> {
  return {
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
