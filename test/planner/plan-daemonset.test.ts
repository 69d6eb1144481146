import { describe, expect, test } from "vitest";
import type {
  ControllerRevision,
  DaemonSet,
  DaemonSetSpec,
  Node,
  Pod,
  PodSpec,
} from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { daemonTolerations, judgeNode } from "../../src/planner/daemonset-nodes.ts";
import { FAILURES_ANNOTATION } from "../../src/planner/daemonset-pods.ts";
import { planDaemonSet } from "../../src/planner/plan-daemonset.ts";
import { at, namespace, node, NOW, pod, seconds, template } from "../support/builders.ts";
import { daemonSet, madeRevision } from "../support/set-builders.ts";
import { eventsIn, render, statusIn, worldOf } from "../support/world.ts";

type Version = "v1" | "v2";
type State =
  | "ready"
  | "fresh"
  | "starting"
  | "unplaced"
  | "failed"
  | "succeeded"
  | "ending"
  | "failed-ending";

interface Held {
  readonly node: string;
  readonly version?: Version;
  readonly state?: State;
  readonly failures?: number;
  /** Seconds from NOW. */
  readonly created?: number;
}

interface World {
  readonly spec?: Partial<DaemonSetSpec>;
  readonly to?: Version;
  readonly nodes?: readonly Node[];
  readonly pods?: readonly Held[];
  readonly more?: readonly ApiObject[];
}

const base = daemonSet();

function revisionOf(version: Version): ControllerRevision {
  const set = daemonSet({ template: template(version) });
  const made = madeRevision(planDaemonSet(worldOf([set]), set));
  if (made === undefined) throw new Error("no revision is made");
  const number = version === "v1" ? 1 : 2;
  return { ...made, metadata: { ...made.metadata, uid: `uid-${version}` }, revision: number };
}

const HASHES = {
  v1: revisionOf("v1").metadata.labels?.["controller-revision-hash"] ?? "",
  v2: revisionOf("v2").metadata.labels?.["controller-revision-hash"] ?? "",
};

const pin = (name: string): Partial<PodSpec> => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [
          { matchFields: [{ key: "metadata.name", operator: "In", values: [name] }] },
        ],
      },
    },
  },
});

/** Named for its node and version: `a-v1`. */
function heldPod({ node: name, version = "v1", state = "ready", failures, created }: Held): Pod {
  const phase =
    state === "failed" || state === "failed-ending"
      ? "Failed"
      : state === "succeeded"
        ? "Succeeded"
        : state === "unplaced"
          ? "Pending"
          : "Running";
  return pod({
    name: `${name}-${version}`,
    owner: base,
    labels: { app: "web", "controller-revision-hash": HASHES[version] },
    node: state === "unplaced" ? "" : name,
    spec: pin(name),
    phase,
    ready: state === "ready" || state === "ending" ? -60 : state === "fresh" ? -5 : null,
    terminating: state === "ending" || state === "failed-ending",
    ...(created === undefined ? {} : { created }),
    ...(failures === undefined ? {} : { annotations: { [FAILURES_ANNOTATION]: String(failures) } }),
  });
}

const ABC = ["a", "b", "c"].map((name) => node({ name }));

function build(fields: World): { readonly objects: readonly ApiObject[]; readonly set: DaemonSet } {
  const set = daemonSet({ template: template(fields.to ?? "v1"), ...fields.spec });
  const revisions = fields.to === "v2" ? [revisionOf("v1"), revisionOf("v2")] : [revisionOf("v1")];
  const { nodes = ABC, pods = [], more = [] } = fields;
  return { objects: [set, ...nodes, ...revisions, ...pods.map(heldPod), ...more], set };
}

/** The changes of a plan; pods that are made by their node and image. */
function changes(fields: World): readonly string[] {
  const { objects, set } = build(fields);
  return planDaemonSet(worldOf(objects), set).steps.flatMap((step) => {
    if (step.kind === "event" || step.kind === "update-status") return [];
    if (step.kind !== "create" || step.object.kind !== "Pod") return render({ steps: [step] });
    const { spec } = step.object as Pod;
    const terms =
      spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
        ?.nodeSelectorTerms;
    return [
      `create on ${terms?.[0]?.matchFields?.[0]?.values?.join()} of ${spec.containers[0]?.image}`,
    ];
  });
}

const onAll = (version: Version, state: State = "ready"): readonly Held[] =>
  ["a", "b", "c"].map((name) => ({ node: name, version, state }));
