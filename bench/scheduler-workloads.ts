import type { Container, Namespace, Node, Pod, PodSpec, Service } from "../src/model/kinds.gen.ts";
import type { StringMap } from "../src/model/meta.ts";

/*
 * kube-scheduler's own workloads: nodes, pods, sizes and thresholds as scheduler_perf has them (test/integration/
 * scheduler_perf of kubernetes/kubernetes), built as objects. A threshold is the floor below which their test fails,
 * with an API server in the loop.
 */

export const ZONE = "topology.kubernetes.io/zone";
const HOSTNAME = "kubernetes.io/hostname";

export interface Workload {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly namespaces?: readonly Namespace[];
  readonly services?: readonly Service[];
  /** Placed before the clock starts. */
  readonly init: readonly Pod[];
  readonly measured: readonly Pod[];
  /** What comes and goes beside. */
  readonly churn?: Churn;
}

/** What comes and goes while pods are placed. */
export interface Churn {
  /** One of each is made, or made anew, after so many measured pods: as often as at kube-scheduler's floor. */
  readonly everyPods: number;
  readonly node?: () => Node;
  readonly pod?: (index: number) => Pod;
  readonly service?: () => Service;
}

export interface WorkloadPlan {
  readonly name: string;
  /** kube-scheduler's floor, pods per second; absent: it has none. */
  readonly threshold?: number;
  /** What is asked of Berth, pods per second. */
  readonly bar?: number;
  readonly make: (nodes: number, scale: number) => Workload;
}

const NODES_WITHOUT_ZONE: readonly string[] = [];
const THREE_ZONES = ["moon-1", "moon-2", "moon-3"];
const ONE_ZONE = ["zone1"];
const SCHED_NAMESPACES = ["sched-1", "sched-0"];

export function makeNodes(count: number, zones: readonly string[] = NODES_WITHOUT_ZONE): Node[] {
  return Array.from({ length: count }, (_, index) => {
    const name = `scheduler-perf-${index}`;
    const zone = zones.length === 0 ? undefined : zones[index % zones.length];
    return node(name, zone === undefined ? {} : { [ZONE]: zone });
  });
}

function node(name: string, labels: StringMap, fields: Partial<Node["spec"]> = {}): Node {
  const capacity = { pods: "110", cpu: "4", memory: "32Gi" };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, uid: `node-${name}`, labels: { [HOSTNAME]: name, ...labels } },
    spec: fields,
    status: {
      capacity,
      allocatable: capacity,
      conditions: [{ type: "Ready", status: "True" }],
    },
  };
}

interface PodTemplate {
  readonly cpu?: string;
  readonly memory?: string;
  readonly labels?: StringMap;
  readonly spec?: Partial<PodSpec>;
}

const SMALL = { cpu: "100m", memory: "500Mi" };

export function makePods(
  count: number,
  prefix: string,
  namespace: string,
  template: PodTemplate = SMALL,
): Pod[] {
  return Array.from({ length: count }, (_, index) =>
    makePod(`${prefix}-${index}`, namespace, template),
  );
}

function makePod(name: string, namespace: string, { cpu, memory, labels, spec }: PodTemplate): Pod {
  const requests = {
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
  };
  const app: Container = {
    name: "pause",
    image: "registry.k8s.io/pause:3.10",
    imagePullPolicy: "IfNotPresent",
    ports: [{ containerPort: 80, protocol: "TCP" }],
    resources: cpu === undefined ? {} : { requests, limits: requests },
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace,
      uid: `uid-${namespace}-${name}`,
      creationTimestamp: "2026-01-02T03:00:00Z",
      ...(labels === undefined ? {} : { labels }),
    },
    spec: {
      containers: [app],
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 30,
      dnsPolicy: "ClusterFirst",
      schedulerName: "default-scheduler",
      ...spec,
    },
    status: { phase: "Pending" },
  };
}

const affine = (
  sort: "podAffinity" | "podAntiAffinity",
  color: string,
  topologyKey: string,
  isRequired: boolean,
): PodTemplate => {
  const term = {
    labelSelector: { matchLabels: { color } },
    topologyKey,
    namespaces: SCHED_NAMESPACES,
  };
  const terms = isRequired
    ? { requiredDuringSchedulingIgnoredDuringExecution: [term] }
    : {
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }],
      };
  return { ...SMALL, labels: { color }, spec: { affinity: { [sort]: terms } } };
};

