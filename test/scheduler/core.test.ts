import { describe, expect, test } from "vitest";
import type { Node, Pod } from "../../src/model/kinds.gen.ts";
import {
  newSchedulerCore,
  type CoreOptions,
  type SchedulerCore,
} from "../../src/scheduler/core.ts";
import type { FilterPlugin, ScorePlugin, TopologyPlugin } from "../../src/scheduler/plugin.ts";
import { newProfile } from "../../src/scheduler/profile-plugins.ts";
import {
  leastAllocated,
  mostAllocated,
  requestedToCapacityRatio,
} from "../../src/scheduler/scores-resources.ts";
import type { ScheduleInput } from "../support/schedule.ts";
import { schedule } from "../support/schedule.ts";
import { container, node, NOW, pod, type PodFields } from "../support/builders.ts";
import {
  referencePlace,
  referenceVerdicts,
  type ReferenceCluster,
  type ReferenceOptions,
} from "../support/reference-scheduler.ts";

const wanting = (name: string, cpu: string, fields: Partial<PodFields> = {}): Pod =>
  pod({
    name,
    node: "",
    phase: "Pending",
    ...fields,
    spec: {
      containers: [container({ resources: { requests: { cpu, memory: "1Gi" } } })],
      ...fields.spec,
    },
  });

function coreOf(objects: readonly (Node | Pod)[], options: CoreOptions = {}): SchedulerCore {
  const core = newSchedulerCore(options);
  for (const object of objects) core.upsert(object);
  return core;
}

function where(core: SchedulerCore, item: Pod): string | undefined {
  const placement = core.place(item);
  return placement.kind === "placed" ? placement.node : undefined;
}

const NAMES = ["a", "b", "c", "d", "e", "f", "g", "h"];
const EQUAL_NODES = NAMES.map((name) => node({ name }));

describe("seed", () => {
  const choice = (seed: string, nodes: readonly Node[] = EQUAL_NODES): string | undefined =>
    where(coreOf(nodes, { seed }), wanting("p", "1"));

  test("without one, the first of equal nodes by name", () => {
    expect(choice("")).toBe("a");
  });

  test("the same seed chooses alike, whatever the order of the nodes", () => {
    for (const seed of ["1", "2", "3"])
      expect(choice(seed, EQUAL_NODES.toReversed())).toBe(choice(seed));
  });

  test("seeds choose apart", () => {
    const chosen = new Set(Array.from({ length: 40 }, (_, index) => choice(`seed ${index}`)));
    expect(chosen.size).toBeGreaterThan(5);
  });

  test("the same seed gives the same placement, whatever the order of the input", () => {
    const pods = Array.from({ length: 30 }, (_, index) => wanting(`p${index}`, "300m"));
    const run = (input: Partial<ScheduleInput>): readonly string[] =>
      schedule({
        pods,
        nodes: EQUAL_NODES,
        placed: [],
        now: NOW,
        seed: "s",
        ...input,
      }).bindings.map(({ name, node: on }) => `${name} ${on}`);
    expect(run({ pods: pods.toReversed(), nodes: EQUAL_NODES.toReversed() })).toEqual(run({}));
    expect(run({ seed: "t" })).not.toEqual(run({}));
  });
});

describe("assume() and forget()", () => {
  test("what is assumed counts until it is forgotten", () => {
    const core = coreOf([node({ name: "a", cpu: "2" })]);
    const [first, second] = [wanting("p", "2"), wanting("q", "2")];
    core.assume(first, "a");
    expect(where(core, second)).toBeUndefined();
    core.forget("uid-p");
    expect(where(core, second)).toBe("a");
  });

  test("what is definite is not forgotten", () => {
    const core = coreOf([node({ name: "a", cpu: "2" })]);
    const first = wanting("p", "2");
    core.assume(first, "a");
    const definite: Pod = { ...first, spec: { ...first.spec, nodeName: "a" } };
    core.upsert(definite);
    core.forget("uid-p");
    expect(core.nodeOf("uid-p")).toBe("a");
    expect(where(core, wanting("q", "2"))).toBeUndefined();
  });

  test("an old view of an assumed pod, still without a node, does not take it back", () => {
    const core = coreOf([node({ name: "a", cpu: "2" })]);
    core.assume(wanting("p", "2"), "a");
    core.upsert(wanting("p", "2"));
    expect(core.nodeOf("uid-p")).toBe("a");
  });

  test("pods of a node that was away count when it comes back", () => {
    const core = coreOf([node({ name: "a", cpu: "2" }), pod({ name: "p", node: "a" })]);
    core.assume(wanting("q", "2"), "a");
    core.removeNode("a");
    expect(core.nodeNames()).toEqual([]);
    core.upsert(node({ name: "a", cpu: "3" }));
    expect([...core.podsOn("a")].map(({ metadata }) => metadata.name)).toEqual(["p", "q"]);
    expect(where(core, wanting("r", "2"))).toBeUndefined();
    expect(where(core, wanting("r", "1"))).toBe("a");
  });
});

