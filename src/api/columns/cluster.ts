import { isTrue } from "../../model/condition.ts";
import type {
  ConfigMap,
  EndpointSlice,
  Event,
  Lease,
  Namespace,
  Node,
  Secret,
  Service,
} from "../../model/kinds.gen.ts";
import { formatLabels } from "../../model/labels.ts";
import { humanAge } from "../duration.ts";
import type { Column } from "./column.ts";
import { AGE, NAME, NONE } from "./common.ts";

export const NODE_COLUMNS: readonly Column<Node>[] = [
  NAME,
  {
    name: "Status",
    type: "string",
    description: "Whether the node is ready, and whether pods may be placed on it.",
    cell: nodeStatus,
  },
  {
    name: "Roles",
    type: "string",
    description: "Roles that the node's labels give it.",
    cell: nodeRoles,
  },
  AGE,
  {
    name: "Version",
    type: "string",
    description: "Version of the node's agent.",
    cell: ({ status }) => status?.nodeInfo?.kubeletVersion ?? "",
  },
  {
    name: "Internal-IP",
    type: "string",
    description: "Address of the node inside the cluster.",
    wide: true,
    cell: (node) => addressOf(node, "InternalIP"),
  },
  {
    name: "External-IP",
    type: "string",
    description: "Address of the node outside the cluster.",
    wide: true,
    cell: (node) => addressOf(node, "ExternalIP"),
  },
  {
    name: "OS-Image",
    type: "string",
    description: "Operating system of the node.",
    wide: true,
    cell: ({ status }) => status?.nodeInfo?.osImage || "<unknown>",
  },
  {
    name: "Kernel-Version",
    type: "string",
    description: "Kernel of the node.",
    wide: true,
    cell: ({ status }) => status?.nodeInfo?.kernelVersion || "<unknown>",
  },
  {
    name: "Container-Runtime",
    type: "string",
    description: "What runs the node's containers.",
    wide: true,
    cell: ({ status }) => status?.nodeInfo?.containerRuntimeVersion || "<unknown>",
  },
];

export const SERVICE_COLUMNS: readonly Column<Service>[] = [
  NAME,
  {
    name: "Type",
    type: "string",
    description: "How the service is reached.",
    cell: ({ spec }) => spec.type,
  },
  {
    name: "Cluster-IP",
    type: "string",
    description: "Address of the service inside the cluster.",
    cell: ({ spec }) => spec.clusterIP || NONE,
  },
  {
    name: "External-IP",
    type: "string",
    description: "Address of the service outside the cluster.",
    cell: externalAddress,
  },
  {
    name: "Port(s)",
    type: "string",
    description: "Ports of the service, with their node ports.",
    cell: servicePorts,
  },
  AGE,
  {
    name: "Selector",
    type: "string",
    description: "Labels by which it finds its pods.",
    wide: true,
    cell: ({ spec }) => formatLabels(spec.selector ?? {}) || NONE,
  },
];

export const EVENT_COLUMNS: readonly Column<Event>[] = [
  {
    name: "Last Seen",
    type: "string",
    description: "When it happened last.",
    cell: ({ lastTimestamp, metadata }, now) =>
      humanAge(lastTimestamp ?? metadata.creationTimestamp, now),
  },
  { name: "Type", type: "string", description: "Normal or Warning.", cell: ({ type }) => type },
  {
    name: "Reason",
    type: "string",
    description: "What happened, in one word.",
    cell: ({ reason }) => reason,
  },
  {
    name: "Object",
    type: "string",
    description: "What it happened to.",
    cell: ({ involvedObject: { kind, name } }) => `${kind.toLowerCase()}/${name}`,
  },
  {
    name: "Subobject",
    type: "string",
    description: "Which part of the object.",
    wide: true,
    cell: ({ involvedObject }) => involvedObject.fieldPath ?? "",
  },
  {
    name: "Source",
    type: "string",
    description: "Who says so.",
    wide: true,
    cell: eventSource,
  },
  {
    name: "Message",
    type: "string",
    description: "What happened, in a sentence.",
    cell: ({ message }) => message.trim(),
  },
  {
    name: "First Seen",
    type: "string",
    description: "When it happened first.",
    wide: true,
    cell: ({ firstTimestamp, metadata }, now) =>
      humanAge(firstTimestamp ?? metadata.creationTimestamp, now),
  },
  {
    name: "Count",
    type: "integer",
    description: "How often it happened.",
    wide: true,
    cell: ({ count }) => count ?? 1,
  },
  { ...NAME, wide: true },
];