const spreading = (whenUnsatisfiable: "DoNotSchedule" | "ScheduleAnyway"): PodTemplate => ({
  ...SMALL,
  labels: { color: "blue" },
  spec: {
    topologySpreadConstraints: [
      {
        maxSkew: 5,
        topologyKey: ZONE,
        whenUnsatisfiable,
        labelSelector: { matchLabels: { color: "blue" } },
      },
    ],
  },
});

const IN_ZONE: PodTemplate = {
  ...SMALL,
  spec: {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: ZONE, operator: "In", values: ["zone1", "zone2"] }] },
          ],
        },
      },
    },
  },
};

const ANTI = affine("podAntiAffinity", "green", HOSTNAME, true);
const AFFINITY = affine("podAffinity", "blue", ZONE, true);
const PREFERRED = affine("podAffinity", "red", HOSTNAME, false);
const PREFERRED_ANTI = affine("podAntiAffinity", "yellow", HOSTNAME, false);

/** Pods of one template before, pods of another measured. */
function simple(
  name: string,
  sizes: { readonly init: number; readonly measured: number },
  templates: {
    readonly zones?: readonly string[];
    readonly init?: PodTemplate;
    readonly measured: PodTemplate;
  },
): WorkloadPlan["make"] {
  return (nodes, scale) => ({
    name,
    nodes: makeNodes(nodes, templates.zones),
    init: makePods(sizes.init * scale, "init", "sched-0", templates.init ?? templates.measured),
    measured: makePods(sizes.measured * scale, "pod", "sched-1", templates.measured),
  });
}

function mixed(nodes: number, scale: number): Workload {
  const init = [SMALL, AFFINITY, ANTI, PREFERRED, PREFERRED_ANTI].flatMap((template, index) =>
    makePods(2000 * scale, `init-${index}`, "sched-0", template),
  );
  return {
    name: "MixedSchedulingBasePod",
    nodes: makeNodes(nodes, ONE_ZONE),
    init,
    measured: makePods(5000 * scale, "pod", "sched-1"),
  };
}

function byService(nodes: number, scale: number): Workload {
  const labels = { app: "scheduler-perf" };
  const service: Service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "scheduler-perf", namespace: "sched-1", uid: "service" },
    spec: { selector: labels, ports: [] },
  } as unknown as Service;
  return {
    name: "DefaultTopologySpreading",
    nodes: makeNodes(nodes, THREE_ZONES),
    services: [service],
    init: makePods(5000 * scale, "init", "sched-1"),
    measured: makePods(50_000 * scale, "pod", "sched-1", { labels }),
  };
}

const NEVER_FITS: PodTemplate = { cpu: "9", memory: "500Mi", spec: { priority: 10 } };

function churning(
  name: string,
  sizes: { readonly init: number; readonly measured: number },
  churn: Churn,
): WorkloadPlan["make"] {
  return (nodes, scale) => ({
    name,
    nodes: makeNodes(nodes),
    init: makePods(sizes.init * scale, "init", "sched-0"),
    measured: makePods(sizes.measured * scale, "pod", "sched-1"),
    churn,
  });
}

const neverFitting = (index: number): Pod => makePod(`churn-${index}`, "sched-2", NEVER_FITS);

const MIXED_CHURN: Churn = {
  everyPods: 710,
  node: () => {
    const capacity = { pods: "0", cpu: "4", memory: "32Gi" };
    const made = node("churn-node", {});
    return { ...made, status: { ...made.status, capacity, allocatable: capacity } };
  },
  pod: neverFitting,
  service: () =>
    ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "churn", namespace: "sched-2", uid: "churn-service" },
      spec: { selector: { app: "churn" }, ports: [] },
    }) as unknown as Service,
};

const HIGH: PodTemplate = { cpu: "3000m", memory: "500Mi", spec: { priority: 10 } };
const LOW: PodTemplate = {
  cpu: "900m",
  memory: "500Mi",
  spec: { terminationGracePeriodSeconds: 0 },
};