const rolling = (maxUnavailable: number | string, maxSurge: number | string = 0) => ({
  updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable, maxSurge } } as const,
});
const end = (name: string, reason: string): string => `delete Pod shop/${name} (${reason})`;
const taint = (
  effect: "NoSchedule" | "NoExecute" | "PreferNoSchedule",
  key = "dedicated",
): Node["spec"] => ({
  taints: [{ key, effect }],
});

interface Case extends World {
  readonly name: string;
  readonly changes: readonly string[];
}

const CASES: readonly Case[] = [
  {
    name: "a pod on each node",
    changes: ["a", "b", "c"].map((name) => `create on ${name} of app:v1`),
  },
  { name: "all as declared: nothing", pods: onAll("v1"), changes: [] },
  {
    name: "only nodes that the selector chooses",
    spec: { template: template("v1", { nodeSelector: { disk: "ssd" } }) },
    nodes: [node({ name: "a" }), node({ name: "b", labels: { disk: "ssd" } })],
    changes: ["create ControllerRevision", "create on b of app:v1"],
  },
  {
    name: "a node that stops matching loses its pod",
    spec: { template: template("v1", { nodeSelector: { disk: "ssd" } }) },
    nodes: [node({ name: "a" })],
    pods: [{ node: "a" }],
    changes: ["create ControllerRevision", end("a-v1", "NodeNotEligible")],
  },
  {
    name: "a tainted node gets none",
    nodes: [node({ name: "a", spec: taint("NoSchedule") })],
    changes: [],
  },
  {
    name: "but keeps the one it has",
    nodes: [node({ name: "a", spec: taint("NoSchedule") })],
    pods: [{ node: "a" }],
    changes: [],
  },
  {
    name: "unless the taint says NoExecute",
    nodes: [node({ name: "a", spec: taint("NoExecute") })],
    pods: [{ node: "a" }],
    changes: [end("a-v1", "NodeNotEligible")],
  },
  {
    name: "a taint that only prefers is none",
    nodes: [node({ name: "a", spec: taint("PreferNoSchedule") })],
    changes: ["create on a of app:v1"],
  },
  {
    name: "a cordoned, silent or loaded node gets one",
    nodes: [
      node({ name: "a", spec: taint("NoSchedule", "node.kubernetes.io/unschedulable") }),
      node({ name: "b", spec: taint("NoExecute", "node.kubernetes.io/unreachable") }),
      node({ name: "c", spec: taint("NoSchedule", "node.kubernetes.io/disk-pressure") }),
    ],
    changes: ["a", "b", "c"].map((name) => `create on ${name} of app:v1`),
  },
  {
    name: "a pod that is ending holds its node",
    pods: [{ node: "a", state: "ending" }, { node: "b" }, { node: "c" }],
    changes: [],
  },
  {
    name: "one that has ended and is on its way out does not",
    pods: [{ node: "a", state: "failed-ending" }, { node: "b" }, { node: "c" }],
    changes: ["create on a of app:v1"],
  },
  {
    name: "a failed pod is replaced",
    pods: [{ node: "a", state: "failed" }, { node: "b" }, { node: "c" }],
    changes: [end("a-v1", "FinishedPod"), "create on a of app:v1"],
  },
  {
    name: "but not at once when others failed before it",
    pods: [{ node: "a", state: "failed", failures: 3, created: -3 }, { node: "b" }, { node: "c" }],
    changes: [],
  },
  {
    name: "when the back-off is over it is",
    pods: [{ node: "a", state: "failed", failures: 3, created: -4 }, { node: "b" }, { node: "c" }],
    changes: [end("a-v1", "FinishedPod"), "create on a of app:v1"],
  },
  {
    name: "the back-off has an end",
    pods: [
      { node: "a", state: "failed", failures: 40, created: -900 },
      { node: "b" },
      { node: "c" },
    ],
    changes: [end("a-v1", "FinishedPod"), "create on a of app:v1"],
  },
  {
    name: "one that succeeded is replaced at once",
    pods: [
      { node: "a", state: "succeeded", failures: 9, created: 0 },
      { node: "b" },
      { node: "c" },
    ],
    changes: [end("a-v1", "FinishedPod"), "create on a of app:v1"],
  },
  {
    name: "of two on a node the younger goes",
    pods: [...onAll("v1"), { node: "a", version: "v2", created: -5 }],
    changes: [end("a-v2", "SurplusReplica")],
  },
  {
    name: "one that is not placed goes before one that is",
    pods: [...onAll("v1"), { node: "a", version: "v2", state: "unplaced", created: -500 }],
    changes: [end("a-v2", "SurplusReplica")],
  },
  {
    name: "a pod for a node that is gone goes, if it never got there",
    nodes: [],
    pods: [{ node: "a", state: "unplaced" }, { node: "b" }],
    changes: [end("a-v1", "NodeNotEligible")],
  },
  {
    name: "new template: one node at a time",
    to: "v2",
    pods: onAll("v1"),
    changes: [end("a-v1", "RolloutStep")],
  },
  {
    name: "as many as may be missing",
    to: "v2",
    spec: rolling(2),
    pods: onAll("v1"),
    changes: [end("a-v1", "RolloutStep"), end("b-v1", "RolloutStep")],
  },
  {
    name: "a share of the nodes, rounded up",
    to: "v2",
    spec: rolling("34%"),
    pods: onAll("v1"),
    changes: [end("a-v1", "RolloutStep"), end("b-v1", "RolloutStep")],
  },
  {
    name: "while a node waits, the others stay",
    to: "v2",
    pods: [{ node: "a", version: "v2", state: "starting" }, { node: "b" }, { node: "c" }],
    changes: [],
  },
  {
    name: "Ready is not enough with minReadySeconds",
    to: "v2",
    spec: { minReadySeconds: 10 },
    pods: [{ node: "a", version: "v2", state: "fresh" }, { node: "b" }, { node: "c" }],
    changes: [],
  },
  {
    name: "an old pod that serves nobody goes at once",
    to: "v2",
    pods: [
      { node: "a", version: "v2", state: "starting" },
      { node: "b", state: "starting" },
      { node: "c" },
    ],
    changes: [end("b-v1", "RolloutStep")],
  },
  {
    name: "and counts as missing",
    to: "v2",
    spec: rolling(1),
    pods: [{ node: "a", version: "v2" }, { node: "b", state: "starting" }, { node: "c" }],
    changes: [end("b-v1", "RolloutStep")],
  },
  {
    name: "a node whose old pod is ending is missing too",
    to: "v2",
    pods: [{ node: "a", state: "ending" }, { node: "b" }, { node: "c" }],
    changes: [],
  },
  {
    name: "neither missing nor surge: one may be missing",
    to: "v2",
    spec: rolling(0, 0),
    pods: onAll("v1"),
    changes: [end("a-v1", "RolloutStep")],
  },
  {
    name: "OnDelete replaces nothing",
    to: "v2",
    spec: { updateStrategy: { type: "OnDelete" } },
    pods: onAll("v1"),
    changes: [],
  },
  {
    name: "OnDelete: a node without a pod gets a new one",
    to: "v2",
    spec: { updateStrategy: { type: "OnDelete" } },
    pods: [{ node: "a" }, { node: "b" }],
    changes: ["create on c of app:v2"],
  },
  {
    name: "the roll-out waits until each node has a pod",
    to: "v2",
    pods: [{ node: "a" }, { node: "b" }],
    changes: ["create on c of app:v2"],
  },
  {
    name: "surge: a new pod beside the old one",
    to: "v2",
    spec: rolling(0, 1),
    pods: onAll("v1"),
    changes: ["create on a of app:v2"],
  },
  {
    name: "surge: both stay while the new one starts",
    to: "v2",
    spec: rolling(0, 1),
    pods: [...onAll("v1"), { node: "a", version: "v2", state: "starting" }],
    changes: [],
  },
  {
    name: "surge: the old one goes once the new one serves",
    to: "v2",
    spec: rolling(0, 1),
    pods: [...onAll("v1"), { node: "a", version: "v2", created: -5 }],
    changes: [end("a-v1", "SurplusReplica")],
  },
  {
    name: "surge: an old one that is ill goes as soon as there is a new one",
    to: "v2",
    spec: rolling(0, 1),
    pods: [
      { node: "a", state: "starting" },
      { node: "a", version: "v2", state: "starting", created: -5 },
      { node: "b" },
      { node: "c" },
    ],
    changes: [end("a-v1", "SurplusReplica")],
  },
  {
    name: "surge: an ill one is replaced beyond the limit",
    to: "v2",
    spec: rolling(0, 1),
    pods: [
      { node: "a" },
      { node: "a", version: "v2", state: "starting", created: -5 },
      { node: "b", state: "starting" },
      { node: "c" },
    ],
    changes: ["create on b of app:v2"],
  },
  {
    name: "surge: on a node that takes no new pod the old one goes only when enough others serve",
    to: "v2",
    spec: rolling(0, 1),
    nodes: [node({ name: "a", spec: taint("NoSchedule") }), node({ name: "b" })],
    pods: [{ node: "a" }, { node: "b", version: "v2" }],
    changes: [end("a-v1", "RolloutStep")],
  },
  {
    name: "surge: and stays while they do not",
    to: "v2",
    spec: rolling(0, 1),
    nodes: [node({ name: "a", spec: taint("NoSchedule") }), node({ name: "b" })],
    pods: [{ node: "a" }, { node: "b", version: "v2", state: "starting" }],
    changes: [],
  },
  {
    name: "nothing is made in a namespace that is being emptied",
    more: [namespace("shop", "Terminating")],
    changes: [],
  },
  {
    name: "a stray pod is adopted",
    pods: [{ node: "a" }, { node: "b" }],
    more: [
      pod({
        name: "c-v1",
        node: "c",
        labels: { app: "web", "controller-revision-hash": HASHES.v1 },
      }),
    ],
    changes: ["update Pod shop/c-v1 (Adopt)"],
  },
  {
    name: "one that its selector no longer chooses is released",
    nodes: [],
    more: [pod({ name: "x", owner: base, labels: {} })],
    changes: ["update Pod shop/x (Release)"],
  },
  {
    name: "history beyond the limit goes, but nothing in use",
    to: "v2",
    spec: { revisionHistoryLimit: 0 },
    nodes: [],
    pods: [],
    changes: ["delete ControllerRevision (HistoryLimit)"],
  },
];

