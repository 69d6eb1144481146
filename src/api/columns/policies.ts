import { compare } from "../../base/order.ts";
import type {
  Endpoints,
  LimitRange,
  PriorityClass,
  ResourceQuota,
  ServiceAccount,
} from "../../model/kinds.gen.ts";
import type { Column } from "./column.ts";
import { AGE, NAME, NONE } from "./common.ts";

export const RESOURCEQUOTA_COLUMNS: readonly Column<ResourceQuota>[] = [
  NAME,
  {
    name: "Request",
    type: "string",
    description: "What is used and what may be, of requests and numbers of objects.",
    cell: (quota) => usageCell(quota, (limit) => !limit.startsWith("limits.")),
  },
  {
    name: "Limit",
    type: "string",
    description: "What is used and what may be, of limits.",
    cell: (quota) => usageCell(quota, (limit) => limit.startsWith("limits.")),
  },
  AGE,
];

export const LIMITRANGE_COLUMNS: readonly Column<LimitRange>[] = [
  NAME,
  {
    name: "Created At",
    type: "date",
    description: "When the object was created.",
    cell: ({ metadata }) => metadata.creationTimestamp ?? "",
  },
];

export const SERVICEACCOUNT_COLUMNS: readonly Column<ServiceAccount>[] = [
  NAME,
  {
    name: "Secrets",
    type: "integer",
    description: "Number of the Secrets that pods of the account may mount.",
    cell: ({ secrets }) => secrets?.length ?? 0,
  },
  AGE,
];

export const PRIORITYCLASS_COLUMNS: readonly Column<PriorityClass>[] = [
  NAME,
  {
    name: "Value",
    type: "integer",
    description: "Pods of a class with more come first.",
    cell: ({ value }) => value,
  },
  {
    name: "Global-Default",
    type: "string",
    description: "Whether pods that name no class are of this one.",
    cell: ({ globalDefault }) => String(globalDefault ?? false),
  },
  AGE,
  {
    name: "PreemptionPolicy",
    type: "string",
    description: "Whether its pods may make room for themselves.",
    cell: ({ preemptionPolicy }) => preemptionPolicy,
  },
];

/** As many addresses as are shown. */
const SHOWN = 3;

export const ENDPOINTS_COLUMNS: readonly Column<Endpoints>[] = [
  NAME,
  {
    name: "Endpoints",
    type: "string",
    description: "Addresses and ports that are ready.",
    cell: endpointsCell,
  },
  AGE,
];

function usageCell({ spec, status }: ResourceQuota, isShown: (limit: string) => boolean): string {
  return Object.entries(status?.hard ?? spec.hard ?? {})
    .filter(([limit]) => isShown(limit))
    .toSorted(([a], [b]) => compare(a, b))
    .map(([limit, hard]) => `${limit}: ${status?.used?.[limit] ?? "0"}/${hard}`)
    .join(", ");
}

function endpointsCell({ subsets = [] }: Endpoints): string {
  const all = subsets.flatMap(({ addresses = [], ports = [] }) => {
    const ips = addresses.map(({ ip }) => ip);
    return ports.length === 0 ? ips : ports.flatMap(({ port }) => ips.map((ip) => `${ip}:${port}`));
  });
  if (all.length === 0) return NONE;
  const more = all.length > SHOWN ? ` + ${all.length - SHOWN} more...` : "";
  return `${all.slice(0, SHOWN).join(",")}${more}`;
}
