import type {
  ControllerRevision,
  DaemonSet,
  ReplicationController,
  StatefulSet,
} from "../../model/kinds.gen.ts";
import { formatLabels } from "../../model/labels.ts";
import { controllerOf } from "../../model/meta.ts";
import type { Column } from "./column.ts";
import { AGE, NAME, NONE, podSpecColumns, selectorCell } from "./common.ts";

export const STATEFULSET_COLUMNS: readonly Column<StatefulSet>[] = [
  NAME,
  {
    name: "Ready",
    type: "string",
    description: "Ready pods of those wanted.",
    cell: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas}`,
  },
  AGE,
  ...podSpecColumns<StatefulSet>(({ spec }) => spec.template.spec),
];

export const DAEMONSET_COLUMNS: readonly Column<DaemonSet>[] = [
  NAME,
  {
    name: "Desired",
    type: "integer",
    description: "Nodes that are to have a pod.",
    cell: ({ status }) => status?.desiredNumberScheduled ?? 0,
  },
  {
    name: "Current",
    type: "integer",
    description: "Those of them that have one.",
    cell: ({ status }) => status?.currentNumberScheduled ?? 0,
  },
  {
    name: "Ready",
    type: "integer",
    description: "Those of them whose pod is ready.",
    cell: ({ status }) => status?.numberReady ?? 0,
  },
  {
    name: "Up-to-date",
    type: "integer",
    description: "Those of them whose pod is of the newest template.",
    cell: ({ status }) => status?.updatedNumberScheduled ?? 0,
  },
  {
    name: "Available",
    type: "integer",
    description: "Those of them whose pod has been ready for long enough.",
    cell: ({ status }) => status?.numberAvailable ?? 0,
  },
  {
    name: "Node Selector",
    type: "string",
    description: "Labels that its nodes must have.",
    cell: ({ spec }) => formatLabels(spec.template.spec.nodeSelector ?? {}) || NONE,
  },
  AGE,
  ...podSpecColumns<DaemonSet>(({ spec }) => spec.template.spec),
  {
    name: "Selector",
    type: "string",
    description: "Labels by which it finds its pods.",
    wide: true,
    cell: ({ spec }) => selectorCell(spec.selector),
  },
];

export const REPLICATIONCONTROLLER_COLUMNS: readonly Column<ReplicationController>[] = [
  NAME,
  {
    name: "Desired",
    type: "integer",
    description: "Pods wanted.",
    cell: ({ spec }) => spec.replicas,
  },
  {
    name: "Current",
    type: "integer",
    description: "Pods that there are.",
    cell: ({ status }) => status?.replicas ?? 0,
  },
  {
    name: "Ready",
    type: "integer",
    description: "Pods that are ready.",
    cell: ({ status }) => status?.readyReplicas ?? 0,
  },
  AGE,
  ...podSpecColumns<ReplicationController>(({ spec }) => spec.template.spec),
  {
    name: "Selector",
    type: "string",
    description: "Labels by which it finds its pods.",
    wide: true,
    cell: ({ spec }) => formatLabels(spec.selector) || NONE,
  },
];

export const CONTROLLERREVISION_COLUMNS: readonly Column<ControllerRevision>[] = [
  NAME,
  {
    name: "Controller",
    type: "string",
    description: "The workload whose template it keeps.",
    cell: controllerCell,
  },
  {
    name: "Revision",
    type: "integer",
    description: "Its number: the highest is the newest.",
    cell: ({ revision }) => revision,
  },
  AGE,
];

/** `statefulset.apps/web`. */
function controllerCell(revision: ControllerRevision): string {
  const owner = controllerOf(revision);
  if (owner === undefined) return NONE;
  const [group, version] = owner.apiVersion.split("/");
  const kind = owner.kind.toLowerCase();
  return `${version === undefined ? kind : `${kind}.${group}`}/${owner.name}`;
}