/** Leaves out the names of revisions. */
const short = (line: string): string =>
  line.replace(
    /^(create|delete) ControllerRevision \S+( \(NewRevision\))?/,
    "$1 ControllerRevision",
  );

describe("planDaemonSet()", () => {
  test.for(CASES)("$name", (row) => {
    expect(changes(row).map(short)).toEqual(row.changes);
  });

  test("a set that is being deleted, or that would choose everything, is left alone", () => {
    const going = daemonSet({}, { deletionTimestamp: at(0) });
    const all = daemonSet({ selector: {} });
    expect(planDaemonSet(worldOf([going, ...ABC]), going).steps).toEqual([]);
    expect(planDaemonSet(worldOf([all, ...ABC]), all).steps).toEqual([]);
  });

  test("a pod is pinned to its node, in place of what the template requires, and bears its taints", () => {
    const preference = {
      weight: 1,
      preference: { matchExpressions: [{ key: "x", operator: "Exists" as const }] },
    };
    const nodeAffinity = {
      preferredDuringSchedulingIgnoredDuringExecution: [preference],
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [
          { matchExpressions: [{ key: "zone", operator: "In" as const, values: ["z"] }] },
        ],
      },
    };
    const set = daemonSet({ template: template("v1", { affinity: { nodeAffinity } }) });
    const { steps } = planDaemonSet(
      worldOf([set, node({ name: "a", labels: { zone: "z" } })]),
      set,
    );
    const made = steps
      .flatMap((step) => (step.kind === "create" ? [step.object] : []))
      .at(-1) as Pod;
    expect(made.metadata.labels).toMatchObject({
      app: "web",
      "controller-revision-hash": expect.any(String),
    });
    expect(made.spec.affinity?.nodeAffinity).toEqual({
      preferredDuringSchedulingIgnoredDuringExecution: [preference],
      ...pin("a").affinity?.nodeAffinity,
    });
    expect(made.spec.tolerations).toHaveLength(6);
  });

  test("failures in a row are counted on the pods themselves, and forgiven after half an hour", () => {
    const after = (failures: number, created: number): string | undefined => {
      const { objects, set } = build({
        nodes: [node({ name: "a" })],
        pods: [{ node: "a", state: "failed", failures, created }],
      });
      const steps = planDaemonSet(worldOf(objects), set).steps;
      const made = steps.flatMap((step) => (step.kind === "create" ? [step.object] : []))[0];
      return made?.metadata.annotations?.[FAILURES_ANNOTATION];
    };
    expect(after(0, -1)).toBe("1");
    expect(after(2, -100)).toBe("3");
    expect(after(9, -1801)).toBe("1");
  });

  test("looks again when the back-off is over, or a pod will have been Ready for long enough", () => {
    const waiting = build({
      pods: [
        { node: "a", state: "failed", failures: 4, created: -3 },
        { node: "b" },
        { node: "c" },
      ],
    });
    expect(planDaemonSet(worldOf(waiting.objects), waiting.set).lookAgainAt).toBe(NOW + seconds(5));
    const fresh = build({ spec: { minReadySeconds: 10 }, pods: onAll("v1", "fresh") });
    expect(planDaemonSet(worldOf(fresh.objects), fresh.set).lookAgainAt).toBe(NOW + seconds(5));
  });

  test("says what it does", () => {
    const { objects, set } = build({
      nodes: [node({ name: "a" })],
      pods: [{ node: "a", state: "failed" }],
    });
    const [found, ended, made = ""] = eventsIn(planDaemonSet(worldOf(objects), set));
    expect(found).toBe(
      "Warning FailedDaemonPod: Found failed daemon pod shop/a-v1 on node a, will try to kill it",
    );
    expect(ended).toBe("Normal SuccessfulDelete: Deleted pod: a-v1");
    expect(made).toMatch(/^Normal SuccessfulCreate: Created pod: log-[a-z0-9]{5}$/);
    const done = build({ nodes: [node({ name: "a" })], pods: [{ node: "a", state: "succeeded" }] });
    expect(eventsIn(planDaemonSet(worldOf(done.objects), done.set))[0]).toBe(
      "Normal SucceededDaemonPod: Found succeeded daemon pod shop/a-v1 on node a, will try to delete it",
    );
  });

  test("makes at most a burst at once", () => {
    const set = daemonSet();
    const nodes = Array.from({ length: 400 }, (_, index) => node({ name: `n${index}` }));
    const { steps } = planDaemonSet(worldOf([set, ...nodes]), set);
    expect(steps.filter(({ kind }) => kind === "create")).toHaveLength(251);
    expect(
      new Set(steps.flatMap((step) => (step.kind === "create" ? [step.object.metadata.name] : [])))
        .size,
    ).toBe(251);
  });
});

