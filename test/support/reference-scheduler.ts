import type {
  Container,
  LabelSelector,
  Namespace,
  Node,
  NodeAffinity,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Pod,
  PodAffinityTerm,
  Taint,
  TopologySpreadConstraint,
} from "../../src/model/kinds.gen.ts";
import { matchesSelector } from "../../src/model/labels.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { cpuMillis, quantityValue } from "../../src/model/quantity.ts";

/*
 * Kubernetes' filters and scores as one would read them out: every node, every pod, every time. Shares nothing with the
 * scheduler but what a label selector and a quantity mean. Slow on purpose; the measure of the fast one.
 */

export interface ReferenceCluster {
  readonly nodes: readonly Node[];
  /** With their `spec.nodeName`; also on nodes that are not there. */
  readonly placed: readonly Pod[];
  readonly namespaces?: readonly Namespace[];
  /** Services, ReplicaSets, StatefulSets, ReplicationControllers. */
  readonly selectors?: readonly ApiObject[];
}

export interface ReferenceOptions {
  readonly packs?: boolean;
  readonly addedAffinity?: NodeAffinity;
  readonly isSystemDefaulted?: boolean;
}

export interface ReferenceRefusal {
  readonly filter: string;
  readonly reasons: readonly string[];
  readonly unresolvable: boolean;
}

export interface ReferenceVerdict {
  readonly node: string;
  readonly refusal?: ReferenceRefusal;
  readonly scores?: Readonly<Record<string, number>>;
  readonly total?: number;
}

type Labels = Readonly<Record<string, string>>;

const HOSTNAME = "kubernetes.io/hostname";
const MI = 1024 * 1024;

/** What every node says to a pod, in the order of names. */
export function referenceVerdicts(
  pod: Pod,
  cluster: ReferenceCluster,
  options: ReferenceOptions = {},
): readonly ReferenceVerdict[] {
  const nodes = [...cluster.nodes].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const refusals = new Map(nodes.map((node) => [node, refusalOf(pod, node, cluster, options)]));
  const feasible = nodes.filter((node) => refusals.get(node) === undefined);
  const scores = scoresOf(pod, feasible, cluster, options);
  return nodes.map((node): ReferenceVerdict => {
    const refusal = refusals.get(node);
    const own = scores.get(node) ?? {};
    return refusal === undefined
      ? {
          node: node.metadata.name,
          scores: own,
          total: Object.values(own).reduce((sum, score) => sum + score, 0),
        }
      : { node: node.metadata.name, refusal };
  });
}

/** The node with the highest total; of equal ones the first by name. */
export function referencePlace(
  pod: Pod,
  cluster: ReferenceCluster,
  options: ReferenceOptions = {},
): ReferenceVerdict | undefined {
  let best: ReferenceVerdict | undefined;
  for (const verdict of referenceVerdicts(pod, cluster, options))
    if (verdict.total !== undefined && verdict.total > (best?.total ?? -Infinity)) best = verdict;
  return best;
}

// ---- filters

