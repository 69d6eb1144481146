import { compare } from "../base/order.ts";
import type { Node, Pod } from "../model/kinds.gen.ts";
import { formatBytes, formatCpuMillis } from "../model/quantity.ts";
import { newSchedulerCore, type NodeVerdict, type SchedulerCore } from "./core.ts";
import { groupNameOf } from "./gang.ts";
import { amountOf, podRequests } from "./pod-requests.ts";
import { PROFILES } from "./profile-plugins.ts";
import { explainForeign, isOurs } from "./profiles.ts";
import { GATED_CONDITION, isGated } from "./queue-gates.ts";
import { placeAll, type PlaceAllInput } from "./queue-forecast.ts";
import { volumeFilters } from "./volumes-plugins.ts";
import { VolumeTable } from "./volumes-table.ts";

/** Nodes that one filter refused for one reason. */
export interface RefusedNodes {
  readonly filter: string;
  readonly reason: string;
  readonly nodes: readonly string[];
}

export interface PodExplanation {
  readonly state: "placed" | "gated" | "foreign" | "fits" | "refused";
  /** One sentence, as the pod's condition has it. */
  readonly message: string;
  /** Nodes that would take it, the best first. */
  readonly fitting: readonly { readonly node: string; readonly points: number }[];
  /** The most nodes first. */
  readonly refused: readonly RefusedNodes[];
  /** The node that lacks least, and what it lacks. */
  readonly nearest?: { readonly node: string; readonly lacking: readonly string[] };
  /** What could be done, the nearest first. */
  readonly cures: readonly string[];
}

const NO_NODES = { fitting: [], refused: [], cures: [] } as const;

/** Why a pod has no node, node by node, and what would help. `input.pods` has the pod. Pure. */
export function explainPod(pod: Pod, input: PlaceAllInput): PodExplanation {
  const { nodeName = "" } = pod.spec;
  if (nodeName !== "")
    return { ...NO_NODES, state: "placed", message: `It is on node "${nodeName}".` };
  if (!isOurs(pod)) return { ...NO_NODES, state: "foreign", message: explainForeign(pod) };
  if (isGated(pod)) {
    const gates = (pod.spec.schedulingGates ?? []).map(({ name }) => `"${name}"`).join(", ");
    const cures = [`remove the scheduling gates ${gates}`];
    return { ...NO_NODES, state: "gated", message: GATED_CONDITION.message ?? "", cures };
  }
  const core = coreOf(input);
  const verdicts = core.explain(pod);
  const { uid } = pod.metadata;
  // A group is decided on as a whole; any other pod for itself.
  const alone = groupNameOf(pod) === undefined ? { ...input, pods: [pod] } : input;
  const outcome = placeAll(alone);
  const message = outcome.unplaced.find((item) => item.uid === uid)?.message;
  const fitting = verdicts
    .filter(({ refusal }) => refusal === undefined)
    .map(({ node, total = 0 }) => ({ node, points: Math.round(total * 10) / 10 }))
    .toSorted((a, b) => b.points - a.points || compare(a.node, b.node));
  const refused = groupRefusals(verdicts);
  if (message === undefined) {
    const node = outcome.bindings.find((item) => item.uid === uid)?.node ?? "";
    return { state: "fits", message: `It fits on node "${node}".`, fitting, refused, cures: [] };
  }
  const nearest = nearestOf(pod, core, verdicts);
  return {
    state: "refused",
    message,
    fitting,
    refused,
    ...(nearest === undefined ? {} : { nearest }),
    cures: curesOf(pod, core, refused, nearest),
  };
}

function coreOf({ others = [], nodes, placed }: PlaceAllInput): SchedulerCore {
  const volumes = new VolumeTable();
  const profiles = new Map(
    [...PROFILES].map(([name, profile]) => [
      name,
      { ...profile, filters: [...profile.filters, ...volumeFilters(volumes)] },
    ]),
  );
  const core = newSchedulerCore({ profiles });
  for (const object of [...others, ...nodes, ...placed]) {
    volumes.set(object);
    core.upsert(object);
  }
  for (const pod of placed) volumes.use(pod, pod.spec.nodeName ?? "");
  return core;
}

function groupRefusals(verdicts: readonly NodeVerdict[]): readonly RefusedNodes[] {
  const groups = new Map<string, { filter: string; reason: string; nodes: string[] }>();
  for (const { node, refusal } of verdicts) {
    for (const reason of refusal?.reasons ?? []) {
      const filter = refusal?.filter ?? "";
      const key = `${filter} ${reason}`;
      const known = groups.get(key);
      if (known === undefined) groups.set(key, { filter, reason, nodes: [node] });
      else known.nodes.push(node);
    }
  }
  return [...groups.values()].toSorted(
    (a, b) => b.nodes.length - a.nodes.length || compare(a.reason, b.reason),
  );
}

