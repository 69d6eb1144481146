import { describe, expect, test } from "vitest";
import type { LimitRange, Pod, PodSpec, PriorityClass } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { admitPod } from "../../src/planner/admit-pod.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { container, NOW, pod } from "../support/builders.ts";

function range(...limits: LimitRange["spec"]["limits"]): LimitRange {
  const metadata = { name: "limits", namespace: "shop" };
  return { apiVersion: "v1", kind: "LimitRange", metadata, spec: { limits } };
}

function priorityClass(
  name: string,
  value: number,
  more: Partial<PriorityClass> = {},
): PriorityClass {
  return {
    apiVersion: "scheduling.k8s.io/v1",
    kind: "PriorityClass",
    metadata: { name },
    value,
    preemptionPolicy: "PreemptLowerPriority",
    ...more,
  };
}

function account(name: string): ApiObject {
  return { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: "shop" } };
}

type Amounts = Readonly<Record<string, string>>;

/** A pod with one container, "app". */
function asking(requests?: Amounts, limits?: Amounts): Pod {
  const resources = {
    ...(requests === undefined ? {} : { requests }),
    ...(limits === undefined ? {} : { limits }),
  };
  return pod({ name: "p", spec: { containers: [container({ resources })] } });
}

function admit(given: Pod, ...objects: ApiObject[]): string | Pod {
  const verdict = admitPod(new SimWorld(objects, NOW), given);
  return verdict.kind === "admitted" ? verdict.object : verdict.why;
}

function specOf(given: Pod, ...objects: ApiObject[]): PodSpec {
  const admitted = admit(given, ...objects);
  if (typeof admitted === "string") throw new Error(admitted);
  return admitted.spec;
}

describe("admitPod(): what every pod gets", () => {
  test("an account, a priority, and patience with nodes that do not answer", () => {
    expect(specOf(pod({ name: "p" }))).toMatchObject({
      serviceAccountName: "default",
      priority: 0,
      preemptionPolicy: "PreemptLowerPriority",
      tolerations: [
        {
          key: "node.kubernetes.io/not-ready",
          operator: "Exists",
          effect: "NoExecute",
          tolerationSeconds: 300,
        },
        {
          key: "node.kubernetes.io/unreachable",
          operator: "Exists",
          effect: "NoExecute",
          tolerationSeconds: 300,
        },
      ],
    });
  });

  test("admitting twice changes nothing more", () => {
    const objects = [range({ type: "Container", default: { cpu: "1" } }), priorityClass("p", 5)];
    const once = admit(pod({ name: "p", spec: { priorityClassName: "p" } }), ...objects);
    expect(typeof once === "string" ? once : admit(once, ...objects)).toEqual(once);
  });

  test.for([
    {
      says: "one of the two",
      own: [{ key: "node.kubernetes.io/not-ready", effect: "NoExecute" }],
      more: 1,
    },
    { says: "everything", own: [{ operator: "Exists" }], more: 0 },
    { says: "something else", own: [{ key: "gpu", operator: "Exists" }], more: 2 },
    {
      says: "only not being placed there",
      own: [{ key: "node.kubernetes.io/not-ready", effect: "NoSchedule" }],
      more: 2,
    },
  ] as const)("a pod that tolerates $says gets $more more", ({ own, more }) => {
    const { tolerations } = specOf(pod({ name: "p", spec: { tolerations: own } }));
    expect(tolerations).toHaveLength(own.length + more);
  });
});

describe("admitPod(): service accounts", () => {
  const named = pod({ name: "p", spec: { serviceAccountName: "builder" } });

  test("a named one must be there", () => {
    expect(admit(named)).toBe(
      'error looking up service account shop/builder: serviceaccount "builder" not found',
    );
    expect(specOf(named, account("builder")).serviceAccountName).toBe("builder");
  });

  test("one of another namespace is not", () => {
    const elsewhere = { ...account("builder"), metadata: { name: "builder", namespace: "other" } };
    expect(admit(named, elsewhere)).toContain("not found");
  });
});

describe("admitPod(): priorities", () => {
  const named = (priorityClassName: string, more: Partial<PodSpec> = {}): Pod =>
    pod({ name: "p", spec: { priorityClassName, ...more } });

  test("come from the class that is named", () => {
    const high = priorityClass("high", 1000, { preemptionPolicy: "Never" });
    expect(specOf(named("high"), high)).toMatchObject({
      priority: 1000,
      preemptionPolicy: "Never",
    });
    expect(specOf(named("system-node-critical")).priority).toBe(2_000_001_000);
    expect(admit(named("low"), high)).toBe("no PriorityClass with name low was found");
  });

  test("else from the lowest of those that are the default", () => {
    const classes = [
      priorityClass("a", 50, { globalDefault: true }),
      priorityClass("b", 20, { globalDefault: true }),
      priorityClass("c", 1),
    ];
    expect(specOf(pod({ name: "p" }), ...classes)).toMatchObject({
      priority: 20,
      priorityClassName: "b",
    });
  });

  test("a number that says otherwise is refused", () => {
    const high = priorityClass("high", 1000);
    expect(admit(named("high", { priority: 7 }), high)).toContain("computed 1000");
    expect(specOf(named("high", { priority: 1000 }), high).priority).toBe(1000);
  });
});