export const NAMESPACE_COLUMNS: readonly Column<Namespace>[] = [
  NAME,
  {
    name: "Status",
    type: "string",
    description: "Active, or Terminating while its objects are removed.",
    cell: ({ metadata, status }) =>
      status?.phase ?? (metadata.deletionTimestamp === undefined ? "Active" : "Terminating"),
  },
  AGE,
];

export const CONFIGMAP_COLUMNS: readonly Column<ConfigMap>[] = [
  NAME,
  {
    name: "Data",
    type: "integer",
    description: "Number of its entries.",
    cell: ({ data, binaryData }) =>
      Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
  },
  AGE,
];

export const SECRET_COLUMNS: readonly Column<Secret>[] = [
  NAME,
  { name: "Type", type: "string", description: "What it is for.", cell: ({ type }) => type },
  {
    name: "Data",
    type: "integer",
    description: "Number of its entries.",
    cell: ({ data }) => Object.keys(data ?? {}).length,
  },
  AGE,
];

export const ENDPOINTSLICE_COLUMNS: readonly Column<EndpointSlice>[] = [
  NAME,
  {
    name: "AddressType",
    type: "string",
    description: "Kind of its addresses.",
    cell: ({ addressType }) => addressType,
  },
  {
    name: "Ports",
    type: "string",
    description: "Ports of its endpoints.",
    cell: ({ ports }) =>
      shortList(
        (ports ?? []).map(({ port }) => String(port)),
        "<unset>",
      ),
  },
  {
    name: "Endpoints",
    type: "string",
    description: "Addresses of its endpoints.",
    cell: ({ endpoints }) =>
      shortList(
        (endpoints ?? []).map(({ addresses }) => addresses[0] ?? ""),
        "<unset>",
      ),
  },
  AGE,
];

export const LEASE_COLUMNS: readonly Column<Lease>[] = [
  NAME,
  {
    name: "Holder",
    type: "string",
    description: "Who holds it.",
    cell: ({ spec }) => spec.holderIdentity ?? "",
  },
  AGE,
];

const ROLE_PREFIX = "node-role.kubernetes.io/";
const ROLE_LABEL = "kubernetes.io/role";
/** As many ports or addresses as are shown. */
const SHOWN = 3;

function nodeStatus({ spec, status }: Node): string {
  const known = status?.conditions?.some(({ type }) => type === "Ready") ?? false;
  const word = isTrue(status?.conditions, "Ready") ? "Ready" : known ? "NotReady" : "Unknown";
  return spec?.unschedulable === true ? `${word},SchedulingDisabled` : word;
}

function nodeRoles({ metadata }: Node): string {
  const roles = Object.entries(metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(ROLE_PREFIX)) return [key.slice(ROLE_PREFIX.length)];
    return key === ROLE_LABEL && value !== "" ? [value] : [];
  });
  return [...new Set(roles)].toSorted().join(",") || NONE;
}

function addressOf({ status }: Node, type: string): string {
  return status?.addresses?.find((item) => item.type === type)?.address ?? NONE;
}

function servicePorts({ spec }: Service): string {
  const ports = spec.ports.map(({ port, nodePort, protocol }) =>
    nodePort === undefined ? `${port}/${protocol}` : `${port}:${nodePort}/${protocol}`,
  );
  return ports.join(",") || NONE;
}

function eventSource({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component ?? reportingComponent ?? "";
  const host = source?.host ?? reportingInstance ?? "";
  return host === "" ? component : `${component}, ${host}`;
}

function shortList(items: readonly string[], empty: string): string {
  if (items.length === 0) return empty;
  const shown = items.slice(0, SHOWN).join(",");
  return items.length > SHOWN ? `${shown} + ${items.length - SHOWN} more...` : shown;
}

/** As kubectl prints it: the balancer's addresses, those of the Service, or the name that it stands for. */
function externalAddress({ spec, status }: Service): string {
  const { externalIPs = [] } = spec;
  if (spec.type === "ExternalName") return spec.externalName ?? NONE;
  const ingress = (status?.loadBalancer?.ingress ?? []).flatMap(
    ({ ip, hostname }) => ip ?? hostname ?? [],
  );
  const all = [...(spec.type === "LoadBalancer" ? ingress : []), ...externalIPs];
  if (all.length > 0) return all.join(",");
  return spec.type === "LoadBalancer" ? "<pending>" : NONE;
}
