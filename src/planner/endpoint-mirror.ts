import { compare } from "../base/order.ts";
import { isSameJson } from "../base/same-json.ts";
import { APP_LABEL } from "../model/app.ts";
import type {
  Endpoint,
  EndpointAddress,
  EndpointPort,
  Endpoints,
  EndpointSubset,
  Service,
} from "../model/kinds.gen.ts";
import { controllerOf, controllerRef, type ObjectRef } from "../model/meta.ts";
import type { Step } from "../model/plan.ts";
import { portsKey, type EndpointGroup } from "./endpoint-groups.ts";
import type { World } from "./world.ts";

/** Kubernetes' limits: addresses of one Endpoints object, and of one of its subsets that slices are made from. */
export const MAX_ENDPOINTS_ADDRESSES = 1000;
const MAX_MIRRORED_ADDRESSES = 1000;

const OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity";
const SKIP_MIRROR_LABEL = "endpointslice.kubernetes.io/skip-mirror";
const MANAGED_BY_LABEL = "endpoints.kubernetes.io/managed-by";
const MANAGER = "endpoint-controller";
const HEADLESS_LABEL = "service.kubernetes.io/headless";

/** Labels that what is derived from a Service has too: all but the mark of the App, which is for what Git states. Pure. */
export function inheritedLabels({ metadata }: Service): Readonly<Record<string, string>> {
  const { [APP_LABEL]: _, ...labels } = metadata.labels ?? {};
  return labels;
}

/** The object by which older clients read a Service's endpoints. */
export function endpointsRef({ metadata }: Service): ObjectRef {
  const { name, namespace = "" } = metadata;
  return { apiVersion: "v1", kind: "Endpoints", namespace, name };
}

/**
 * The Endpoints of a Service with a selector follow its slices, cut off at a thousand addresses. Those that people write are
 * left alone. Pure.
 */
export function mirrorToEndpoints(
  world: World,
  service: Service,
  groups: readonly EndpointGroup[],
): readonly Step[] {
  const stored = world.get(endpointsRef(service)) as Endpoints | undefined;
  if (stored !== undefined && !isOurs(stored, service)) return [];
  const all = groups.flatMap((group) => toSubset(service, group));
  const { subsets, isTruncated } = truncate(all);
  const object = withContent(stored ?? newEndpoints(service), service, subsets, isTruncated);
  if (stored === undefined) return [{ kind: "create", object, reason: "EndpointsChanged" }];
  if (isSameJson(object, stored)) return [];
  return [{ kind: "update", object, reason: "EndpointsChanged" }];
}

/** The endpoints that people wrote for a Service without a selector, as slices hold them. Pure. */
export function groupsOfEndpoints(world: World, service: Service): readonly EndpointGroup[] {
  const stored = world.get(endpointsRef(service)) as Endpoints | undefined;
  if (stored === undefined || isOurs(stored, service)) return [];
  if (stored.metadata.deletionTimestamp !== undefined) return [];
  if (stored.metadata.labels?.[SKIP_MIRROR_LABEL] === "true") return [];
  const groups = new Map<
    string,
    { ports: readonly EndpointPort[]; endpoints: Map<string, Endpoint> }
  >();
  for (const subset of stored.subsets ?? []) {
    const ports = (subset.ports ?? []).map(toSlicePort);
    const key = portsKey(ports);
    const group = groups.get(key) ?? { ports, endpoints: new Map<string, Endpoint>() };
    groups.set(key, group);
    for (const [index, endpoint] of endpointsOf(subset).entries())
      if (index < MAX_MIRRORED_ADDRESSES) group.endpoints.set(keyOf(endpoint), endpoint);
  }
  return [...groups]
    .toSorted(([a], [b]) => compare(a, b))
    .map(([key, { ports, endpoints }]) => ({ key, ports, endpoints }));
}

function isOurs(stored: Endpoints, service: Service): boolean {
  return controllerOf(stored)?.uid === service.metadata.uid;
}

function keyOf({ targetRef, addresses }: Endpoint): string {
  return targetRef?.uid ?? addresses[0] ?? "";
}

function endpointsOf({
  addresses = [],
  notReadyAddresses = [],
}: EndpointSubset): readonly Endpoint[] {
  return [
    ...addresses.map((address) => toEndpoint(address, true)),
    ...notReadyAddresses.map((address) => toEndpoint(address, false)),
  ];
}

function toEndpoint(
  { ip, hostname, nodeName, targetRef }: EndpointAddress,
  ready: boolean,
): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready, serving: ready, terminating: false },
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  };
}

