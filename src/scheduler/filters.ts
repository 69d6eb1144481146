import type { NodeAffinity, Pod, Taint } from "../model/kinds.gen.ts";
import { allowsNode, matchesNodeSelector, type NodeIdentity } from "../model/node-affinity.ts";
import { TAINTS, toleratesTaint, untoleratedTaint } from "../model/taints.ts";
import type { NodeTable } from "./node-table.ts";
import type { FilterPlugin, PreparedFilter } from "./plugin.ts";
import { IMAGE_PLATFORMS } from "./pod-kind.ts";

const UNSCHEDULABLE: Taint = { key: TAINTS.unschedulable, effect: "NoSchedule" };
const NOT_READY: Taint = { key: TAINTS.notReady, effect: "NoSchedule" };

/** Effects that keep pods away. */
export const KEEPS_AWAY: readonly Taint["effect"][] = ["NoSchedule", "NoExecute"];

/** A cordoned node takes only pods that tolerate it. */
const nodeUnschedulable: FilterPlugin = {
  name: "NodeUnschedulable",
  dependsOn: "node",
  prepare: (pod, { nodes }) =>
    bears(pod, UNSCHEDULABLE)
      ? undefined
      : never((node) => nodes.isUnschedulable(node), "node(s) were unschedulable"),
};

/** A pod that names its node takes no other. */
const nodeName: FilterPlugin = {
  name: "NodeName",
  dependsOn: "node",
  podKey: ({ spec }) => spec.nodeName ?? "",
  prepare(pod, { nodes }) {
    const wanted = pod.spec.nodeName ?? "";
    return wanted === ""
      ? undefined
      : never(
          (node) => nodes.nameOf(node) !== wanted,
          "node(s) didn't match the requested node name",
        );
  },
};

/** Every taint that keeps pods away must be tolerated. */
const taintToleration: FilterPlugin = {
  name: "TaintToleration",
  dependsOn: "node",
  prepare(pod, { nodes }) {
    const tolerations = pod.spec.tolerations ?? [];
    const untolerated = (node: number): Taint | undefined =>
      untoleratedTaint(nodes.taintsOf(node), tolerations, KEEPS_AWAY);
    return {
      passes: (node) => untolerated(node) === undefined,
      refusal(node) {
        const { key, value = "" } = untolerated(node) ?? { key: "" };
        const reason = `node(s) had untolerated taint {${key}: ${value}}`;
        return { reasons: [reason], unresolvable: true };
      },
    };
  },
};

/** Kubernetes says it by a taint alone; a node that has never reported has none. A pod that tolerates that taint passes. */
const nodeReady: FilterPlugin = {
  name: "NodeReady",
  dependsOn: "node",
  prepare: (pod, { nodes }) =>
    bears(pod, NOT_READY)
      ? undefined
      : never((node) => !nodes.isReady(node), "node(s) were not ready"),
};

/** The pod's node selector and required node affinity, and what the profile adds for all its pods. */
export function nodeAffinityFilter(added?: NodeAffinity): FilterPlugin {
  const enforced = added?.requiredDuringSchedulingIgnoredDuringExecution;
  return {
    name: "NodeAffinity",
    dependsOn: "node",
    prepare(pod, { nodes }) {
      const asks =
        Object.keys(pod.spec.nodeSelector ?? {}).length > 0 ||
        pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution !==
          undefined;
      if (!asks && enforced === undefined) return undefined;
      const meetsAdded = (node: number): boolean =>
        enforced === undefined || matchesNodeSelector(enforced, identityAt(nodes, node));
      return {
        passes: (node) => meetsAdded(node) && allowsNode(pod.spec, identityAt(nodes, node)),
        refusal: (node) => ({
          reasons: [
            meetsAdded(node)
              ? "node(s) didn't match Pod's node affinity/selector"
              : "node(s) didn't match scheduler-enforced node affinity",
          ],
          unresolvable: true,
        }),
      };
    },
  };
}