describe("admitPod(): defaults of limit ranges", () => {
  const cases: readonly {
    readonly name: string;
    readonly item: Omit<LimitRange["spec"]["limits"][number], "type">;
    readonly pod: Pod;
    readonly requests: Amounts | undefined;
    readonly limits: Amounts | undefined;
  }[] = [
    {
      name: "a default limit is the default request too",
      item: { default: { cpu: "500m" } },
      pod: asking(),
      requests: { cpu: "500m" },
      limits: { cpu: "500m" },
    },
    {
      name: "both may differ",
      item: { default: { memory: "1Gi" }, defaultRequest: { memory: "256Mi" } },
      pod: asking(),
      requests: { memory: "256Mi" },
      limits: { memory: "1Gi" },
    },
    {
      name: "what the container states stays",
      item: { default: { cpu: "500m" } },
      pod: asking({ cpu: "100m" }, { cpu: "200m" }),
      requests: { cpu: "100m" },
      limits: { cpu: "200m" },
    },
    {
      name: "an upper bound is the default limit",
      item: { max: { cpu: "2" } },
      pod: asking(),
      requests: { cpu: "2" },
      limits: { cpu: "2" },
    },
    {
      name: "a lower bound is the default request",
      item: { min: { cpu: "50m" } },
      pod: asking(),
      requests: { cpu: "50m" },
      limits: undefined,
    },
    {
      name: "a limit of its own is its request before any default",
      item: { defaultRequest: { cpu: "50m" } },
      pod: asking(undefined, { cpu: "100m" }),
      requests: { cpu: "100m" },
      limits: { cpu: "100m" },
    },
  ];
  test.for(cases)("$name", ({ item, pod: given, requests, limits }) => {
    const [first] = specOf(given, range({ type: "Container", ...item })).containers;
    expect(first?.resources?.requests).toEqual(requests);
    expect(first?.resources?.limits).toEqual(limits);
  });

  test("a request above the limit that it is given is refused", () => {
    expect(admit(asking({ cpu: "2" }), range({ type: "Container", default: { cpu: "1" } }))).toBe(
      "container app requests cpu=2: must be less than or equal to cpu limit of 1",
    );
  });
});

describe("admitPod(): bounds of limit ranges", () => {
  type Item = LimitRange["spec"]["limits"][number];
  const two = pod({
    name: "p",
    spec: {
      containers: [
        container({ resources: { limits: { cpu: "1" }, requests: { cpu: "1" } } }),
        container({ name: "b", resources: { limits: { cpu: "1500m" }, requests: { cpu: "1" } } }),
      ],
    },
  });
  const cases: readonly {
    readonly item: Item;
    readonly pod: Pod;
    readonly why: string | undefined;
  }[] = [
    {
      item: { type: "Container", max: { cpu: "1" } },
      pod: asking({ cpu: "1" }, { cpu: "1" }),
      why: undefined,
    },
    {
      item: { type: "Container", max: { cpu: "1" } },
      pod: asking({ cpu: "1" }, { cpu: "1001m" }),
      why: "maximum cpu usage per Container is 1, but limit is 1001m",
    },
    {
      item: { type: "Container", min: { memory: "64Mi" } },
      pod: asking({ memory: "63Mi" }),
      why: "minimum memory usage per Container is 64Mi, but request is 63Mi",
    },
    {
      item: { type: "Container", maxLimitRequestRatio: { cpu: "2" } },
      pod: asking({ cpu: "100m" }, { cpu: "200m" }),
      why: undefined,
    },
    {
      item: { type: "Container", maxLimitRequestRatio: { cpu: "1500m" } },
      pod: asking({ cpu: "100m" }, { cpu: "200m" }),
      why: "cpu max limit to request ratio per Container is 1500m, but provided ratio is 2.000000",
    },
    {
      item: { type: "Container", maxLimitRequestRatio: { cpu: "2" } },
      pod: asking(),
      why: "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0",
    },
    { item: { type: "Pod", max: { cpu: "2500m" } }, pod: two, why: undefined },
    {
      item: { type: "Pod", max: { cpu: "2" } },
      pod: two,
      why: "maximum cpu usage per Pod is 2, but limit is 2500m",
    },
    {
      item: { type: "Pod", max: { memory: "1Gi" } },
      pod: two,
      why: "maximum memory usage per Pod is 1Gi.  No limit is specified",
    },
    {
      item: { type: "Pod", min: { cpu: "3" } },
      pod: two,
      why: "minimum cpu usage per Pod is 3, but request is 2",
    },
    { item: { type: "PersistentVolumeClaim", max: { storage: "1" } }, pod: two, why: undefined },
    {
      item: { type: "Container", min: { cpu: "1" }, max: { memory: "1Mi" } },
      pod: asking({ cpu: "1m", memory: "1Mi" }, { memory: "2Mi" }),
      why: "[minimum cpu usage per Container is 1, but request is 1m, maximum memory usage per Container is 1Mi, but limit is 2Mi]",
    },
  ];
  test.for(cases)("$item.type $why", ({ item, pod: given, why }) => {
    const verdict = admit(given, range(item));
    expect(typeof verdict === "string" ? verdict : undefined).toBe(why);
  });

  test("ranges of other namespaces do not count", () => {
    const elsewhere = range({ type: "Container", max: { cpu: "1m" } });
    const metadata = { name: "limits", namespace: "other" };
    expect(
      admit(asking({ cpu: "1" }, { cpu: "1" }), { ...elsewhere, metadata } as ApiObject),
    ).toBeTypeOf("object");
  });
});
