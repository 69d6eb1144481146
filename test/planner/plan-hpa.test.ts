import { describe, expect, test } from "vitest";
import type {
  Deployment,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HorizontalPodAutoscalerStatus,
  MetricSpec,
  Pod,
} from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import type { Plan } from "../../src/model/plan.ts";
import { planApply } from "../../src/planner/check-manifests.ts";
import type { CustomMetrics, Metrics } from "../../src/planner/hpa-metrics.ts";
import { planObject, wakeKeys } from "../../src/planner/plan-object.ts";
import { planAutoscaler } from "../../src/planner/plan-hpa.ts";
import type { World } from "../../src/planner/world.ts";
import {
  at,
  container,
  deployment,
  NOW,
  pod,
  podSpec,
  replicaSet,
  seconds,
} from "../support/builders.ts";
import { eventsIn, statusIn, worldOf } from "../support/world.ts";

const CPU = (percent: number): MetricSpec => ({
  type: "Resource",
  resource: { name: "cpu", target: { type: "Utilization", averageUtilization: percent } },
});

function autoscaler(
  spec: Partial<HorizontalPodAutoscalerSpec> = {},
  status?: Partial<HorizontalPodAutoscalerStatus>,
): HorizontalPodAutoscaler {
  const made: HorizontalPodAutoscaler = {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "web", namespace: "shop", uid: "uid-hpa", generation: 1 },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
      minReplicas: 1,
      maxReplicas: 20,
      metrics: [CPU(50)],
      ...spec,
    },
  };
  return status === undefined ? made : { ...made, status: { desiredReplicas: 0, ...status } };
}

const SET = replicaSet(
  {},
  {
    ownerReferences: [
      { apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "uid-web", controller: true },
    ],
  },
);

/** What a pod uses, in thousandths of a core; `null`: nobody measured it. */
type Load =
  | number
  | null
  | { readonly milli: number | null; readonly pod: Partial<Parameters<typeof pod>[0]> };

interface Scene {
  readonly loads: readonly Load[];
  readonly hpa?: HorizontalPodAutoscaler;
  readonly replicas?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly custom?: CustomMetrics;
  readonly now?: number;
}

const REQUESTS = { requests: { cpu: "100m", memory: "100Mi" } };

function scene({
  loads,
  hpa = autoscaler(),
  replicas = loads.length,
  labels,
  custom,
  now = NOW,
}: Scene): {
  readonly world: World;
  readonly hpa: HorizontalPodAutoscaler;
} {
  const usage = new Map<string, number>();
  const pods = loads.map((load, index): Pod => {
    const name = `web-${index}`;
    const {
      milli,
      pod: fields,
    }: { readonly milli: number | null; readonly pod: Partial<Parameters<typeof pod>[0]> } =
      typeof load === "object" && load !== null ? load : { milli: load, pod: {} };
    if (milli !== null) usage.set(name, milli);
    const spec = podSpec({ containers: [container({ resources: REQUESTS })] });
    const made = pod({ name, owner: SET, created: -3600, ready: -3600, spec, ...fields });
    return {
      ...made,
      status: { phase: "Running", startTime: at(fields.created ?? -3600), ...made.status },
    };
  });
  const metrics: Metrics = {
    podUsage: (namespace, name) => {
      const milli = usage.get(name);
      const owner = pods.find(({ metadata }) => metadata.name === name);
      if (milli === undefined || namespace !== "shop") return undefined;
      const uid = owner?.metadata.uid ?? "";
      const containers = [{ name: "app", cpuNanocores: milli * 1e6, memoryBytes: milli * 2 ** 20 }];
      return { namespace, name, uid, containers, at: now, windowMs: 15_000 };
    },
    custom,
  };
  const target = deployment({ replicas }, labels === undefined ? {} : { labels });
  const sim = worldOf([hpa, target, SET, ...pods], now);
  const world: World = {
    now,
    metrics,
    get: (ref) => sim.get(ref),
    list: (apiVersion, kind, namespace) => sim.list(apiVersion, kind, namespace),
    ownedBy: (uid) => sim.ownedBy(uid),
  };
  return { world, hpa };
}