/** A pod that says for which platforms its images are made takes only nodes of these. A node that does not say passes. */
const imagePlatform: FilterPlugin = {
  name: "ImagePlatform",
  dependsOn: "node",
  prepare(pod, { nodes }) {
    const platforms = platformsOf(pod);
    if (platforms.size === 0) return undefined;
    return never((node) => {
      const platform = nodePlatform(nodes, node);
      return platform !== undefined && !platforms.has(platform);
    }, "node(s) didn't match the platforms of the pod's images");
  },
};

/** No port of the host is taken twice. */
const nodePorts: FilterPlugin = {
  name: "NodePorts",
  dependsOn: "pods",
  prepare(_pod, { nodes }, kind) {
    const { ports } = kind.share;
    if (ports.length === 0) return undefined;
    return {
      passes(node) {
        const taken = nodes.portsOf(node);
        return taken === undefined || !ports.some((port) => taken.conflicts(port));
      },
      refusal: () => ({
        reasons: ["node(s) didn't have free ports for the requested pod ports"],
        unresolvable: false,
      }),
    };
  },
};

/** What the pod asks for must be left; what it does not ask for is not looked at. */
const resourcesFit: FilterPlugin = {
  name: "NodeResourcesFit",
  dependsOn: "pods",
  prepare(_pod, { nodes }, kind) {
    const wanted = kind.share.amounts.map(([resource, amount]) => {
      const { allocatable, used } = nodes.column(resource);
      return { resource, amount, allocatable, used };
    });
    const pods = nodes.column("pods");
    const asked = [
      ...(wanted.some(({ resource }) => resource === "pods")
        ? []
        : [{ resource: "pods", amount: 1, ...pods }]),
      ...wanted,
    ];
    return {
      passes(node) {
        for (const item of asked)
          if ((item.used[node] ?? 0) + item.amount > (item.allocatable[node] ?? 0)) return false;
        return true;
      },
      refusal(node) {
        const lacking = asked.filter(
          ({ used, allocatable, amount }) => (used[node] ?? 0) + amount > (allocatable[node] ?? 0),
        );
        return {
          reasons: lacking.map(({ resource }) =>
            resource === "pods" ? "Too many pods" : `Insufficient ${resource}`,
          ),
          unresolvable: lacking.some(
            ({ amount, allocatable }) => amount > (allocatable[node] ?? 0),
          ),
        };
      },
    };
  },
};

/** Kubernetes' filters in Kubernetes' order, with Berth's own two among those that ask the node alone. */
export function filters(added?: NodeAffinity): readonly FilterPlugin[] {
  return [
    nodeUnschedulable,
    nodeName,
    taintToleration,
    nodeReady,
    nodeAffinityFilter(added),
    imagePlatform,
    nodePorts,
    resourcesFit,
  ];
}

/** What affinity looks at of a node in the table. */
export function identityAt(nodes: NodeTable, node: number): NodeIdentity {
  return { name: nodes.nameOf(node), labels: nodes.labelsOf(node) };
}

function bears({ spec }: Pod, taint: Taint): boolean {
  return (spec.tolerations ?? []).some((toleration) => toleratesTaint(toleration, taint));
}

/** A filter that no removal of pods changes. */
function never(isRefused: (node: number) => boolean, reason: string): PreparedFilter {
  const refusal = { reasons: [reason], unresolvable: true };
  return { passes: (node) => !isRefused(node), refusal: () => refusal };
}

function platformsOf({ metadata }: Pod): ReadonlySet<string> {
  const text = metadata.annotations?.[IMAGE_PLATFORMS] ?? "";
  return new Set(
    text.split(",").flatMap((item) => {
      const [os = "", arch] = item.trim().split("/");
      return arch === undefined ? [] : [`${os}/${arch}`];
    }),
  );
}

function nodePlatform(nodes: NodeTable, node: number): string | undefined {
  const labels = nodes.labelsOf(node);
  const { operatingSystem, architecture } = nodes.nodeOf(node).status?.nodeInfo ?? {};
  const arch = labels["kubernetes.io/arch"] ?? architecture ?? "";
  const os = labels["kubernetes.io/os"] ?? operatingSystem ?? "linux";
  return arch === "" ? undefined : `${os}/${arch}`;
}
