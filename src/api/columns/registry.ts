import type { Release } from "../../model/kinds.gen.ts";
import type { ApiObject } from "../../model/meta.ts";
import type { Resource } from "../../model/resources.ts";
import { APP_COLUMNS } from "./apps.ts";
import type { Column } from "./column.ts";
import { CRONJOB_COLUMNS, HPA_COLUMNS, PDB_COLUMNS } from "./batch.ts";
import {
  CONFIGMAP_COLUMNS,
  ENDPOINTSLICE_COLUMNS,
  EVENT_COLUMNS,
  LEASE_COLUMNS,
  NAMESPACE_COLUMNS,
  NODE_COLUMNS,
  SECRET_COLUMNS,
  SERVICE_COLUMNS,
} from "./cluster.ts";
import { AGE, NAME, NONE } from "./common.ts";
import {
  CONTROLLERREVISION_COLUMNS,
  DAEMONSET_COLUMNS,
  REPLICATIONCONTROLLER_COLUMNS,
  STATEFULSET_COLUMNS,
} from "./sets.ts";
import { BINDING_COLUMNS, ROLE_COLUMNS } from "./rights.ts";
import {
  PERSISTENTVOLUME_COLUMNS,
  PERSISTENTVOLUMECLAIM_COLUMNS,
  STORAGECLASS_COLUMNS,
} from "./storage.ts";
import {
  ENDPOINTS_COLUMNS,
  LIMITRANGE_COLUMNS,
  PRIORITYCLASS_COLUMNS,
  RESOURCEQUOTA_COLUMNS,
  SERVICEACCOUNT_COLUMNS,
} from "./policies.ts";
import { DEPLOYMENT_COLUMNS, JOB_COLUMNS, POD_COLUMNS, REPLICASET_COLUMNS } from "./workloads.ts";

const RELEASE_COLUMNS: readonly Column<Release>[] = [
  NAME,
  { name: "App", type: "string", description: "Its App.", cell: ({ spec }) => spec.app },
  {
    name: "Commit",
    type: "string",
    description: "The commit that was released.",
    cell: ({ spec }) => shortCommit(spec.commit),
  },
  {
    name: "Phase",
    type: "string",
    description: "How the commit stands.",
    cell: ({ status }) => status?.phase ?? "Pending",
  },
  AGE,
  {
    name: "Subject",
    type: "string",
    description: "First line of the commit's message.",
    cell: ({ spec }) => spec.subject,
  },
  {
    name: "Author",
    type: "string",
    description: "Who made the commit.",
    wide: true,
    cell: ({ spec }) => spec.author,
  },
  {
    name: "Reason",
    type: "string",
    description: "Why the phase is what it is.",
    wide: true,
    cell: ({ status }) => status?.reason ?? "",
  },
  {
    name: "Message",
    type: "string",
    description: "The same in a sentence.",
    wide: true,
    cell: ({ status }) => status?.message ?? "",
  },
];

/** The columns of each kind, by its resource's plural. */
const COLUMNS: ReadonlyMap<string, readonly Column<never>[]> = new Map<
  string,
  readonly Column<never>[]
>([
  ["pods", POD_COLUMNS],
  ["deployments", DEPLOYMENT_COLUMNS],
  ["replicasets", REPLICASET_COLUMNS],
  ["statefulsets", STATEFULSET_COLUMNS],
  ["daemonsets", DAEMONSET_COLUMNS],
  ["replicationcontrollers", REPLICATIONCONTROLLER_COLUMNS],
  ["controllerrevisions", CONTROLLERREVISION_COLUMNS],
  ["jobs", JOB_COLUMNS],
  ["cronjobs", CRONJOB_COLUMNS],
  ["horizontalpodautoscalers", HPA_COLUMNS],
  ["poddisruptionbudgets", PDB_COLUMNS],
  ["persistentvolumes", PERSISTENTVOLUME_COLUMNS],
  ["persistentvolumeclaims", PERSISTENTVOLUMECLAIM_COLUMNS],
  ["storageclasses", STORAGECLASS_COLUMNS],
  ["services", SERVICE_COLUMNS],
  ["endpoints", ENDPOINTS_COLUMNS],
  ["resourcequotas", RESOURCEQUOTA_COLUMNS],
  ["limitranges", LIMITRANGE_COLUMNS],
  ["serviceaccounts", SERVICEACCOUNT_COLUMNS],
  ["roles", ROLE_COLUMNS],
  ["clusterroles", ROLE_COLUMNS],
  ["rolebindings", BINDING_COLUMNS],
  ["clusterrolebindings", BINDING_COLUMNS],
  ["priorityclasses", PRIORITYCLASS_COLUMNS],
  ["nodes", NODE_COLUMNS],
  ["events", EVENT_COLUMNS],
  ["namespaces", NAMESPACE_COLUMNS],
  ["configmaps", CONFIGMAP_COLUMNS],
  ["secrets", SECRET_COLUMNS],
  ["endpointslices", ENDPOINTSLICE_COLUMNS],
  ["leases", LEASE_COLUMNS],
  ["apps", APP_COLUMNS],
  ["releases", RELEASE_COLUMNS],
]);

const DEFAULT_COLUMNS: readonly Column<ApiObject>[] = [NAME, AGE];

/** The columns of a resource's table; name and age for kinds without columns of their own. Pure. */
export function columnsOf(resource: Resource): readonly Column<ApiObject>[] {
  const columns = COLUMNS.get(resource.plural) ?? DEFAULT_COLUMNS;
  // The store gives each resource objects of its own kind alone.
  return columns as readonly Column<ApiObject>[];
}

function shortCommit(id: string | undefined): string {
  return id === undefined || id === "" ? NONE : id.slice(0, 7);
}