function plan(given: Scene): Plan {
  const { world, hpa } = scene(given);
  return planAutoscaler(world, hpa);
}

/** The replicas that a plan sets; `undefined` when it leaves them. */
function replicasIn({ steps }: Plan): number | undefined {
  const step = steps.find(({ kind }) => kind === "update");
  return step?.kind === "update" ? (step.object as Deployment).spec.replicas : undefined;
}

const conditionsIn = (planned: Plan): readonly string[] =>
  (
    (statusIn(planned)?.["conditions"] ?? []) as { type: string; status: string; reason: string }[]
  ).map(({ type, status, reason }) => `${type} ${status} ${reason}`);
const STEADY = { behavior: { scaleDown: { stabilizationWindowSeconds: 0 } } };
const unready = { ready: null } as const;

describe("planAutoscaler()", () => {
  test.for<{ readonly name: string; readonly given: Scene; readonly replicas: number | undefined }>(
    [
      { name: "on target: nothing", given: { loads: [50, 50] }, replicas: undefined },
      {
        name: "55 % of 50 %: within a tenth, nothing",
        given: { loads: [55, 55] },
        replicas: undefined,
      },
      { name: "56 % of 50 %: up", given: { loads: [56, 56] }, replicas: 3 },
      { name: "twice the target: twice the pods", given: { loads: [100, 100, 100] }, replicas: 6 },
      {
        name: "45 % of 50 %: within a tenth, nothing",
        given: { loads: [45, 45, 45, 45], hpa: autoscaler(STEADY) },
        replicas: undefined,
      },
      {
        name: "half the target: half the pods",
        given: { loads: [25, 25, 25, 25], hpa: autoscaler(STEADY) },
        replicas: 2,
      },
      {
        name: "no load: the least",
        given: { loads: [0, 0, 0], hpa: autoscaler({ ...STEADY, minReplicas: 2 }) },
        replicas: 2,
      },
      {
        name: "far above: as many as may be",
        given: { loads: [900, 900], hpa: autoscaler({ maxReplicas: 5 }) },
        replicas: 5,
      },
      {
        name: "far above: no faster than four, or twice as many, in 15 s",
        given: { loads: [900] },
        replicas: 5,
      },
      {
        name: "above the most: down to it at once",
        given: { loads: [100, 100, 100], hpa: autoscaler({ maxReplicas: 2 }) },
        replicas: 2,
      },
      {
        name: "below the least: up to it at once",
        given: { loads: [0], hpa: autoscaler({ minReplicas: 3 }) },
        replicas: 3,
      },
      {
        name: "no replicas: somebody switched it off",
        given: { loads: [], replicas: 0 },
        replicas: undefined,
      },
      {
        name: "one is not measured, load is high: it counts as idle",
        given: { loads: [100, 100, null] },
        replicas: 4,
      },
      {
        name: "one is not measured, load is low: it counts as busy",
        given: { loads: [10, 10, null], hpa: autoscaler(STEADY) },
        replicas: undefined,
      },
      {
        name: "one starts, load is high: it counts as idle",
        given: { loads: [80, 80, { milli: null, pod: { phase: "Pending" } }] },
        replicas: undefined,
      },
      {
        name: "one is not Ready, load is low: it counts for nothing",
        given: {
          loads: [20, 20, { milli: 400, pod: { ...unready, created: -10 } }],
          hpa: autoscaler(STEADY),
          replicas: 3,
        },
        replicas: 1,
      },
      {
        name: "one ends: it counts for nothing",
        given: { loads: [100, { milli: 100, pod: { terminating: true } }], replicas: 1 },
        replicas: 2,
      },
      { name: "nobody is measured: nothing", given: { loads: [null, null] }, replicas: undefined },
      {
        name: "the metric that asks for most wins",
        given: {
          loads: [50, 50],
          hpa: autoscaler({
            metrics: [
              CPU(50),
              {
                type: "Resource",
                resource: {
                  name: "memory",
                  target: { type: "AverageValue", averageValue: "20Mi" },
                },
              },
            ],
          }),
        },
        replicas: 5,
      },
      {
        name: "one container alone",
        given: {
          loads: [100],
          hpa: autoscaler({
            metrics: [
              {
                type: "ContainerResource",
                containerResource: {
                  name: "cpu",
                  container: "app",
                  target: { type: "Utilization", averageUtilization: 50 },
                },
              },
            ],
          }),
        },
        replicas: 2,
      },
    ],
  )("$name", ({ given, replicas }) => {
    expect(replicasIn(plan(given))).toBe(replicas);
  });

  test("says what it did, and why", () => {
    const planned = plan({ loads: [100, 100] });
    expect(eventsIn(planned)).toEqual([
      "Normal SuccessfulRescale: New size: 4; reason: cpu resource utilization (percentage of request) above target",
    ]);
    expect(conditionsIn(planned)).toEqual([
      "AbleToScale True SucceededRescale",
      "ScalingActive True ValidMetricFound",
      "ScalingLimited False DesiredWithinRange",
    ]);
    expect(statusIn(planned)).toMatchObject({
      observedGeneration: 1,
      lastScaleTime: at(0),
      currentReplicas: 2,
      desiredReplicas: 4,
      currentMetrics: [
        {
          type: "Resource",
          resource: { name: "cpu", current: { averageUtilization: 100, averageValue: "100m" } },
        },
      ],
      history: { wishes: [{ at: at(0), replicas: 4 }], changes: [{ at: at(0), by: 2 }] },
    });
    expect(planned.lookAgainAt).toBe(NOW + seconds(15));
  });

  test("planning again when all is as it should be changes nothing", () => {
    const first = plan({ loads: [50, 50] });
    const status = statusIn(first) as unknown as HorizontalPodAutoscalerStatus;
    const hpa: HorizontalPodAutoscaler = { ...autoscaler(), status };
    expect(plan({ loads: [50, 50], hpa, now: NOW + 60_000 }).steps).toEqual([]);
  });

  test.for<{ readonly name: string; readonly given: Scene; readonly says: readonly string[] }>([
    {
      name: "the target is not there",
      given: {
        loads: [],
        hpa: autoscaler({ scaleTargetRef: { kind: "StatefulSet", name: "db" } }),
      },
      says: ["AbleToScale False FailedGetScale"],
    },
    {
      name: "the target cannot be scaled",
      given: { loads: [], hpa: autoscaler({ scaleTargetRef: { kind: "DaemonSet", name: "web" } }) },
      says: ["AbleToScale False FailedGetScale"],
    },
    {
      name: "the target was switched off",
      given: { loads: [], replicas: 0 },
      says: ["AbleToScale True SucceededGetScale", "ScalingActive False ScalingDisabled"],
    },
    {
      name: "no metrics",
      given: { loads: [null] },
      says: ["AbleToScale True SucceededGetScale", "ScalingActive False FailedGetResourceMetric"],
    },
    {
      name: "as many as may be",
      given: { loads: [900, 900], hpa: autoscaler({ maxReplicas: 3 }) },
      says: [
        "AbleToScale True SucceededRescale",
        "ScalingActive True ValidMetricFound",
        "ScalingLimited True TooManyReplicas",
      ],
    },
    {
      name: "no fewer may be",
      given: { loads: [0, 0], hpa: autoscaler({ ...STEADY, minReplicas: 2 }) },
      says: [
        "AbleToScale True ReadyForNewScale",
        "ScalingActive True ValidMetricFound",
        "ScalingLimited True TooFewReplicas",
      ],
    },
    {
      name: "it was busy just now",
      given: {
        loads: [0, 0, 0, 0],
        hpa: autoscaler({}, { history: { wishes: [{ at: at(-400), replicas: 4 }] } }),
      },
      says: [
        "AbleToScale True ScaleDownStabilized",
        "ScalingActive True ValidMetricFound",
        "ScalingLimited False DesiredWithinRange",
      ],
    },
    ...(
      [
        [
          "Pods",
          {
            pods: { metric: { name: "rps" }, target: { type: "AverageValue", averageValue: "1" } },
          },
          "FailedGetPodsMetric",
        ],
        [
          "Object",
          {
            object: {
              describedObject: { kind: "Service", name: "web" },
              metric: { name: "rps" },
              target: { type: "Value", value: "1" },
            },
          },
          "FailedGetObjectMetric",
        ],
        [
          "External",
          { external: { metric: { name: "rps" }, target: { type: "Value", value: "1" } } },
          "FailedGetExternalMetric",
        ],
      ] as const
    ).map(([type, source, reason]) => ({
      name: `${type} metrics that nobody serves`,
      given: { loads: [50], hpa: autoscaler({ metrics: [{ type, ...source }] }) },
      says: ["AbleToScale True SucceededGetScale", `ScalingActive False ${reason}`],
    })),
  ])("says in its conditions: $name", ({ given, says }) => {
    expect(conditionsIn(plan(given))).toEqual(says);
  });

  test("without a request there is no share of it", () => {
    const spec = podSpec({ containers: [container()] });
    const planned = plan({ loads: [{ milli: 50, pod: { spec } }] });
    expect(eventsIn(planned)[0]).toBe(
      "Warning FailedGetResourceMetric: failed to get cpu utilization: missing request for cpu in container app of Pod web-0",
    );
  });

  describe("with metrics of others", () => {
    const custom: CustomMetrics = {
      podMetric: (_, pods) =>
        new Map(pods.map((name) => [name, { milli: 3000, at: NOW, windowMs: 15_000 }])),
      objectMetric: () => 6000,
      externalMetric: () => [4000, 8000],
    };
    test.for<{ readonly name: string; readonly metric: MetricSpec; readonly replicas: number }>([
      {
        name: "pods: 3 each, 1 wanted",
        metric: {
          type: "Pods",
          pods: { metric: { name: "rps" }, target: { type: "AverageValue", averageValue: "1" } },
        },
        replicas: 6,
      },
      {
        name: "object: 6, 2 wanted",
        metric: {
          type: "Object",
          object: {
            describedObject: { kind: "Service", name: "web" },
            metric: { name: "rps" },
            target: { type: "Value", value: "2" },
          },
        },
        replicas: 6,
      },
      {
        name: "object: 6, 2 for each pod",
        metric: {
          type: "Object",
          object: {
            describedObject: { kind: "Service", name: "web" },
            metric: { name: "rps" },
            target: { type: "AverageValue", averageValue: "2" },
          },
        },
        replicas: 3,
      },
      {
        name: "external: 12 in all, 3 for each pod",
        metric: {
          type: "External",
          external: {
            metric: { name: "rps" },
            target: { type: "AverageValue", averageValue: "3" },
          },
        },
        replicas: 4,
      },
      {
        name: "external: 12 in all, 6 wanted",
        metric: {
          type: "External",
          external: { metric: { name: "rps" }, target: { type: "Value", value: "6" } },
        },
        replicas: 4,
      },
    ])("$name", ({ metric, replicas }) => {
      const planned = plan({ loads: [0, 0], custom, hpa: autoscaler({ metrics: [metric] }) });
      expect(replicasIn(planned)).toBe(replicas);
    });

    test("while one metric is not known, the others may only ask for more", () => {
      const unknown: MetricSpec = {
        type: "External",
        external: { metric: { name: "rps" }, target: { type: "Value", value: "1" } },
      };
      const hpa = autoscaler({ ...STEADY, metrics: [unknown, CPU(50)] });
      expect(replicasIn(plan({ loads: [0, 0], hpa }))).toBeUndefined();
      expect(replicasIn(plan({ loads: [100, 100], hpa }))).toBe(4);
    });
  });

  describe("with a behavior", () => {
    test.for<{
      readonly name: string;
      readonly loads: readonly number[];
      readonly spec: HorizontalPodAutoscalerSpec["behavior"];
      readonly changes?: readonly { readonly at: string; readonly by: number }[];
      readonly wishes?: readonly { readonly at: string; readonly replicas: number }[];
      readonly replicas: number | undefined;
    }>([
      {
        name: "up by one pod at most",
        loads: [900, 900],
        spec: { scaleUp: { policies: [{ type: "Pods", value: 1, periodSeconds: 60 }] } },
        replicas: 3,
      },
      {
        name: "one was added in this minute: none",
        loads: [900, 900],
        spec: { scaleUp: { policies: [{ type: "Pods", value: 1, periodSeconds: 60 }] } },
        changes: [{ at: at(-59), by: 1 }],
        replicas: undefined,
      },
      {
        name: "one was added a minute ago: one more",
        loads: [900, 900],
        spec: { scaleUp: { policies: [{ type: "Pods", value: 1, periodSeconds: 60 }] } },
        changes: [{ at: at(-60), by: 1 }],
        replicas: 3,
      },
      {
        name: "the policy that allows least",
        loads: [900, 900, 900, 900],
        spec: {
          scaleUp: {
            selectPolicy: "Min",
            policies: [
              { type: "Pods", value: 1, periodSeconds: 60 },
              { type: "Percent", value: 100, periodSeconds: 60 },
            ],
          },
        },
        replicas: 5,
      },
      {
        name: "the policy that allows most",
        loads: [900, 900, 900, 900],
        spec: {
          scaleUp: {
            policies: [
              { type: "Pods", value: 1, periodSeconds: 60 },
              { type: "Percent", value: 100, periodSeconds: 60 },
            ],
          },
        },
        replicas: 8,
      },
      {
        name: "a tenth of ten rounds to one, not two",
        loads: Array.from({ length: 10 }, () => 900),
        spec: { scaleUp: { policies: [{ type: "Percent", value: 10, periodSeconds: 60 }] } },
        replicas: 11,
      },
      {
        name: "never up",
        loads: [900],
        spec: { scaleUp: { selectPolicy: "Disabled" } },
        replicas: undefined,
      },
      {
        name: "never down",
        loads: [0, 0],
        spec: { scaleDown: { selectPolicy: "Disabled", stabilizationWindowSeconds: 0 } },
        replicas: undefined,
      },
      {
        name: "down by one at most",
        loads: [0, 0, 0, 0],
        spec: {
          scaleDown: {
            stabilizationWindowSeconds: 0,
            policies: [{ type: "Pods", value: 1, periodSeconds: 60 }],
          },
        },
        replicas: 3,
      },
      {
        name: "down by a quarter at most",
        loads: Array.from({ length: 8 }, () => 0),
        spec: {
          scaleDown: {
            stabilizationWindowSeconds: 0,
            policies: [{ type: "Percent", value: 25, periodSeconds: 60 }],
          },
        },
        replicas: 6,
      },
      {
        name: "up only after it was wished for a minute",
        loads: [100, 100],
        spec: { scaleUp: { stabilizationWindowSeconds: 60 } },
        wishes: [
          { at: at(-90), replicas: 2 },
          { at: at(-30), replicas: 4 },
        ],
        replicas: undefined,
      },
      {
        name: "up to the lowest wish of the last minute",
        loads: [150, 150],
        spec: { scaleUp: { stabilizationWindowSeconds: 60 } },
        wishes: [
          { at: at(-90), replicas: 4 },
          { at: at(-30), replicas: 6 },
        ],
        replicas: 4,
      },
      {
        name: "down only to the highest wish of its window",
        loads: [0, 0, 0, 0, 0],
        spec: { scaleDown: { stabilizationWindowSeconds: 60 } },
        wishes: [
          { at: at(-90), replicas: 5 },
          { at: at(-70), replicas: 3 },
          { at: at(-20), replicas: 1 },
        ],
        replicas: 3,
      },
      {
        name: "down when its window has passed",
        loads: [0, 0, 0],
        spec: { scaleDown: { stabilizationWindowSeconds: 60 } },
        wishes: [
          { at: at(-90), replicas: 3 },
          { at: at(-60), replicas: 1 },
        ],
        replicas: 1,
      },
      {
        name: "a tolerance of its own",
        loads: [55, 55],
        spec: { scaleUp: { tolerance: "50m" } },
        replicas: 3,
      },
    ])("$name", ({ loads, spec, changes = [], wishes = [], replicas }) => {
      const hpa = autoscaler({ behavior: spec ?? {} }, { history: { changes, wishes } });
      expect(replicasIn(plan({ loads, hpa }))).toBe(replicas);
    });
  });
});