describe("whatIf()", () => {
  const core = coreOf([node({ name: "a", cpu: "2" }), node({ name: "b", cpu: "1" })]);
  core.assume(wanting("p", "2"), "a");
  const wanted = wanting("q", "2");

  test("answers as if pods were gone or there, and forgets it", () => {
    expect(core.check(wanted, "a")).toEqual({
      filter: "NodeResourcesFit",
      reasons: ["Insufficient cpu"],
      unresolvable: false,
    });
    expect(core.check(wanted, "b")?.unresolvable).toBe(true);
    expect(core.whatIf({ remove: ["uid-p"] }, () => where(core, wanted))).toBe("a");
    const other = wanting("r", "1");
    const both = { remove: ["uid-p"], add: [{ pod: other, node: "a" }] };
    expect(core.whatIf(both, () => where(core, wanted))).toBeUndefined();
    expect(where(core, wanted)).toBeUndefined();
    expect(core.nodeOf("uid-p")).toBe("a");
    expect(core.nodeOf("uid-r")).toBeUndefined();
  });

  test("also when the question throws", () => {
    expect(() =>
      core.whatIf({ remove: ["uid-p"] }, () => {
        throw new Error("asked in vain");
      }),
    ).toThrow("asked in vain");
    expect(core.nodeOf("uid-p")).toBe("a");
  });
});

test("check() of a node that is not there", () => {
  expect(coreOf([]).check(wanting("p", "1"), "x")).toEqual({
    filter: "NodeName",
    reasons: ['node "x" was not found'],
    unresolvable: true,
  });
});

describe("profiles", () => {
  const nodes = [node({ name: "a" }), node({ name: "b" }), node({ name: "c", cpu: "8" })];
  const placed = [pod({ name: "x", node: "b", spec: wanting("x", "2").spec })];

  test.for([
    ["default-scheduler", "c"],
    ["binpack", "b"],
    ["of somebody else", "c"],
  ] as const)("%s chooses %s", ([schedulerName, expected]) => {
    const core = coreOf([...nodes, ...placed.map((item) => on(item, "b"))]);
    expect(where(core, wanting("p", "1", { spec: { schedulerName } }))).toBe(expected);
  });

  function on(item: Pod, name: string): Pod {
    return { ...item, spec: { ...item.spec, nodeName: name } };
  }

  test.for<[string, Parameters<typeof newProfile>[0], ReferenceOptions]>([
    ["packing", { resources: mostAllocated() }, { packs: true }],
    ["spreading", { resources: leastAllocated() }, {}],
    [
      "added affinity",
      {
        addedAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: "disk", operator: "In", values: ["ssd"] }] },
            ],
          },
        },
      },
      {
        addedAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: "disk", operator: "In", values: ["ssd"] }] },
            ],
          },
        },
      },
    ],
    ["no system defaults", { isSystemDefaulted: false }, { isSystemDefaulted: false }],
  ])("%s places as the reference does", ([, options, reference]) => {
    const profiles = new Map([["default-scheduler", newProfile(options)]]);
    const world = [
      node({ name: "a", labels: { disk: "ssd" } }),
      node({ name: "b", cpu: "8", labels: { disk: "ssd" } }),
      node({ name: "c", memory: "16Gi" }),
    ];
    const core = coreOf(world, { profiles });
    const counted: Pod[] = [];
    const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", metadata: { name: "r", uid: "r" } };
    for (let index = 0; index < 12; index += 1) {
      const item = wanting(
        `p${index}`,
        ["100m", "700m", "1"][index % 3] ?? "1",
        index % 2 === 0 ? { owner } : {},
      );
      const cluster: ReferenceCluster = { nodes: world, placed: counted };
      const expected = referencePlace(item, cluster, reference);
      expect(where(core, item)).toBe(expected?.node);
      if (expected === undefined) continue;
      core.assume(item, expected.node);
      counted.push(on(item, expected.node));
    }
    expect(counted.length).toBeGreaterThan(9);
  });

  test.for([
    // cpu and memory taken: a 50 % and 25 %, b 75 % and 37 % after the pod
    [
      [
        { utilization: 0, score: 10 },
        { utilization: 100, score: 0 },
      ],
      [63, 44],
    ],
    [
      [
        { utilization: 0, score: 0 },
        { utilization: 100, score: 10 },
      ],
      [38, 56],
    ],
    [
      [
        { utilization: 40, score: 2 },
        { utilization: 60, score: 8 },
      ],
      [35, 50],
    ],
  ] as const)("requestedToCapacityRatio(%j) gives %j", ([shape, expected]) => {
    const resources = requestedToCapacityRatio(shape);
    const core = coreOf([node({ name: "a" }), node({ name: "b" })], {
      profiles: new Map([["default-scheduler", newProfile({ resources })]]),
    });
    core.assume(wanting("x", "1"), "a");
    core.assume(wanting("y", "2"), "b");
    core.assume(wanting("z", "0"), "b");
    const points = core
      .explain(wanting("p", "1"))
      .map(({ scores }) => scores?.get("NodeResourcesFit"));
    expect(points).toEqual(expected);
  });
});

