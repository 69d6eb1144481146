import { isEmptySelector, matchesSelector } from "../model/labels.ts";
import type { LabelSelector, Pod, TopologySpreadConstraint } from "../model/kinds.gen.ts";
import { controllerOf } from "../model/meta.ts";
import { allowsNode } from "../model/node-affinity.ts";
import { untoleratedTaint } from "../model/taints.ts";
import { identityAt, KEEPS_AWAY } from "./filters.ts";
import type {
  ClusterView,
  Normalize,
  PreparedTopology,
  TopologyPlugin,
  TopologyScoring,
  TopologySlot,
} from "./plugin.ts";
import { narrowed } from "./pod-affinity-terms.ts";
import { labelMark, ownerMark, type PodKind } from "./pod-kind.ts";
import { isWorkloadPod } from "./selectors.ts";

export interface SpreadOptions {
  /** Whether pods without constraints of their own are kept apart by their Service or workload, softly. */
  readonly isSystemDefaulted?: boolean;
}

const HOSTNAME = "kubernetes.io/hostname";
const ZONE = "topology.kubernetes.io/zone";
const MAX_SCORE = 100;

const UNEVEN = "node(s) didn't match pod topology spread constraints";
const NO_LABEL = `${UNEVEN} (missing required label)`;

/** What Kubernetes spreads by when a pod says nothing. */
const SYSTEM_DEFAULTS: readonly TopologySpreadConstraint[] = [
  { maxSkew: 3, topologyKey: HOSTNAME, whenUnsatisfiable: "ScheduleAnyway" },
  { maxSkew: 5, topologyKey: ZONE, whenUnsatisfiable: "ScheduleAnyway" },
];

/** The fewest are best, though the gap between lowest and highest stays in sight. */
const fewestIsBest: Normalize = (raw, lowest, highest) =>
  highest === 0 ? MAX_SCORE : Math.floor((MAX_SCORE * (highest + lowest - raw)) / highest);

/** Topology spread constraints, hard and soft, and the system's soft ones for pods that have none. */
export function podTopologySpread({
  isSystemDefaulted = true,
}: SpreadOptions = {}): TopologyPlugin {
  return {
    name: "PodTopologySpread",
    weight: 2,
    stamp: (pod, { selectors }) =>
      isSystemDefaulted && (pod.spec.topologySpreadConstraints ?? []).length === 0
        ? JSON.stringify([selectors.defaultSelector(pod), selectors.knowsWorkload(ownerOf(pod))])
        : "",
    prepare(pod, cluster, kind) {
      const own = pod.spec.topologySpreadConstraints ?? [];
      const spread = { pod, cluster, kind };
      const hard = own
        .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === "DoNotSchedule")
        .map((constraint) => ownRule(constraint, kind));
      const soft =
        own.length > 0
          ? own
              .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === "ScheduleAnyway")
              .map((constraint) => ownRule(constraint, kind))
          : isSystemDefaulted
            ? defaultRules(pod, cluster)
            : [];
      if (hard.length + soft.length === 0) return undefined;
      const all = own.length > 0;
      const slots = [...hardSlots(hard, spread), ...softSlots(soft, spread, all)];
      return {
        slots,
        ...(hard.length === 0 ? {} : { refusal: refusalOf(hard) }),
        ...(soft.length === 0 ? {} : { scoring: scoringOf(soft, hard.length, all) }),
      };
    },
  };
}

interface Spread {
  readonly pod: Pod;
  readonly cluster: ClusterView;
  readonly kind: PodKind;
}

/** A constraint, ready to be asked. */
interface Rule {
  readonly constraint: TopologySpreadConstraint;
  /** Tells the rule's way of counting from others in one namespace. */
  readonly chooses: string;
  /** Whether a pod of the namespace counts. */
  readonly counts: (kind: PodKind) => boolean;
  /** What all that count are marked with, if anything. */
  readonly among: (namespace: string) => string | undefined;
  /** Whether the pod itself will count. */
  readonly isSelf: boolean;
}

function ownRule(constraint: TopologySpreadConstraint, kind: PodKind): Rule {
  const selector = narrowed(constraint.labelSelector, kind.labels, constraint.matchLabelKeys ?? []);
  return {
    constraint,
    ...bySelector(selector),
    isSelf: matchesSelector(selector, kind.labels),
  };
}

function bySelector(selector: LabelSelector | undefined): Selection {
  const isNothing = selector === undefined || isEmptySelector(selector);
  const label =
    Object.entries(selector?.matchLabels ?? {})[0] ??
    (selector?.matchExpressions ?? []).flatMap(({ key, operator, values = [] }) =>
      operator === "In" && values.length === 1 ? [[key, values[0] ?? ""] as const] : [],
    )[0];
  return {
    chooses: JSON.stringify(selector ?? null),
    counts: ({ labels }) => !isNothing && matchesSelector(selector, labels),
    among: (namespace) => (label === undefined ? undefined : labelMark(namespace, ...label)),
  };
}

