import fc from "fast-check";
import type {
  Container,
  LabelSelector,
  Node,
  Pod,
  PodAffinityTerm,
  PodSpec,
  TopologySpreadConstraint,
} from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { container, namespace, node, pod, replicaSet, service } from "../support/builders.ts";

/*
 * Small worlds in which everything meets everything: few nodes, few labels, few names, so that rules collide.
 */

const ZONE = "topology.kubernetes.io/zone";
const HOSTNAME = "kubernetes.io/hostname";
const MI = 1024 * 1024;

const maybe = <T>(value: fc.Arbitrary<T>, weight = 1): fc.Arbitrary<T | undefined> =>
  fc.oneof({ arbitrary: fc.constant(undefined), weight: 2 }, { arbitrary: value, weight });

const often = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>, weight = 6): fc.Arbitrary<T> =>
  fc.oneof({ arbitrary: usual, weight }, { arbitrary: rare, weight: 1 });

const selector: fc.Arbitrary<LabelSelector> = fc.constantFrom<LabelSelector>(
  { matchLabels: { app: "a" } },
  { matchLabels: { app: "b" } },
  { matchExpressions: [{ key: "app", operator: "Exists" }] },
  { matchExpressions: [{ key: "tier", operator: "NotIn", values: ["x"] }] },
  {},
);
const topologyKey = fc.constantFrom(ZONE, HOSTNAME, "rack");

export const nodeNames: fc.Arbitrary<string> = fc.constantFrom("n1", "n2", "n3", "n4", "n5", "n6");

export const nodes: fc.Arbitrary<Node> = fc
  .record({
    name: nodeNames,
    cpu: often(fc.constantFrom("4", "8"), fc.constantFrom("1", "0")),
    memory: fc.constantFrom("2Gi", "4Gi"),
    pods: often(fc.constantFrom("110", "20"), fc.constantFrom("2")),
    gpu: maybe(fc.constantFrom("1", "2")),
    zone: maybe(fc.constantFrom("z1", "z2", "z3"), 6),
    rack: maybe(fc.constantFrom("r1", "r2", "r3"), 3),
    hasHostname: often(fc.constant(true), fc.constant(false)),
    size: maybe(fc.constantFrom("3", "12")),
    arch: maybe(fc.constantFrom("amd64", "arm64")),
    unschedulable: often(fc.constant(false), fc.constant(true), 12),
    ready: often(fc.constant("True" as const), fc.constant("Unknown" as const), 12),
    taints: fc.uniqueArray(
      fc.record({
        key: fc.constantFrom("k", "k", "l"),
        effect: fc.constantFrom(
          "NoSchedule" as const,
          "PreferNoSchedule" as const,
          "PreferNoSchedule" as const,
          "PreferNoSchedule" as const,
          "PreferNoSchedule" as const,
          "NoExecute" as const,
        ),
      }),
      { maxLength: 2, selector: ({ key, effect }) => key + effect },
    ),
    image: maybe(
      fc.record({
        name: fc.constantFrom("app:v1", "side:latest"),
        size: fc.constantFrom(100, 900),
      }),
    ),
  })
  .map((fields): Node => {
    const made = node({
      name: fields.name,
      cpu: fields.cpu,
      memory: fields.memory,
      pods: fields.pods,
      ready: fields.ready,
      spec: {
        ...(fields.unschedulable ? { unschedulable: true } : {}),
        ...(fields.taints.length > 0 ? { taints: fields.taints } : {}),
      },
    });
    const labels: Record<string, string> = fields.hasHostname ? { [HOSTNAME]: fields.name } : {};
    for (const [key, value] of [
      [ZONE, fields.zone],
      ["rack", fields.rack],
      ["size", fields.size],
      ["kubernetes.io/arch", fields.arch],
    ] as const)
      if (value !== undefined) labels[key] = value;
    const allocatable = {
      ...made.status?.allocatable,
      ...(fields.gpu === undefined ? {} : { "example.com/gpu": fields.gpu }),
    };
    return {
      ...made,
      metadata: { ...made.metadata, labels },
      status: {
        ...made.status,
        allocatable,
        ...(fields.image === undefined
          ? {}
          : { images: [{ names: [fields.image.name], sizeBytes: fields.image.size * MI }] }),
      },
    };
  });