describe("the status of a DaemonSet", () => {
  const status = (fields: World): unknown => {
    const { objects, set } = build(fields);
    return statusIn(planDaemonSet(worldOf(objects), set));
  };

  test("counts nodes, not pods; with two pods the older one counts", () => {
    const nodes = [...ABC, node({ name: "d" }), node({ name: "e", spec: taint("NoSchedule") })];
    const pods: readonly Held[] = [
      { node: "a", version: "v2" },
      { node: "b" },
      { node: "b", version: "v2", created: -5 },
      { node: "c", state: "starting" },
      { node: "e" },
    ];
    expect(status({ to: "v2", spec: rolling(0, 1), nodes, pods })).toEqual({
      observedGeneration: 1,
      desiredNumberScheduled: 4,
      currentNumberScheduled: 3,
      numberMisscheduled: 1,
      numberReady: 2,
      updatedNumberScheduled: 1,
      numberAvailable: 2,
      numberUnavailable: 2,
    });
  });

  test("what has ended and is on its way out is not counted", () => {
    const pods: readonly Held[] = [{ node: "a", state: "failed-ending" }, { node: "b" }];
    expect(status({ pods })).toMatchObject({ currentNumberScheduled: 1, numberReady: 1 });
  });

  test("Ready is not available before minReadySeconds have passed", () => {
    expect(status({ spec: { minReadySeconds: 10 }, pods: onAll("v1", "fresh") })).toMatchObject({
      numberReady: 3,
      numberUnavailable: 3,
    });
  });

  test("nothing is missing: nothing is said of it", () => {
    expect(status({ pods: onAll("v1") })).not.toHaveProperty("numberUnavailable");
  });
});