describe("the replicas of an autoscaled Deployment", () => {
  const labels = { "berth.dev/app": "root" };
  const KEPT = "berth.dev/declared-replicas";
  const options = { app: "root", serviceCidr: "10.96.0.0/16", reservedIps: [] };
  const declared = (object: ApiObject) => ({
    object,
    hash: "x",
    at: { file: "web.yaml", line: 1, column: 1 },
  });

  test("Git's number is kept beside the autoscaler's", () => {
    const step = plan({ loads: [100, 100], labels }).steps.find(({ kind }) => kind === "update");
    expect(step).toMatchObject({
      object: { spec: { replicas: 4 }, metadata: { annotations: { [KEPT]: "2" } } },
    });
  });

  test("a manifest does not set them back", () => {
    const world = worldOf([autoscaler(), deployment({ replicas: 7 }, { labels })]);
    const { steps } = planApply(world, [declared(deployment({ replicas: 3 }))], options);
    expect(steps).toMatchObject([
      {
        kind: "update",
        object: { spec: { replicas: 7 }, metadata: { annotations: { [KEPT]: "3" } } },
      },
    ]);
  });

  test("nor when the autoscaler comes with it", () => {
    const world = worldOf([deployment({ replicas: 7 }, { labels })]);
    const both = [declared(deployment({ replicas: 3 })), declared(autoscaler())];
    expect(planApply(world, both, options).steps).toMatchObject([
      { object: { spec: { replicas: 7 } } },
      { kind: "create" },
    ]);
  });

  test("without an autoscaler it does", () => {
    const world = worldOf([deployment({ replicas: 7 }, { labels })]);
    expect(planApply(world, [declared(deployment({ replicas: 3 }))], options).steps).toMatchObject([
      { object: { spec: { replicas: 3 } } },
    ]);
  });

  test("Git's number comes back when the autoscaler goes", () => {
    const target = deployment({ replicas: 7 }, { labels, annotations: { [KEPT]: "3", a: "b" } });
    const ref = { apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name: "web" };
    const world = worldOf([target]);
    expect(wakeKeys(world, autoscaler())).toContain("apps/v1/Deployment/shop/web");
    const [step, ...more] = planObject(world, ref).steps;
    expect(more).toEqual([]);
    expect(step).toMatchObject({
      kind: "update",
      object: { spec: { replicas: 3 }, metadata: { annotations: { a: "b" } } },
    });
    expect((step as { object: ApiObject }).object.metadata.annotations).not.toHaveProperty([KEPT]);
    const scaled = planObject(worldOf([target, autoscaler()]), ref).steps;
    expect(scaled.some((item) => item.kind === "update" && item.reason === "Declared")).toBe(false);
  });
});