describe("plugins of a user", () => {
  const NODES = ["a", "b", "c"].map((name) =>
    node({ name, labels: { rank: String(name.charCodeAt(0)), rack: name === "c" ? "2" : "1" } }),
  );
  const withPlugins = (plugins: {
    filters?: readonly FilterPlugin[];
    scores?: readonly ScorePlugin[];
    topologies?: readonly TopologyPlugin[];
  }): SchedulerCore => {
    const profile = newProfile();
    return coreOf(NODES, {
      profiles: new Map([
        [
          "default-scheduler",
          {
            filters: [...profile.filters, ...(plugins.filters ?? [])],
            scores: [...profile.scores, ...(plugins.scores ?? [])],
            topologies: [...profile.topologies, ...(plugins.topologies ?? [])],
          },
        ],
      ]),
    });
  };

  test("a filter of the node, by what the pod's annotation says and by what it knows itself", () => {
    const closed = new Set(["a"]);
    class Maintenance implements FilterPlugin {
      readonly name = "Maintenance";
      readonly dependsOn = "node";
      podKey({ metadata }: Pod): string {
        return metadata.annotations?.["ignore"] ?? "";
      }
      prepare: FilterPlugin["prepare"] = ({ metadata }, { nodes }) =>
        metadata.annotations?.["ignore"] === "yes"
          ? undefined
          : {
              passes: (index) => !closed.has(nodes.nameOf(index)),
              refusal: () => ({ reasons: ["node(s) were closed"], unresolvable: true }),
            };
    }
    const core = withPlugins({ filters: [new Maintenance()] });
    expect(where(core, wanting("p", "1"))).toBe("b");
    expect(where(core, wanting("q", "1", { annotations: { ignore: "yes" } }))).toBe("a");
    expect(core.check(wanting("p", "1"), "a")?.reasons).toEqual(["node(s) were closed"]);
    closed.add("b");
    core.invalidate("b");
    expect(where(core, wanting("p", "1"))).toBe("c");
    closed.clear();
    core.invalidate();
    expect(where(core, wanting("p", "1"))).toBe("a");
  });

  test("a score that is normalized", () => {
    const highestRank: ScorePlugin = {
      name: "HighestRank",
      weight: 1,
      dependsOn: "node",
      prepare: (_pod, { nodes }) => ({
        score: (index) => Number(nodes.labelsOf(index)["rank"]),
        normalize: (raw, lowest, highest) => ((raw - lowest) * 100) / (highest - lowest),
      }),
    };
    const core = withPlugins({ scores: [highestRank] });
    expect(where(core, wanting("p", "1"))).toBe("c");
    const points = core.explain(wanting("p", "1")).map(({ scores }) => scores?.get("HighestRank"));
    expect(points).toEqual([0, 50, 100]);
  });

  test("a rule over counts per domain, by a label that nothing else asks for", () => {
    const onePerRack: TopologyPlugin = {
      name: "OnePerRack",
      weight: 0,
      labelKeys: () => ["one-per-rack"],
      prepare: (_pod, _cluster, kind) =>
        kind.labels["one-per-rack"] === undefined
          ? undefined
          : {
              slots: [
                {
                  id: `one-per-rack ${kind.labels["one-per-rack"]}`,
                  topologyKey: "rack",
                  weigh: ({ labels }) =>
                    labels["one-per-rack"] === kind.labels["one-per-rack"] ? 1 : 0,
                },
              ],
              refusal: ({ counts }) =>
                (counts[0] ?? 0) > 0
                  ? { reasons: ["rack(s) had one already"], unresolvable: false }
                  : undefined,
            },
    };
    const core = withPlugins({ topologies: [onePerRack] });
    const items = ["p", "q", "r"].map((name) =>
      wanting(name, "100m", { labels: { "one-per-rack": "db" } }),
    );
    const chosen = items.map((item) => {
      const name = where(core, item);
      if (name !== undefined) core.assume(item, name);
      return name;
    });
    expect(chosen).toEqual(["a", "c", undefined]);
    expect(where(core, wanting("s", "100m", { labels: { "one-per-rack": "web" } }))).toBe("b");
    const placement = core.place(wanting("t", "1", { labels: { "one-per-rack": "db" } }));
    expect(placement.kind === "refused" ? [...placement.refusals.reasons] : []).toEqual([
      ["rack(s) had one already", 3],
    ]);
  });
});