const term: fc.Arbitrary<PodAffinityTerm> = fc
  .record({
    topologyKey,
    labelSelector: maybe(selector, 12),
    namespaces: maybe(fc.constantFrom(["one"], ["one", "two"])),
    namespaceSelector: maybe(fc.constantFrom<LabelSelector>({}, { matchLabels: { team: "t" } })),
    matchLabelKeys: maybe(fc.constantFrom(["tier"])),
    mismatchLabelKeys: maybe(fc.constantFrom(["rev"])),
  })
  .map(defined);

const terms = fc.array(term, { minLength: 1, maxLength: 2 });
const weighted = fc.array(
  fc.record({ podAffinityTerm: term, weight: fc.constantFrom(1, 10, 100) }),
  { minLength: 1, maxLength: 2 },
);

const podAffinity = fc
  .record({
    requiredDuringSchedulingIgnoredDuringExecution: maybe(terms),
    preferredDuringSchedulingIgnoredDuringExecution: maybe(weighted),
  })
  .map(defined);

const nodeTerm = fc.constantFrom(
  { matchExpressions: [{ key: ZONE, operator: "In" as const, values: ["z1", "z2"] }] },
  { matchExpressions: [{ key: "size", operator: "Gt" as const, values: ["5"] }] },
  { matchExpressions: [{ key: "size", operator: "Lt" as const, values: ["12"] }] },
  { matchExpressions: [{ key: "rack", operator: "NotIn" as const, values: ["r1"] }] },
  { matchExpressions: [{ key: "rack", operator: "DoesNotExist" as const }] },
  { matchFields: [{ key: "metadata.name", operator: "In" as const, values: ["n1", "n2"] }] },
  {},
);

const nodeAffinity = fc
  .record({
    requiredDuringSchedulingIgnoredDuringExecution: maybe(
      fc
        .array(nodeTerm, { minLength: 1, maxLength: 2 })
        .map((items) => ({ nodeSelectorTerms: items })),
    ),
    preferredDuringSchedulingIgnoredDuringExecution: maybe(
      fc.array(fc.record({ preference: nodeTerm, weight: fc.constantFrom(1, 7) }), {
        minLength: 1,
        maxLength: 2,
      }),
    ),
  })
  .map(defined);

const constraint: fc.Arbitrary<TopologySpreadConstraint> = fc
  .record({
    topologyKey,
    maxSkew: fc.constantFrom(1, 2),
    whenUnsatisfiable: fc.constantFrom("DoNotSchedule" as const, "ScheduleAnyway" as const),
    labelSelector: maybe(selector, 9),
    minDomains: maybe(fc.constantFrom(2, 3)),
    nodeAffinityPolicy: maybe(fc.constantFrom("Honor" as const, "Ignore" as const)),
    nodeTaintsPolicy: maybe(fc.constantFrom("Honor" as const, "Ignore" as const)),
    matchLabelKeys: maybe(fc.constantFrom(["rev"])),
  })
  .map(defined);

const containers: fc.Arbitrary<Container> = fc
  .record({
    cpu: maybe(fc.constantFrom("100m", "500m", "1"), 3),
    memory: maybe(fc.constantFrom("100Mi", "1Gi")),
    gpu: often(fc.constant(undefined), fc.constant("1"), 12),
    limit: maybe(fc.constantFrom("200m")),
    port: maybe(
      fc.record({
        hostPort: fc.constantFrom(80, 81),
        hostIP: maybe(fc.constantFrom("10.0.0.1", "10.0.0.2")),
        protocol: fc.constantFrom("TCP" as const, "UDP" as const),
      }),
    ),
    image: fc.constantFrom("app:v1", "side"),
  })
  .map(({ cpu, memory, gpu, limit, port, image }): Container => {
    const requests = defined({ cpu, memory, "example.com/gpu": gpu });
    return container({
      image,
      resources: { requests, ...(limit === undefined ? {} : { limits: { cpu: limit } }) },
      ...(port === undefined ? {} : { ports: [{ containerPort: 8080, ...defined(port) }] }),
    });
  });

export const podNames: fc.Arbitrary<string> = fc.constantFrom(
  "p1",
  "p2",
  "p3",
  "p4",
  "p5",
  "p6",
  "p7",
  "p8",
);

