import type { Taint, Toleration } from "../model/kinds.gen.ts";
import { matchesLabels } from "../model/labels.ts";
import type { FilterPlugin } from "./plugin.ts";
import { podRequests } from "./pod-requests.ts";

const UNSCHEDULABLE: Taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

/** A cordoned node takes only pods that tolerate it. */
const nodeUnschedulable: FilterPlugin = {
  name: "NodeUnschedulable",
  prepare(pod, table) {
    if (isTolerated(UNSCHEDULABLE, pod.spec.tolerations ?? [])) return undefined;
    return {
      passes: (node) => !table.isUnschedulable(node),
      reasons: () => ["node(s) were unschedulable"],
    };
  },
};

/** A pod that names its node takes no other. */
const nodeName: FilterPlugin = {
  name: "NodeName",
  prepare(pod, table) {
    const wanted = pod.spec.nodeName ?? "";
    if (wanted === "") return undefined;
    return {
      passes: (node) => table.nameOf(node) === wanted,
      reasons: () => ["node(s) didn't match the requested node name"],
    };
  },
};

/** Every taint that keeps pods away must be tolerated. */
const taintToleration: FilterPlugin = {
  name: "TaintToleration",
  prepare(pod, table) {
    const tolerations = pod.spec.tolerations ?? [];
    const untolerated = (node: number): Taint | undefined =>
      table.taintsOf(node).find((taint) => !isTolerated(taint, tolerations));
    return {
      passes: (node) => table.taintsOf(node).length === 0 || untolerated(node) === undefined,
      reasons: (node) => {
        const { key, value = "" } = untolerated(node) ?? { key: "" };
        return [`node(s) had untolerated taint {${key}: ${value}}`];
      },
    };
  },
};

const nodeSelector: FilterPlugin = {
  name: "NodeSelector",
  prepare(pod, table) {
    const wanted = pod.spec.nodeSelector ?? {};
    if (Object.keys(wanted).length === 0) return undefined;
    return {
      passes: (node) => matchesLabels(wanted, table.labelsOf(node)),
      reasons: () => ["node(s) didn't match Pod's node affinity/selector"],
    };
  },
};

/** Kubernetes says it by taints alone; a node that has never reported has none. */
const nodeReady: FilterPlugin = {
  name: "NodeReady",
  prepare: (_pod, table) => ({
    passes: (node) => table.isReady(node),
    reasons: () => ["node(s) were not ready"],
  }),
};

/** What the pod asks for must be left; what it does not ask for is not looked at. */
const resourcesFit: FilterPlugin = {
  name: "NodeResourcesFit",
  prepare(pod, table) {
    const wanted = [...podRequests(pod)]
      .filter(([, amount]) => amount > 0)
      .map(([resource, amount]) => ({ resource, amount, ...table.column(resource) }));
    const pods = table.column("pods");
    const isFull = (node: number): boolean =>
      (pods.used[node] ?? 0) + 1 > (pods.allocatable[node] ?? 0);
    const lacks = (item: (typeof wanted)[number], node: number): boolean =>
      (item.used[node] ?? 0) + item.amount > (item.allocatable[node] ?? 0);
    return {
      passes: (node) => {
        if (isFull(node)) return false;
        for (const item of wanted) if (lacks(item, node)) return false;
        return true;
      },
      reasons: (node) => [
        ...(isFull(node) ? ["Too many pods"] : []),
        ...wanted
          .filter((item) => lacks(item, node))
          .map(({ resource }) => `Insufficient ${resource}`),
      ],
    };
  },
};

/** Kubernetes' filters in Kubernetes' order. */
export const FILTERS: readonly FilterPlugin[] = [
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeReady,
  nodeSelector,
  resourcesFit,
];

/** Whether one of the tolerations bears the taint. Pure. */
export function isTolerated(taint: Taint, tolerations: readonly Toleration[]): boolean {
  return tolerations.some(
    ({ key = "", operator = "Equal", value = "", effect }) =>
      (effect === undefined || effect === taint.effect) &&
      (key === "" ? operator === "Exists" : key === taint.key) &&
      (operator === "Exists" || value === (taint.value ?? "")),
  );
}