function refusalOf(
  pod: Pod,
  node: Node,
  cluster: ReferenceCluster,
  options: ReferenceOptions,
): ReferenceRefusal | undefined {
  const checks: readonly [string, () => readonly string[], boolean][] = [
    [
      "NodeUnschedulable",
      () =>
        node.spec.unschedulable === true &&
        !bears(pod, { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" })
          ? ["node(s) were unschedulable"]
          : [],
      true,
    ],
    [
      "NodeName",
      () =>
        pod.spec.nodeName !== undefined && pod.spec.nodeName !== node.metadata.name
          ? ["node(s) didn't match the requested node name"]
          : [],
      true,
    ],
    ["TaintToleration", () => taintReasons(pod, node), true],
    [
      "NodeReady",
      () =>
        node.status?.conditions?.find(({ type }) => type === "Ready")?.status === "True" ||
        bears(pod, { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" })
          ? []
          : ["node(s) were not ready"],
      true,
    ],
    ["NodeAffinity", () => affinityReasons(pod, node, options), true],
    ["ImagePlatform", () => platformReasons(pod, node), true],
    [
      "NodePorts",
      () =>
        portsOf(pod).some((wanted) =>
          podsOn(node, cluster)
            .flatMap(portsOf)
            .some((taken) => collide(wanted, taken)),
        )
          ? ["node(s) didn't have free ports for the requested pod ports"]
          : [],
      false,
    ],
  ];
  for (const [filter, ask, unresolvable] of checks) {
    const reasons = ask();
    if (reasons.length > 0) return { filter, reasons, unresolvable };
  }
  return (
    fitRefusal(pod, node, cluster) ??
    spreadRefusal(pod, node, cluster) ??
    interPodRefusal(pod, node, cluster)
  );
}

function bears(pod: Pod, taint: Taint): boolean {
  return (pod.spec.tolerations ?? []).some((toleration) => {
    if (toleration.effect !== undefined && toleration.effect !== taint.effect) return false;
    if (toleration.key === undefined || toleration.key === "")
      return toleration.operator === "Exists";
    if (toleration.key !== taint.key) return false;
    return toleration.operator === "Exists" || (toleration.value ?? "") === (taint.value ?? "");
  });
}

function untolerated(pod: Pod, node: Node): Taint | undefined {
  return (node.spec.taints ?? []).find(
    (taint) => taint.effect !== "PreferNoSchedule" && !bears(pod, taint),
  );
}

function taintReasons(pod: Pod, node: Node): readonly string[] {
  const taint = untolerated(pod, node);
  return taint === undefined
    ? []
    : [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ""}}`];
}

function requirementHolds(
  { operator, values = [] }: NodeSelectorRequirement,
  value: string | undefined,
): boolean {
  if (operator === "Exists") return value !== undefined;
  if (operator === "DoesNotExist") return value === undefined;
  if (operator === "In") return value !== undefined && values.includes(value);
  if (operator === "NotIn") return value === undefined || !values.includes(value);
  const [left, right] = [Number.parseInt(value ?? "", 10), Number.parseInt(values[0] ?? "", 10)];
  return operator === "Gt" ? left > right : left < right;
}

function termHolds(term: NodeSelectorTerm, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length + fields.length === 0) return false;
  return (
    expressions.every((item) => requirementHolds(item, labels[item.key])) &&
    fields.every((item) => requirementHolds(item, node.metadata.name))
  );
}

function affinityHolds(pod: Pod, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  const selected = Object.entries(pod.spec.nodeSelector ?? {}).every(
    ([key, value]) => labels[key] === value,
  );
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return (
    selected &&
    (required === undefined || required.nodeSelectorTerms.some((term) => termHolds(term, node)))
  );
}

function affinityReasons(
  pod: Pod,
  node: Node,
  { addedAffinity }: ReferenceOptions,
): readonly string[] {
  const added = addedAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (added !== undefined && !added.nodeSelectorTerms.some((term) => termHolds(term, node)))
    return ["node(s) didn't match scheduler-enforced node affinity"];
  return affinityHolds(pod, node) ? [] : ["node(s) didn't match Pod's node affinity/selector"];
}

function platformReasons(pod: Pod, node: Node): readonly string[] {
  const wanted = pod.metadata.annotations?.["berth.dev/image-platforms"];
  const arch = node.metadata.labels?.["kubernetes.io/arch"];
  if (wanted === undefined || arch === undefined) return [];
  return wanted.split(",").includes(`linux/${arch}`)
    ? []
    : ["node(s) didn't match the platforms of the pod's images"];
}

interface Port {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

function portsOf(pod: Pod): readonly Port[] {
  const sidecars = (pod.spec.initContainers ?? []).filter(
    (container) => container.restartPolicy === "Always",
  );
  const found: Port[] = [];
  for (const container of [...pod.spec.containers, ...sidecars])
    for (const { hostPort, containerPort, hostIP, protocol } of container.ports ?? []) {
      const port = hostPort ?? (pod.spec.hostNetwork === true ? containerPort : undefined);
      if (port !== undefined) found.push({ ip: hostIP ?? "0.0.0.0", protocol, port });
    }
  return found;
}

function collide(a: Port, b: Port): boolean {
  const sameAddress = a.ip === b.ip || a.ip === "0.0.0.0" || b.ip === "0.0.0.0";
  return sameAddress && a.port === b.port && a.protocol === b.protocol;
}

function podsOn(node: Node, { placed }: ReferenceCluster): readonly Pod[] {
  return placed.filter(({ spec }) => spec.nodeName === node.metadata.name);
}

// ---- resources

const amount = (resource: string, text: string | undefined): number =>
  text === undefined ? 0 : ((resource === "cpu" ? cpuMillis(text) : quantityValue(text)) ?? 0);

function containerAsk(container: Container, resource: string, missing: number | undefined): number {
  const text = container.resources?.requests?.[resource] ?? container.resources?.limits?.[resource];
  return text === undefined ? (missing ?? 0) : amount(resource, text);
}

/** What a pod asks for; `missing` stands for a container that says nothing. */
function podAsk(pod: Pod, resource: string, missing?: number): number {
  let running = 0;
  for (const container of pod.spec.containers)
    running += containerAsk(container, resource, missing);
  let sidecars = 0;
  let peak = 0;
  for (const container of pod.spec.initContainers ?? []) {
    const asked = containerAsk(container, resource, missing);
    if (container.restartPolicy === "Always") {
      sidecars += asked;
      peak = Math.max(peak, sidecars);
    } else peak = Math.max(peak, asked + sidecars);
  }
  const whole = pod.spec.resources?.requests?.[resource] ?? pod.spec.resources?.limits?.[resource];
  const asked = whole === undefined ? Math.max(running + sidecars, peak) : amount(resource, whole);
  return asked + amount(resource, pod.spec.overhead?.[resource]);
}

const scoredAsk = (pod: Pod, resource: string): number =>
  podAsk(pod, resource, resource === "cpu" ? 100 : 200 * MI);

function resourcesOf(pod: Pod): readonly string[] {
  const all = new Set<string>();
  for (const { resources } of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])])
    for (const key of [
      ...Object.keys(resources?.requests ?? {}),
      ...Object.keys(resources?.limits ?? {}),
    ])
      all.add(key);
  for (const key of Object.keys(pod.spec.overhead ?? {})) all.add(key);
  return [...all];
}

function fitRefusal(pod: Pod, node: Node, cluster: ReferenceCluster): ReferenceRefusal | undefined {
  const here = podsOn(node, cluster);
  const capacity = (resource: string): number =>
    amount(resource, node.status?.allocatable?.[resource]);
  const reasons: string[] = [];
  let unresolvable = false;
  if (here.length + 1 > capacity("pods")) {
    reasons.push("Too many pods");
    unresolvable ||= capacity("pods") < 1;
  }
  for (const resource of resourcesOf(pod)) {
    const asked = podAsk(pod, resource);
    if (asked === 0) continue;
    const used = here.reduce((sum, other) => sum + podAsk(other, resource), 0);
    if (used + asked <= capacity(resource)) continue;
    reasons.push(`Insufficient ${resource}`);
    unresolvable ||= asked > capacity(resource);
  }
  return reasons.length === 0 ? undefined : { filter: "NodeResourcesFit", reasons, unresolvable };
}

// ---- topology spread

interface Constraint {
  readonly rule: TopologySpreadConstraint;
  readonly selects: (pod: Pod) => boolean;
  readonly self: boolean;
}

function toConstraint(rule: TopologySpreadConstraint, pod: Pod): Constraint {
  const labels = pod.metadata.labels ?? {};
  const more = (rule.matchLabelKeys ?? []).flatMap((key) => {
    const value = labels[key];
    return value === undefined ? [] : [[key, value] as const];
  });
  const { labelSelector } = rule;
  const chosen = (other: Labels): boolean =>
    matchesSelector(labelSelector, other) && more.every(([key, value]) => other[key] === value);
  const saysNothing =
    more.length === 0 &&
    labelSelector !== undefined &&
    Object.keys(labelSelector.matchLabels ?? {}).length === 0 &&
    (labelSelector.matchExpressions ?? []).length === 0;
  return {
    rule,
    selects: (other) => !saysNothing && chosen(other.metadata.labels ?? {}),
    self: chosen(labels),
  };
}

function countSpread(
  { rule, selects }: Constraint,
  pod: Pod,
  keys: readonly string[],
  cluster: ReferenceCluster,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const node of cluster.nodes) {
    const labels = node.metadata.labels ?? {};
    if (!keys.every((key) => key in labels)) continue;
    if (rule.nodeAffinityPolicy !== "Ignore" && !affinityHolds(pod, node)) continue;
    if (rule.nodeTaintsPolicy === "Honor" && untolerated(pod, node) !== undefined) continue;
    const value = labels[rule.topologyKey] ?? "";
    counts.set(value, (counts.get(value) ?? 0) + countOn(node, selects, pod, cluster));
  }
  return counts;
}

function countOn(
  node: Node,
  selects: (pod: Pod) => boolean,
  pod: Pod,
  cluster: ReferenceCluster,
): number {
  return podsOn(node, cluster).filter(
    (other) =>
      other.metadata.namespace === pod.metadata.namespace &&
      other.metadata.deletionTimestamp === undefined &&
      selects(other),
  ).length;
}

function spreadRefusal(
  pod: Pod,
  node: Node,
  cluster: ReferenceCluster,
): ReferenceRefusal | undefined {
  const hard = (pod.spec.topologySpreadConstraints ?? []).filter(
    ({ whenUnsatisfiable }) => whenUnsatisfiable === "DoNotSchedule",
  );
  const keys = hard.map(({ topologyKey }) => topologyKey);
  const reason = "node(s) didn't match pod topology spread constraints";
  for (const rule of hard) {
    const value = node.metadata.labels?.[rule.topologyKey];
    if (value === undefined)
      return {
        filter: "PodTopologySpread",
        reasons: [`${reason} (missing required label)`],
        unresolvable: true,
      };
    const constraint = toConstraint(rule, pod);
    const counts = countSpread(constraint, pod, keys, cluster);
    const least = counts.size < (rule.minDomains ?? 1) ? 0 : Math.min(...counts.values());
    const skew = (counts.get(value) ?? 0) + (constraint.self ? 1 : 0) - least;
    if (skew > rule.maxSkew)
      return { filter: "PodTopologySpread", reasons: [reason], unresolvable: false };
  }
  return undefined;
}

function softConstraints(
  pod: Pod,
  cluster: ReferenceCluster,
  isSystemDefaulted: boolean,
): readonly Constraint[] {
  const own = pod.spec.topologySpreadConstraints ?? [];
  if (own.length > 0)
    return own
      .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === "ScheduleAnyway")
      .map((rule) => toConstraint(rule, pod));
  const selects = isSystemDefaulted ? defaultSelection(pod, cluster) : undefined;
  if (selects === undefined) return [];
  const rule = (maxSkew: number, topologyKey: string): Constraint => ({
    rule: { maxSkew, topologyKey, whenUnsatisfiable: "ScheduleAnyway" },
    selects,
    self: true,
  });
  return [rule(3, HOSTNAME), rule(5, "topology.kubernetes.io/zone")];
}

/** Pods that all Services of the pod and its workload choose; of a workload that is not known, the pods it owns. */
function defaultSelection(
  pod: Pod,
  { selectors = [] }: ReferenceCluster,
): ((other: Pod) => boolean) | undefined {
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true);
  const found: LabelSelector[] = [];
  for (const object of selectors) {
    const { spec } = object as { spec?: { selector?: unknown } };
    if (object.kind === "Service") {
      const matchLabels = (spec?.selector ?? {}) as Labels;
      const isOurs =
        object.metadata.namespace === pod.metadata.namespace &&
        Object.keys(matchLabels).length > 0 &&
        matchesSelector({ matchLabels }, pod.metadata.labels);
      if (isOurs) found.push({ matchLabels });
    } else if (owner !== undefined && object.metadata.uid === owner.uid) {
      found.push(
        object.kind === "ReplicationController"
          ? { matchLabels: (spec?.selector ?? {}) as Labels }
          : ((spec?.selector ?? {}) as LabelSelector),
      );
    }
  }
  if (found.length > 0)
    return (other) => found.every((selector) => matchesSelector(selector, other.metadata.labels));
  const isWorkload = ["ReplicaSet", "StatefulSet", "ReplicationController"].includes(
    owner?.kind ?? "",
  );
  if (!isWorkload) return undefined;
  return (other) =>
    other.metadata.ownerReferences?.some(
      ({ uid, controller }) => controller === true && uid === owner?.uid,
    ) === true;
}

// ---- pod affinity

function chooses(
  term: PodAffinityTerm,
  owner: Pod,
  subject: Pod,
  { namespaces = [] }: ReferenceCluster,
): boolean {
  const { namespace = "" } = subject.metadata;
  const listed = term.namespaces ?? [];
  const own = listed.length === 0 && term.namespaceSelector === undefined;
  const labels = namespaces.find(({ metadata }) => metadata.name === namespace)?.metadata.labels;
  const inNamespace =
    (own && owner.metadata.namespace === namespace) ||
    listed.includes(namespace) ||
    (term.namespaceSelector !== undefined && matchesSelector(term.namespaceSelector, labels ?? {}));
  const ownLabels = owner.metadata.labels ?? {};
  const theirs = subject.metadata.labels ?? {};
  return (
    inNamespace &&
    matchesSelector(term.labelSelector, theirs) &&
    (term.matchLabelKeys ?? []).every(
      (key) => ownLabels[key] === undefined || theirs[key] === ownLabels[key],
    ) &&
    (term.mismatchLabelKeys ?? []).every(
      (key) => ownLabels[key] === undefined || theirs[key] !== ownLabels[key],
    )
  );
}

function requiredTerms(
  pod: Pod,
  sort: "podAffinity" | "podAntiAffinity",
): readonly PodAffinityTerm[] {
  return pod.spec.affinity?.[sort]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}

/** Placed pods whose node has the same value of a label as `node`. */
function neighbours(node: Node, key: string, cluster: ReferenceCluster): readonly Pod[] {
  const value = node.metadata.labels?.[key];
  if (value === undefined) return [];
  return cluster.nodes
    .filter(({ metadata }) => metadata.labels?.[key] === value)
    .flatMap((other) => podsOn(other, cluster));
}

function interPodRefusal(
  pod: Pod,
  node: Node,
  cluster: ReferenceCluster,
): ReferenceRefusal | undefined {
  const refuse = (reason: string, unresolvable: boolean): ReferenceRefusal => ({
    filter: "InterPodAffinity",
    reasons: [reason],
    unresolvable,
  });
  const wanted = requiredTerms(pod, "podAffinity");
  const meetsAll = (other: Pod): boolean =>
    wanted.every((term) => chooses(term, pod, other, cluster));
  if (wanted.some(({ topologyKey }) => node.metadata.labels?.[topologyKey] === undefined))
    return refuse("node(s) didn't match pod affinity rules", true);
  const isMet = wanted.every(({ topologyKey }) =>
    neighbours(node, topologyKey, cluster).some(meetsAll),
  );
  if (!isMet) {
    const exists = cluster.nodes.some((other) =>
      wanted.some(
        ({ topologyKey }) =>
          other.metadata.labels?.[topologyKey] !== undefined &&
          podsOn(other, cluster).some(meetsAll),
      ),
    );
    if (exists || !meetsAll(pod)) return refuse("node(s) didn't match pod affinity rules", true);
  }
  for (const term of requiredTerms(pod, "podAntiAffinity")) {
    const near = neighbours(node, term.topologyKey, cluster);
    if (near.some((other) => chooses(term, pod, other, cluster)))
      return refuse("node(s) didn't match pod anti-affinity rules", false);
  }
  const isUnwanted = cluster.placed.some((other) =>
    requiredTerms(other, "podAntiAffinity").some(
      (term) =>
        chooses(term, other, pod, cluster) &&
        neighbours(node, term.topologyKey, cluster).includes(other),
    ),
  );
  return isUnwanted
    ? refuse("node(s) didn't satisfy existing pods anti-affinity rules", false)
    : undefined;
}

// ---- scores

type Raw = readonly (number | undefined)[];

function scoresOf(
  pod: Pod,
  feasible: readonly Node[],
  cluster: ReferenceCluster,
  options: ReferenceOptions,
): ReadonlyMap<Node, Readonly<Record<string, number>>> {
  const columns: readonly [string, number, Raw | undefined][] = [
    ["NodeResourcesFit", 1, feasible.map((node) => allocation(pod, node, cluster, options))],
    ["NodeResourcesBalancedAllocation", 1, balance(pod, feasible, cluster)],
    ["TaintToleration", 3, taintScores(pod, feasible)],
    ["NodeAffinity", 2, affinityScores(pod, feasible, options)],
    ["ImageLocality", 1, imageScores(pod, feasible, cluster)],
    ["PodTopologySpread", 2, spreadScores(pod, feasible, cluster, options)],
    ["InterPodAffinity", 2, interPodScores(pod, feasible, cluster)],
  ];
  return new Map(
    feasible.map((node, index) => [
      node,
      Object.fromEntries(
        columns.flatMap(([name, weight, scores]) =>
          scores === undefined ? [] : [[name, weight * (scores[index] ?? 0)]],
        ),
      ),
    ]),
  );
}

function allocation(
  pod: Pod,
  node: Node,
  cluster: ReferenceCluster,
  { packs = false }: ReferenceOptions,
): number {
  const shares: number[] = [];
  for (const resource of ["cpu", "memory"]) {
    const capacity = amount(resource, node.status?.allocatable?.[resource]);
    if (capacity === 0) continue;
    const used = podsOn(node, cluster).reduce((sum, other) => sum + scoredAsk(other, resource), 0);
    const requested = used + scoredAsk(pod, resource);
    const taken = Math.min(requested, capacity);
    const left = requested > capacity ? 0 : capacity - requested;
    shares.push(Math.floor(((packs ? taken : left) * 100) / capacity));
  }
  return shares.length === 0
    ? 0
    : Math.floor(shares.reduce((sum, share) => sum + share, 0) / shares.length);
}

function balance(pod: Pod, feasible: readonly Node[], cluster: ReferenceCluster): Raw | undefined {
  if (podAsk(pod, "cpu") === 0 && podAsk(pod, "memory") === 0) return undefined;
  return feasible.map((node) => {
    const shares = ["cpu", "memory"].flatMap((resource) => {
      const capacity = amount(resource, node.status?.allocatable?.[resource]);
      const used = podsOn(node, cluster).reduce((sum, other) => sum + podAsk(other, resource), 0);
      return capacity === 0 ? [] : [Math.min(1, (used + podAsk(pod, resource)) / capacity)];
    });
    const [first = 0, second = first] = shares;
    return Math.trunc((1 - Math.abs((first - second) / 2)) * 100);
  });
}

function taintScores(pod: Pod, feasible: readonly Node[]): Raw {
  const counts = feasible.map(
    (node) =>
      (node.spec.taints ?? []).filter(
        (taint) => taint.effect === "PreferNoSchedule" && !bears(pod, taint),
      ).length,
  );
  const most = Math.max(0, ...counts);
  return counts.map((count) => (most === 0 ? 100 : 100 - Math.floor((100 * count) / most)));
}

function affinityScores(
  pod: Pod,
  feasible: readonly Node[],
  { addedAffinity }: ReferenceOptions,
): Raw | undefined {
  const terms = [pod.spec.affinity?.nodeAffinity, addedAffinity].flatMap(
    (affinity) => affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [],
  );
  if (terms.length === 0) return undefined;
  const sums = feasible.map((node) =>
    terms.reduce(
      (sum, { preference, weight }) => sum + (termHolds(preference, node) ? weight : 0),
      0,
    ),
  );
  const most = Math.max(0, ...sums);
  return sums.map((sum) => (most === 0 ? 0 : Math.floor((sum * 100) / most)));
}

function imageScores(
  pod: Pod,
  feasible: readonly Node[],
  { nodes }: ReferenceCluster,
): Raw | undefined {
  const tagged = (name: string): string => (name.includes(":") ? name : `${name}:latest`);
  const sizeOn = (node: Node, image: string): number | undefined =>
    node.status?.images?.find(({ names }) => names.some((name) => tagged(name) === tagged(image)))
      ?.sizeBytes;
  const images = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(
    ({ image }) => image,
  );
  if (!images.some((image) => nodes.some((node) => sizeOn(node, image) !== undefined)))
    return undefined;
  return feasible.map((node) => {
    let sum = 0;
    for (const image of images) {
      const holders = nodes.filter((other) => sizeOn(other, image) !== undefined).length;
      sum += Math.floor((sizeOn(node, image) ?? 0) * (holders / nodes.length));
    }
    const largest = 1000 * MI * images.length;
    const bounded = Math.max(23 * MI, Math.min(sum, largest));
    return Math.floor((100 * (bounded - 23 * MI)) / (largest - 23 * MI));
  });
}

function spreadScores(
  pod: Pod,
  feasible: readonly Node[],
  cluster: ReferenceCluster,
  { isSystemDefaulted = true }: ReferenceOptions,
): Raw | undefined {
  const soft = softConstraints(pod, cluster, isSystemDefaulted);
  if (soft.length === 0) return undefined;
  const mustHaveAll = (pod.spec.topologySpreadConstraints ?? []).length > 0;
  const keys = mustHaveAll ? soft.map(({ rule }) => rule.topologyKey) : [];
  const isIgnored = (node: Node): boolean =>
    !keys.every((key) => node.metadata.labels?.[key] !== undefined);
  const scored = feasible.filter((node) => !isIgnored(node));
  const raw = feasible.map((node) => {
    if (isIgnored(node)) return undefined;
    let score = 0;
    for (const constraint of soft) {
      const { topologyKey, maxSkew } = constraint.rule;
      const value = node.metadata.labels?.[topologyKey];
      if (value === undefined) continue;
      const isHost = topologyKey === HOSTNAME;
      const size = isHost
        ? scored.length
        : new Set(scored.map(({ metadata }) => metadata.labels?.[topologyKey] ?? "")).size;
      const count = isHost
        ? countOn(node, constraint.selects, pod, cluster)
        : (countSpread(constraint, pod, keys, cluster).get(value) ?? 0);
      score += count * Math.log(size + 2) + (maxSkew - 1);
    }
    return Math.round(score);
  });
  const known = raw.filter((score) => score !== undefined);
  const [least, most] = [Math.min(...known), Math.max(0, ...known)];
  return raw.map((score) => {
    if (score === undefined) return 0;
    return most === 0 ? 100 : Math.floor((100 * (most + least - score)) / most);
  });
}

function interPodScores(
  pod: Pod,
  feasible: readonly Node[],
  cluster: ReferenceCluster,
): Raw | undefined {
  const sums = feasible.map((node) => {
    let sum = 0;
    for (const other of cluster.placed) {
      const host = cluster.nodes.find(({ metadata }) => metadata.name === other.spec.nodeName);
      if (host === undefined) continue;
      for (const { key, weight } of preferences(pod, other, cluster)) {
        const value = node.metadata.labels?.[key];
        if (value !== undefined && host.metadata.labels?.[key] === value) sum += weight;
      }
    }
    return sum;
  });
  const isAsked =
    cluster.placed.some(
      (other) => cluster.nodes.length > 0 && preferences(pod, other, cluster).length > 0,
    ) || preferredTerms(pod).length > 0;
  if (!isAsked) return undefined;
  const [least, most] = [Math.min(...sums), Math.max(...sums)];
  return sums.map((sum) => (most > least ? Math.trunc(100 * ((sum - least) / (most - least))) : 0));
}

function preferredTerms(
  pod: Pod,
): readonly { readonly term: PodAffinityTerm; readonly weight: number }[] {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  return [
    ...(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ podAffinityTerm, weight }) => ({ term: podAffinityTerm, weight }),
    ),
    ...(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ podAffinityTerm, weight }) => ({ term: podAffinityTerm, weight: -weight }),
    ),
  ];
}

/** What having `other` near is worth to `pod`, both ways. */
function preferences(
  pod: Pod,
  other: Pod,
  cluster: ReferenceCluster,
): readonly { readonly key: string; readonly weight: number }[] {
  const ours = preferredTerms(pod).filter(({ term }) => chooses(term, pod, other, cluster));
  const theirs = [
    ...preferredTerms(other),
    ...requiredTerms(other, "podAffinity").map((term) => ({ term, weight: 1 })),
  ].filter(({ term }) => chooses(term, other, pod, cluster));
  return [...ours, ...theirs].map(({ term, weight }) => ({ key: term.topologyKey, weight }));
}