describe("many nodes", () => {
  const ZONE = "topology.kubernetes.io/zone";
  const world = Array.from({ length: 36 }, (_, index) =>
    node({
      name: `n${index}`,
      cpu: index % 3 === 0 ? "2" : "4",
      labels: { [ZONE]: `z${index % 4}` },
      spec: index % 7 === 0 ? { taints: [{ key: "k", effect: "PreferNoSchedule" }] } : {},
    }),
  );
  const affinity = (
    sort: "podAffinity" | "podAntiAffinity",
    isRequired: boolean,
    topologyKey = "kubernetes.io/hostname",
  ): Partial<PodFields> => {
    const term = {
      topologyKey,
      labelSelector: { matchLabels: { app: "web" } },
    };
    const terms = isRequired
      ? { requiredDuringSchedulingIgnoredDuringExecution: [term] }
      : {
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 5, podAffinityTerm: term }],
        };
    return { spec: { affinity: { [sort]: terms } } };
  };
  const spread = (whenUnsatisfiable: "DoNotSchedule" | "ScheduleAnyway"): Partial<PodFields> => ({
    spec: {
      topologySpreadConstraints: [ZONE, "kubernetes.io/hostname"].map((topologyKey) => ({
        maxSkew: 1,
        topologyKey,
        whenUnsatisfiable,
        labelSelector: { matchLabels: { app: "web" } },
      })),
    },
  });

  test.for<[string, readonly Partial<PodFields>[]]>([
    ["plain pods", [{}]],
    ["required anti-affinity", [affinity("podAntiAffinity", true)]],
    ["preferred anti-affinity", [affinity("podAntiAffinity", false)]],
    ["preferred affinity", [affinity("podAffinity", false)]],
    ["affinity to zones", [affinity("podAffinity", false, ZONE)]],
    ["anti-affinity over zones", [{}, affinity("podAntiAffinity", false, ZONE)]],
    ["required spreading", [spread("DoNotSchedule")]],
    ["preferred spreading", [spread("ScheduleAnyway")]],
    [
      "all in turn",
      [
        {},
        affinity("podAntiAffinity", false),
        spread("ScheduleAnyway"),
        affinity("podAffinity", false),
      ],
    ],
  ])("%s are placed as by a look at every node", ([, templates]) => {
    // Domains looked at one by one, and node by node.
    const cores = [coreOf(world), coreOf(world, { maxNarrowDomains: 0 })];
    const placed: Pod[] = [];
    for (let index = 0; index < 48; index += 1) {
      const item = wanting(`p${index}`, "300m", templates[index % templates.length] ?? {});
      const cluster = { nodes: world, placed };
      const best = referencePlace(item, cluster);
      if (best === undefined) {
        for (const core of cores) expect(core.place(item).kind).toBe("refused");
        continue;
      }
      const { length } = referenceVerdicts(item, cluster).filter(
        ({ total }) => total !== undefined,
      );
      for (const core of cores) {
        expect(core.place(item)).toEqual({
          kind: "placed",
          node: best.node,
          score: best.total,
          feasible: length,
        });
        core.assume(item, best.node);
      }
      placed.push({ ...item, spec: { ...item.spec, nodeName: best.node } });
      // Every fifth time an old one goes.
      const [gone] = index % 5 === 4 ? placed.splice(index % 3, 1) : [];
      for (const core of cores) core.removePod(gone?.metadata.uid ?? "");
    }
    expect(placed.length).toBeGreaterThan(25);
  });
});