function toSlicePort(port: NonNullable<EndpointSubset["ports"]>[number]): EndpointPort {
  const { name = "", protocol = "TCP", port: number, appProtocol } = port;
  const base = { name, protocol, port: number } as EndpointPort;
  return appProtocol === undefined ? base : { ...base, appProtocol };
}

/** Pods that are ending are no longer listed, unless even those count that are not ready. */
function toSubset(
  service: Service,
  { ports, endpoints }: EndpointGroup,
): readonly EndpointSubset[] {
  const listed = [...endpoints.values()].filter(
    ({ conditions }) => !conditions.terminating || service.spec.publishNotReadyAddresses === true,
  );
  if (listed.length === 0) return [];
  const side = (isReady: boolean): readonly EndpointAddress[] =>
    listed
      .filter(({ conditions }) => conditions.ready === isReady)
      .map(toAddress)
      .toSorted((a, b) => compare(sortKey(a), sortKey(b)));
  const [addresses, notReadyAddresses] = [side(true), side(false)];
  return [
    {
      ...(addresses.length === 0 ? {} : { addresses }),
      ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
      ...(ports.length === 0 ? {} : { ports: ports.map(toEndpointsPort) }),
    },
  ];
}

function toAddress({ addresses, hostname, nodeName, targetRef }: Endpoint): EndpointAddress {
  return {
    ip: addresses[0] ?? "",
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  };
}

/** By number, not by text. */
function sortKey({ ip, targetRef }: EndpointAddress): string {
  const parts = ip.split(".").map((part) => part.padStart(3, "0"));
  return `${parts.join(".")} ${targetRef?.uid ?? ""}`;
}

function toEndpointsPort({
  name,
  port,
  protocol,
  appProtocol,
}: EndpointPort): NonNullable<EndpointSubset["ports"]>[number] {
  return {
    ...(name === "" ? {} : { name }),
    port,
    protocol,
    ...(appProtocol === undefined ? {} : { appProtocol }),
  };
}

/** Those that are ready have the places first. */
function truncate(subsets: readonly EndpointSubset[]): {
  readonly subsets: readonly EndpointSubset[];
  readonly isTruncated: boolean;
} {
  const total = subsets.flatMap(({ addresses = [], notReadyAddresses = [] }) => [
    ...addresses,
    ...notReadyAddresses,
  ]).length;
  if (total <= MAX_ENDPOINTS_ADDRESSES) return { subsets, isTruncated: false };
  let room = MAX_ENDPOINTS_ADDRESSES;
  const take = (addresses: readonly EndpointAddress[] = []): readonly EndpointAddress[] => {
    const taken = addresses.slice(0, room);
    room -= taken.length;
    return taken;
  };
  const ready = subsets.map(({ addresses }) => take(addresses));
  const waiting = subsets.map(({ notReadyAddresses }) => take(notReadyAddresses));
  const cut = subsets.flatMap((subset, index): readonly EndpointSubset[] => {
    const [addresses = [], notReadyAddresses = []] = [ready[index], waiting[index]];
    if (addresses.length + notReadyAddresses.length === 0) return [];
    const { ports } = subset;
    return [
      {
        ...(addresses.length === 0 ? {} : { addresses }),
        ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
        ...(ports === undefined ? {} : { ports }),
      },
    ];
  });
  return { subsets: cut, isTruncated: true };
}

function newEndpoints(service: Service): Endpoints {
  const { name, namespace = "" } = service.metadata;
  const metadata = { name, namespace, ownerReferences: [controllerRef(service)] };
  return { apiVersion: "v1", kind: "Endpoints", metadata };
}

function withContent(
  base: Endpoints,
  service: Service,
  subsets: readonly EndpointSubset[],
  isTruncated: boolean,
): Endpoints {
  const { annotations: stored = {}, ...metadata } = base.metadata;
  const { [OVER_CAPACITY]: _, ...others } = stored;
  const annotations = isTruncated ? { ...others, [OVER_CAPACITY]: "truncated" } : others;
  const { subsets: __, ...rest } = base;
  return {
    ...rest,
    metadata: {
      ...metadata,
      labels: {
        ...inheritedLabels(service),
        [MANAGED_BY_LABEL]: MANAGER,
        ...(service.spec.clusterIP === "None" ? { [HEADLESS_LABEL]: "" } : {}),
      },
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    ...(subsets.length === 0 ? {} : { subsets }),
  };
}