describe("daemonTolerations()", () => {
  test("what the template says comes first, and is not said twice", () => {
    const own = {
      key: "node.kubernetes.io/not-ready",
      operator: "Exists",
      effect: "NoExecute",
    } as const;
    const { spec } = template("v1", { tolerations: [own] });
    expect(daemonTolerations(spec)).toHaveLength(6);
    expect(daemonTolerations(spec)[0]).toBe(own);
    const brief = { ...own, tolerationSeconds: 5 };
    expect(daemonTolerations(template("v1", { tolerations: [brief] }).spec)).toHaveLength(7);
  });

  test("the host's network also bears that it is not there yet", () => {
    const { spec } = template("v1", { hostNetwork: true });
    expect(daemonTolerations(spec).at(-1)?.key).toBe("node.kubernetes.io/network-unavailable");
  });
});

describe("judgeNode()", () => {
  test("a template that names a node has that one alone", () => {
    const set = daemonSet({ template: template("v1", { nodeName: "b" }) });
    expect(judgeNode(set, node({ name: "a" }))).toEqual({ shouldRun: false, mayStay: false });
    expect(judgeNode(set, node({ name: "b" }))).toEqual({ shouldRun: true, mayStay: true });
  });

  test("a node need not be Ready", () => {
    expect(judgeNode(daemonSet(), node({ name: "a", ready: "Unknown" })).shouldRun).toBe(true);
  });
});