/** Of the nodes that lack only room the one that lacks least of it, as a share of what the pod wants. */
function nearestOf(
  pod: Pod,
  core: SchedulerCore,
  verdicts: readonly NodeVerdict[],
): PodExplanation["nearest"] {
  let nearest: PodExplanation["nearest"];
  let least = Infinity;
  for (const { node, refusal } of verdicts) {
    const found = refusal?.filter === "NodeResourcesFit" ? core.node(node) : undefined;
    if (found === undefined) continue;
    const { share, lacking } = shortageOf(pod, found, core.podsOn(node));
    if (share >= least) continue;
    least = share;
    nearest = { node, lacking };
  }
  return nearest;
}

function shortageOf(
  pod: Pod,
  node: Node,
  there: Iterable<Pod>,
): { readonly share: number; readonly lacking: readonly string[] } {
  const allocatable = node.status?.allocatable ?? {};
  const used = new Map<string, number>();
  let count = 0;
  for (const other of there) {
    count += 1;
    for (const [resource, amount] of podRequests(other))
      used.set(resource, (used.get(resource) ?? 0) + amount);
  }
  const lacking: string[] = [];
  let share = 0;
  const seats = amountOf("pods", allocatable["pods"] ?? "0");
  if (count >= seats) {
    share += 1;
    lacking.push(`room for one more pod: it has ${count} of at most ${seats}`);
  }
  for (const [resource, wanted] of podRequests(pod)) {
    const free = amountOf(resource, allocatable[resource] ?? "0") - (used.get(resource) ?? 0);
    if (wanted <= free || wanted === 0) continue;
    share += (wanted - free) / wanted;
    const text = (amount: number): string => formatAmount(resource, amount);
    lacking.push(
      `${text(wanted - free)} ${resource}: the pod asks for ${text(wanted)}, ${text(Math.max(0, free))} of ${allocatable[resource] ?? "0"} are free`,
    );
  }
  return { share, lacking };
}

function formatAmount(resource: string, amount: number): string {
  if (resource === "cpu") return formatCpuMillis(amount);
  return resource === "memory" ||
    resource === "ephemeral-storage" ||
    resource.startsWith("hugepages-")
    ? formatBytes(amount)
    : String(amount);
}

/** What mends a refusal, by the filter that gave it. */
const CURES: Readonly<Record<string, (nodes: string, pod: Pod, reason: string) => string>> = {
  NodeUnschedulable: (nodes) => `uncordon ${nodes}`,
  TaintToleration: (nodes, _, reason) =>
    `add a toleration for ${/\{.*\}/.exec(reason)?.[0] ?? "the taint"} to the pod, or remove the taint from ${nodes}`,
  NodeReady: (nodes) => `see why ${nodes} is not ready: berth status`,
  NodeAffinity: (nodes, pod) =>
    `label ${nodes} as the pod asks${describeSelector(pod)}, or change the pod's nodeSelector or affinity`,
  NodePorts: (nodes) => `free the host port on ${nodes}, or do without it`,
  PodTopologySpread: () =>
    "add nodes in the topology domains that have fewest of these pods, raise maxSkew, or use ScheduleAnyway",
  InterPodAffinity: () => "add nodes, or relax the pod (anti-)affinity",
  VolumeRestrictions: () => "stop the pod that has the ReadWriteOncePod claim",
  VolumeBinding: () =>
    "make the PersistentVolumeClaim, a volume for it, or a StorageClass that provisions one on a node",
  ImagePlatform: () => "add a node of a platform that the image is made for",
};
const MAX_NAMED = 3;

function curesOf(
  pod: Pod,
  core: SchedulerCore,
  refused: readonly RefusedNodes[],
  nearest: PodExplanation["nearest"],
): readonly string[] {
  if (core.nodeNames().length === 0) return ["add a node: there is none"];
  const cures = new Set<string>();
  if (nearest !== undefined)
    cures.add(
      `free ${nearest.lacking.map((item) => item.split(":")[0]).join(" and ")} on ${nearest.node}, ask for less, or add a node`,
    );
  for (const { filter, nodes, reason } of refused) {
    const named = nodes.slice(0, MAX_NAMED).join(", ");
    const more = nodes.length > MAX_NAMED ? ` and ${nodes.length - MAX_NAMED} more` : "";
    const cure = CURES[filter]?.(`${named}${more}`, pod, reason);
    if (cure !== undefined) cures.add(cure);
  }
  return [...cures];
}

function describeSelector({ spec }: Pod): string {
  const labels = Object.entries(spec.nodeSelector ?? {}).map(([key, value]) => `${key}=${value}`);
  return labels.length === 0 ? "" : ` (${labels.join(", ")})`;
}