const PLAIN = { init: 1000, measured: 10_000 };
const EQUAL = { init: 5000, measured: 5000 };

export const WORKLOADS: readonly WorkloadPlan[] = [
  {
    name: "SchedulingBasic 10k",
    threshold: 680,
    bar: 15_000,
    make: simple("SchedulingBasic 10k", PLAIN, { measured: SMALL }),
  },
  {
    name: "SchedulingBasic 50k",
    threshold: 810,
    bar: 15_000,
    make: simple("SchedulingBasic 50k", { init: 5000, measured: 50_000 }, { measured: SMALL }),
  },
  {
    name: "TopologySpreading",
    threshold: 460,
    bar: 8000,
    make: simple("TopologySpreading", EQUAL, {
      zones: THREE_ZONES,
      init: SMALL,
      measured: spreading("DoNotSchedule"),
    }),
  },
  {
    name: "PreferredTopologySpreading",
    threshold: 340,
    bar: 8000,
    make: simple("PreferredTopologySpreading", EQUAL, {
      zones: THREE_ZONES,
      init: SMALL,
      measured: spreading("ScheduleAnyway"),
    }),
  },
  { name: "DefaultTopologySpreading", threshold: 160, make: byService },
  {
    name: "SchedulingPodAntiAffinity",
    threshold: 60,
    bar: 8000,
    make: simple("SchedulingPodAntiAffinity", { init: 1000, measured: 2000 }, { measured: ANTI }),
  },
  {
    name: "SchedulingPodMatchingAntiAffinity",
    threshold: 595,
    bar: 8000,
    make: simple(
      "SchedulingPodMatchingAntiAffinity",
      { init: 1000, measured: 5000 },
      { init: ANTI, measured: { ...SMALL, labels: { color: "green" } } },
    ),
  },
  {
    name: "SchedulingPodAffinity",
    threshold: 35,
    bar: 8000,
    make: simple("SchedulingPodAffinity", EQUAL, { zones: ONE_ZONE, measured: AFFINITY }),
  },
  {
    name: "SchedulingPreferredPodAffinity",
    threshold: 90,
    bar: 4000,
    make: simple("SchedulingPreferredPodAffinity", EQUAL, { measured: PREFERRED }),
  },
  {
    name: "SchedulingPreferredPodAntiAffinity",
    threshold: 90,
    bar: 4000,
    make: simple("SchedulingPreferredPodAntiAffinity", EQUAL, { measured: PREFERRED_ANTI }),
  },
  {
    name: "SchedulingNodeAffinity",
    threshold: 220,
    bar: 10_000,
    make: simple(
      "SchedulingNodeAffinity",
      { init: 5000, measured: 10_000 },
      { zones: ONE_ZONE, measured: IN_ZONE },
    ),
  },
  { name: "MixedSchedulingBasePod", threshold: 140, make: mixed },
  {
    name: "Unschedulable",
    threshold: 590,
    bar: 5000,
    make: churning(
      "Unschedulable",
      { init: 100, measured: 10_000 },
      { everyPods: 118, pod: neverFitting },
    ),
  },
  {
    name: "SchedulingWithMixedChurn",
    threshold: 710,
    bar: 5000,
    make: churning("SchedulingWithMixedChurn", { init: 0, measured: 10_000 }, MIXED_CHURN),
  },
  {
    name: "PreemptionAsync",
    threshold: 570,
    bar: 5000,
    make: (nodes, scale) => ({
      name: "PreemptionAsync",
      nodes: makeNodes(nodes),
      init: makePods(4 * nodes, "init", "sched-0", LOW),
      measured: makePods(5000 * scale, "pod", "sched-1"),
      churn: { everyPods: 114, pod: (index) => makePod(`high-${index}`, "sched-2", HIGH) },
    }),
  },
  {
    name: "PreemptionBasic",
    bar: 500,
    make: (nodes, scale) => ({
      name: "PreemptionBasic",
      nodes: makeNodes(nodes),
      init: makePods(4 * nodes, "init", "sched-0", LOW),
      measured: makePods(nodes * scale, "high", "sched-1", HIGH),
    }),
  },
];