/** Each pod has few features, so that most pods fit somewhere. */
export const pods: fc.Arbitrary<Pod> = fc
  .record({
    name: podNames,
    namespace: fc.constantFrom("one", "two"),
    app: maybe(fc.constantFrom("a", "b"), 8),
    tier: maybe(fc.constantFrom("x", "y")),
    rev: maybe(fc.constantFrom("1", "2")),
    owner: maybe(fc.constantFrom("rs-a", "rs-b")),
    terminating: fc.constantFrom(false, false, false, true),
    platforms: often(
      fc.constant(undefined),
      fc.constantFrom("linux/amd64", "linux/arm64,linux/s390x"),
    ),
    main: containers,
    init: maybe(fc.tuple(containers, fc.boolean())),
    feature: fc.constantFrom("none", "affinity", "anti", "spread", "node", "both", "taint"),
    podAffinity,
    podAntiAffinity: podAffinity,
    nodeAffinity,
    spread: fc.array(constraint, { minLength: 1, maxLength: 2 }),
    overhead: maybe(fc.constantFrom({ cpu: "50m" })),
    hostNetwork: maybe(fc.constant(true)),
  })
  .map((fields): Pod => {
    const { feature, init } = fields;
    const labels = defined({ app: fields.app, tier: fields.tier, rev: fields.rev });
    const affinity = defined({
      podAffinity: ["affinity", "both"].includes(feature) ? fields.podAffinity : undefined,
      podAntiAffinity: ["anti", "both"].includes(feature) ? fields.podAntiAffinity : undefined,
      nodeAffinity: ["node", "both"].includes(feature) ? fields.nodeAffinity : undefined,
    });
    const sidecar: Partial<Container> = init?.[1] === true ? { restartPolicy: "Always" } : {};
    const spec: Partial<PodSpec> = {
      containers: [fields.main],
      ...(init === undefined ? {} : { initContainers: [{ ...init[0], ...sidecar }] }),
      ...(Object.keys(affinity).length > 0 ? { affinity } : {}),
      ...(feature === "spread" || feature === "both"
        ? { topologySpreadConstraints: fields.spread }
        : {}),
      ...(feature === "taint" ? { tolerations: [{ key: "k", operator: "Exists" }] } : {}),
      ...(fields.overhead === undefined ? {} : { overhead: fields.overhead }),
      ...(fields.hostNetwork === true && feature === "none" ? { hostNetwork: true } : {}),
    };
    return pod({
      name: fields.name,
      namespace: fields.namespace,
      labels,
      node: "",
      phase: "Pending",
      terminating: fields.terminating,
      ...(fields.platforms === undefined
        ? {}
        : { annotations: { "berth.dev/image-platforms": fields.platforms } }),
      ...(fields.owner === undefined
        ? {}
        : { owner: replicaSet({}, { name: fields.owner, uid: fields.owner }) }),
      spec,
    });
  });

/** Services and ReplicaSets of the two namespaces. */
export const selectors: fc.Arbitrary<ApiObject> = fc.oneof(
  fc
    .record({
      name: fc.constantFrom("s1", "s2"),
      namespace: fc.constantFrom("one", "two"),
      selector: fc.constantFrom({ app: "a" }, { tier: "x" }, { app: "b", tier: "y" }, {}),
    })
    .map(({ name, namespace, selector }): ApiObject =>
      service({ selector }, { name, namespace, uid: `uid-${namespace}-${name}` }),
    ),
  fc
    .record({
      name: fc.constantFrom("rs-a", "rs-b"),
      selector: fc.constantFrom({ app: "a" }, { rev: "1" }),
    })
    .map(({ name, selector }): ApiObject =>
      replicaSet({ selector: { matchLabels: selector } }, { name, namespace: "one", uid: name }),
    ),
);

export const namespaces: fc.Arbitrary<ReturnType<typeof namespace>> = fc
  .tuple(fc.constantFrom("one", "two"), fc.constantFrom<Record<string, string>>({}, { team: "t" }))
  .map(([name, labels]) => {
    const made = namespace(name);
    return { ...made, metadata: { ...made.metadata, labels } };
  });

function defined<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