type Selection = Pick<Rule, "chooses" | "counts" | "among">;

/** By Services and the workload; a workload that is not known stands for the pods it owns. */
function defaultRules(pod: Pod, { selectors }: ClusterView): readonly Rule[] {
  const selector = selectors.defaultSelector(pod);
  const owner = ownerOf(pod);
  if (selector === undefined && (!isWorkloadPod(pod) || selectors.knowsWorkload(owner))) return [];
  const chosen: Selection =
    selector === undefined
      ? {
          chooses: `owner ${owner}`,
          counts: (kind) => kind.owner === owner,
          among: () => ownerMark(owner),
        }
      : bySelector(selector);
  return SYSTEM_DEFAULTS.map((constraint) => ({ constraint, ...chosen, isSelf: true }));
}

function hardSlots(rules: readonly Rule[], spread: Spread): readonly TopologySlot[] {
  const keys = rules.map(({ constraint }) => constraint.topologyKey);
  return rules.map((rule) => slotOf(rule, keys, spread));
}

function softSlots(rules: readonly Rule[], spread: Spread, all: boolean): readonly TopologySlot[] {
  const keys = all ? rules.map(({ constraint }) => constraint.topologyKey) : [];
  return rules.map((rule) => ({
    ...slotOf(rule, keys, spread),
    countsDomains: true,
    perNode: rule.constraint.topologyKey === HOSTNAME,
  }));
}

/** Counts on nodes that have all `keys` and that the rule's policies do not leave out. */
function slotOf(
  { constraint, chooses, counts, among }: Rule,
  keys: readonly string[],
  { pod, cluster: { nodes }, kind }: Spread,
): TopologySlot {
  const { topologyKey, nodeAffinityPolicy = "Honor", nodeTaintsPolicy = "Ignore" } = constraint;
  const { affinity, nodeSelector, tolerations = [] } = pod.spec;
  const asked = [
    nodeSelector,
    affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution,
  ];
  const byAffinity =
    nodeAffinityPolicy === "Honor" && asked.some((item) => item !== undefined) ? asked : [];
  const byTaints = nodeTaintsPolicy === "Honor" ? [tolerations] : [];
  const { namespace } = kind;
  const mark = among(namespace);
  const others = keys.filter((key) => key !== topologyKey);
  const accepts: TopologySlot["accepts"] = (node) => {
    const identity = identityAt(nodes, node);
    return (
      others.every((key) => Object.hasOwn(identity.labels, key)) &&
      (byAffinity.length === 0 || allowsNode(pod.spec, identity)) &&
      (byTaints.length === 0 ||
        untoleratedTaint(nodes.taintsOf(node), tolerations, KEEPS_AWAY) === undefined)
    );
  };
  const isOpen = others.length + byAffinity.length + byTaints.length === 0;
  return {
    id: `spread ${JSON.stringify([namespace, topologyKey, chooses, others, byAffinity, byTaints])}`,
    topologyKey,
    weigh: (other) =>
      other.namespace === namespace && !other.terminating && counts(other) ? 1 : 0,
    ...(mark === undefined ? {} : { among: mark }),
    ...(isOpen ? {} : { accepts }),
  };
}

function refusalOf(rules: readonly Rule[]): NonNullable<PreparedTopology["refusal"]> {
  return ({ counts, present }, totals) => {
    for (const [slot, { constraint, isSelf }] of rules.entries()) {
      if (present[slot] !== true) return { reasons: [NO_LABEL], unresolvable: true };
      const total = totals[slot];
      const isShort = total === undefined || total.domains < (constraint.minDomains ?? 1);
      const least = isShort ? 0 : total.least();
      if ((counts[slot] ?? 0) + (isSelf ? 1 : 0) - least > constraint.maxSkew)
        return { reasons: [UNEVEN], unresolvable: false };
    }
    return undefined;
  };
}

function scoringOf(rules: readonly Rule[], from: number, all: boolean): TopologyScoring {
  const isCounted: TopologyScoring["isCounted"] = ({ present }) =>
    !all || rules.every((_rule, index) => present[from + index] === true);
  return {
    isCounted,
    raw(values, domains) {
      if (!isCounted(values)) return undefined;
      let score = 0;
      for (const [index, { constraint }] of rules.entries()) {
        const slot = from + index;
        if (values.present[slot] !== true) continue;
        const weight = Math.log((domains[slot] ?? 0) + 2);
        score += (values.counts[slot] ?? 0) * weight + (constraint.maxSkew - 1);
      }
      return Math.round(score);
    },
    normalize: fewestIsBest,
  };
}

function ownerOf(pod: Pod): string {
  return controllerOf(pod)?.uid ?? "";
}
