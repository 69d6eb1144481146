import { describe, expect, test } from "vitest";
import type { ApiObject, ObjectMeta } from "../../src/model/meta.ts";
import type { Deployment, DeploymentSpec, Pod, ReplicaSet } from "../../src/model/kinds.gen.ts";
import { planDeployment } from "../../src/planner/plan-deployment.ts";
import type { SimWorld } from "../../src/planner/sim-world.ts";
import { at, deployment, NOW, pod, seconds, template } from "../support/builders.ts";
import { eventsIn, renderChanges, statusIn, worldOf } from "../support/world.ts";

const VERSIONS = ["v1", "v2", "v3"] as const;
type Version = (typeof VERSIONS)[number];

interface SetFields {
  readonly version: Version;
  readonly size: number;
  /** Pods that are available; the rest of `size` is Running but not Ready. */
  readonly available?: number;
  readonly revision?: number;
  readonly annotations?: ObjectMeta["annotations"];
  readonly observed?: number;
  readonly extraPods?: readonly Pod[];
}

/** The Deployment's ReplicaSet of a version, with its pods. Older versions are older. */
function setOf(d: Deployment, fields: SetFields): readonly ApiObject[] {
  const { version, size, available = size } = fields;
  const revision = fields.revision ?? VERSIONS.indexOf(version) + 1;
  const plan = planDeployment(worldOf([]), {
    ...d,
    spec: { ...d.spec, template: template(version), paused: false, strategy: ROLLING },
  });
  const [step] = plan.steps;
  if (step?.kind !== "create") throw new Error("no set is made");
  const made = step.object as ReplicaSet;
  const set: ReplicaSet = {
    ...made,
    metadata: {
      ...made.metadata,
      uid: `uid-${version}`,
      generation: 1,
      creationTimestamp: at(-1000 + 10 * VERSIONS.indexOf(version)),
      annotations: {
        "deployment.kubernetes.io/revision": String(revision),
        "deployment.kubernetes.io/desired-replicas": String(d.spec.replicas),
        "deployment.kubernetes.io/max-replicas": String(d.spec.replicas + 1),
        ...fields.annotations,
      },
    },
    spec: { ...made.spec, replicas: size },
    status: { replicas: size, observedGeneration: fields.observed ?? 1 },
  };
  const pods = Array.from({ length: size }, (_, index) =>
    pod({
      name: `${version}-${index}`,
      owner: set,
      ready: index < available ? -60 : null,
      labels: set.spec.template.metadata?.labels ?? {},
    }),
  );
  return [set, ...pods, ...(fields.extraPods ?? [])];
}

const ROLLING: DeploymentSpec["strategy"] = {
  type: "RollingUpdate",
  rollingUpdate: { maxSurge: 1, maxUnavailable: 0 },
};

const rolling = (
  maxSurge: number | string,
  maxUnavailable: number | string,
): Partial<DeploymentSpec> => ({
  strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge, maxUnavailable } },
});

/** Text with the names of ReplicaSets replaced by their versions. */
function named(d: Deployment, text: string): string {
  return VERSIONS.reduce((line, version) => {
    const [set] = setOf(d, { version, size: 0 });
    return line.replaceAll(set?.metadata.name ?? "", version);
  }, text);
}

function build(fields: CaseFields): { readonly world: SimWorld; readonly d: Deployment } {
  const d = deployment(
    { template: template(fields.to ?? "v2"), ...fields.spec },
    fields.metadata ?? { annotations: { "deployment.kubernetes.io/revision": "2" } },
  );
  const sets = (fields.sets ?? []).flatMap((set) => setOf(d, set));
  const world = worldOf([d, ...sets]);
  return { world, d: world.list("apps/v1", "Deployment")[0] as Deployment };
}

interface CaseFields {
  readonly to?: Version;
  readonly spec?: Partial<DeploymentSpec>;
  readonly metadata?: Partial<ObjectMeta>;
  readonly sets?: readonly SetFields[];
}

interface Case extends CaseFields {
  readonly name: string;
  readonly changes: readonly string[];
}

const done = { version: "v2", size: 3 } as const;

const CASES: readonly Case[] = [
  {
    name: "first revision: a set of full size, and the number on the Deployment",
    to: "v1",
    metadata: {},
    changes: [
      "create ReplicaSet shop/v1 to 3 (NewRevision)",
      "update Deployment shop/web (Revision)",
    ],
  },
  { name: "all as declared: nothing", sets: [done], changes: [], metadata: rev(2) },
  {
    name: "new template: a new set as large as surge allows",
    to: "v2",
    metadata: rev(1),
    sets: [{ version: "v1", size: 3 }],
    changes: [
      "create ReplicaSet shop/v2 to 1 (NewRevision)",
      "update Deployment shop/web (Revision)",
    ],
  },
  {
    name: "no surge: the new set starts empty",
    spec: rolling(0, 1),
    metadata: rev(1),
    sets: [{ version: "v1", size: 3, annotations: max(3) }],
    changes: [
      "create ReplicaSet shop/v2 to 0 (NewRevision)",
      "update Deployment shop/web (Revision)",
    ],
  },
  {
    name: "no surge: the old set gives way first",
    spec: rolling(0, 1),
    sets: [
      { version: "v1", size: 3 },
      { version: "v2", size: 0 },
    ],
    changes: ["update ReplicaSet shop/v1 to 2 (RolloutStep)"],
  },
  {
    name: "the new pod is not available yet: the old ones stay",
    sets: [
      { version: "v1", size: 3 },
      { version: "v2", size: 1, available: 0 },
    ],
    changes: [],
  },
  {
    name: "the new pod is available: one old goes",
    sets: [
      { version: "v1", size: 3 },
      { version: "v2", size: 1 },
    ],
    changes: ["update ReplicaSet shop/v1 to 2 (RolloutStep)"],
  },
  {
    name: "room again: the new set grows",
    sets: [
      { version: "v1", size: 2 },
      { version: "v2", size: 1 },
    ],
    changes: ["update ReplicaSet shop/v2 to 2 (RolloutSurge)"],
  },
  {
    name: "an old pod that was to go is still there: no room yet",
    sets: [
      {
        version: "v1",
        size: 2,
        extraPods: [
          pod({
            name: "late",
            owner: {
              apiVersion: "apps/v1",
              kind: "ReplicaSet",
              metadata: { name: "x", uid: "uid-v1" },
            },
          }),
        ],
      },
      { version: "v2", size: 1, available: 0 },
    ],
    changes: [],
  },
  {
    name: "percentages: 25 % of 10 is 3 up and 2 down",
    spec: { replicas: 10, ...rolling("25%", "25%") },
    metadata: rev(1),
    sets: [{ version: "v1", size: 10, annotations: max(13) }],
    changes: [
      "create ReplicaSet shop/v2 to 3 (NewRevision)",
      "update Deployment shop/web (Revision)",
    ],
  },
  {
    name: "percentages: two may be missing at once",
    spec: { replicas: 10, ...rolling("25%", "25%") },
    sets: [
      { version: "v1", size: 10, annotations: max(13) },
      { version: "v2", size: 3, available: 0, annotations: max(13) },
    ],
    changes: ["update ReplicaSet shop/v1 to 8 (RolloutStep)"],
  },
  {
    name: "a broken rollout is replaced: what is not available goes first, though nothing may be missing",
    to: "v3",
    sets: [
      { version: "v1", size: 3 },
      { version: "v2", size: 1, available: 0 },
      { version: "v3", size: 0 },
    ],
    metadata: rev(3),
    changes: ["update ReplicaSet shop/v2 to 0 (RolloutStep)"],
  },
  {
    name: "unhealthy old pods go before healthy ones of an older set",
    to: "v3",
    spec: { replicas: 4, ...rolling(1, 1) },
    metadata: rev(3),
    sets: [
      { version: "v1", size: 2, annotations: max(5) },
      { version: "v2", size: 2, available: 1, annotations: max(5) },
      { version: "v3", size: 1, annotations: max(5) },
    ],
    changes: [
      "update ReplicaSet shop/v1 to 1 (RolloutStep)",
      "update ReplicaSet shop/v2 to 1 (RolloutStep)",
    ],
  },
  {
    name: "minReadySeconds: Ready for too short a time is not available",
    spec: { minReadySeconds: 61 },
    sets: [
      { version: "v1", size: 3 },
      { version: "v2", size: 1 },
    ],
    changes: [],
  },
  {
    name: "the template comes back: the old set is used again, with a new number",
    to: "v1",
    metadata: rev(2),
    sets: [
      { version: "v1", size: 0 },
      { version: "v2", size: 3 },
    ],
    changes: [
      "update Deployment shop/web (Revision)",
      "update ReplicaSet shop/v1 to 1 (RolloutSurge)",
    ],
  },
  {
    name: "scaled: the only set takes it",
    spec: { replicas: 5 },
    sets: [{ version: "v2", size: 3, annotations: desired(3, 4) }],
    changes: ["update ReplicaSet shop/v2 to 5 (ScaleUp)"],
  },
  {
    name: "scaled to nothing",
    spec: { replicas: 0 },
    sets: [{ version: "v2", size: 3, annotations: desired(3, 4) }],
    changes: ["update ReplicaSet shop/v2 to 0 (ScaleDown)"],
  },
  {
    name: "scaled and changed at once: scaled first",
    spec: { replicas: 5 },
    metadata: rev(1),
    sets: [{ version: "v1", size: 3, annotations: desired(3, 4) }],
    changes: ["update ReplicaSet shop/v1 to 5 (ScaleUp)"],
  },
  {
    name: "scaled up while rolling: both sets grow by their share",
    spec: { replicas: 20, ...rolling(3, 2) },
    sets: [
      { version: "v1", size: 8, annotations: desired(10, 13) },
      { version: "v2", size: 5, available: 0, annotations: desired(10, 13) },
    ],
    changes: [
      "update ReplicaSet shop/v1 to 14 (ScaleUp)",
      "update ReplicaSet shop/v2 to 9 (ScaleUp)",
    ],
  },
  {
    name: "scaled down while rolling: both sets shrink by their share",
    spec: { replicas: 5, ...rolling(3, 2) },
    sets: [
      { version: "v1", size: 8, annotations: desired(10, 13) },
      { version: "v2", size: 5, available: 0, annotations: desired(10, 13) },
    ],
    changes: [
      "update ReplicaSet shop/v1 to 5 (ScaleDown)",
      "update ReplicaSet shop/v2 to 3 (ScaleDown)",
    ],
  },
  {
    name: "a surplus pod of the new set that is about to go does not let an old one go",
    sets: [
      { version: "v1", size: 2 },
      { version: "v2", size: 1, extraPods: [surplus()] },
    ],
    changes: [],
  },
  {
    name: "scaled, and the new set is whole: the rest of the old ones goes",
    sets: [
      { version: "v1", size: 1, annotations: desired(2, 3) },
      { version: "v2", size: 3 },
    ],
    changes: ["update ReplicaSet shop/v1 to 0 (ScaleDown)"],
  },
  {
    name: "scaled while rolling: what rounding leaves goes to the newest of the largest",
    to: "v3",
    metadata: rev(3),
    sets: VERSIONS.map((version) => ({ version, size: 1, annotations: desired(2, 3) })),
    changes: [
      "update ReplicaSet shop/v1 to 1 (Revision)",
      "update ReplicaSet shop/v2 to 1 (Revision)",
      "update ReplicaSet shop/v3 to 2 (ScaleUp)",
    ],
  },
  {
    name: "scaled to nothing while rolling: nothing is left of any set",
    spec: { replicas: 0, ...rolling(3, 2) },
    sets: [
      { version: "v1", size: 8, annotations: desired(10, 13) },
      { version: "v2", size: 5, available: 0, annotations: desired(10, 13) },
    ],
    changes: [
      "update ReplicaSet shop/v1 to 0 (ScaleDown)",
      "update ReplicaSet shop/v2 to 0 (ScaleDown)",
    ],
  },
  {
    name: "paused: no new set for a new template",
    spec: { paused: true },
    metadata: rev(1),
    sets: [{ version: "v1", size: 3 }],
    changes: [],
  },
  {
    name: "paused half way: neither set moves",
    spec: { paused: true },
    sets: [
      { version: "v1", size: 3 },
      { version: "v2", size: 1 },
    ],
    changes: [],
  },
  {
    name: "paused: scaling still works",
    spec: { paused: true, replicas: 4 },
    metadata: rev(1),
    sets: [{ version: "v1", size: 3, annotations: desired(3, 4) }],
    changes: ["update ReplicaSet shop/v1 to 4 (ScaleUp)"],
  },
  {
    name: "Recreate: old sets to nothing first",
    spec: { strategy: { type: "Recreate" } },
    metadata: rev(1),
    sets: [{ version: "v1", size: 3, annotations: max(3) }],
    changes: ["update ReplicaSet shop/v1 to 0 (RecreateStop)"],
  },
  {
    name: "Recreate: waits for the last old pod to leave its node",
    spec: { strategy: { type: "Recreate" } },
    metadata: rev(1),
    sets: [{ version: "v1", size: 0, extraPods: [ending()] }],
    changes: [],
  },
  {
    name: "Recreate: then the new set at once",
    spec: { strategy: { type: "Recreate" } },
    metadata: rev(1),
    sets: [{ version: "v1", size: 0 }],
    changes: [
      "create ReplicaSet shop/v2 to 3 (NewRevision)",
      "update Deployment shop/web (Revision)",
    ],
  },
  {
    name: "history: the oldest revision beyond the limit goes",
    to: "v3",
    spec: { revisionHistoryLimit: 1 },
    metadata: rev(3),
    sets: [
      { version: "v1", size: 0, revision: 2 },
      { version: "v2", size: 0, revision: 1 },
      { version: "v3", size: 3 },
    ],
    changes: ["delete ReplicaSet shop/v2 (HistoryLimit)"],
  },
  {
    name: "history: within the limit all stay",
    to: "v3",
    spec: { revisionHistoryLimit: 3 },
    metadata: rev(3),
    sets: [
      { version: "v1", size: 0 },
      { version: "v2", size: 0 },
      { version: "v3", size: 3 },
    ],
    changes: [],
  },
  {
    name: "the Deployment's own number is not its set's",
    metadata: rev(7),
    sets: [done],
    changes: ["update Deployment shop/web (Revision)"],
  },
  {
    name: "history: nothing goes while a rollout is under way",
    to: "v3",
    spec: { revisionHistoryLimit: 0 },
    metadata: rev(3),
    sets: [
      { version: "v1", size: 0 },
      { version: "v2", size: 1 },
      { version: "v3", size: 3, available: 2 },
    ],
    changes: [],
  },
  {
    name: "history: a set that has not seen its own emptying stays",
    to: "v3",
    spec: { revisionHistoryLimit: 0 },
    metadata: rev(3),
    sets: [
      { version: "v1", size: 0, observed: 0 },
      { version: "v3", size: 3 },
    ],
    changes: [],
  },
];

function rev(revision: number): Partial<ObjectMeta> {
  return { annotations: { "deployment.kubernetes.io/revision": String(revision) } };
}

function max(count: number): ObjectMeta["annotations"] {
  return { "deployment.kubernetes.io/max-replicas": String(count) };
}

function desired(replicas: number, most: number): ObjectMeta["annotations"] {
  return { ...max(most), "deployment.kubernetes.io/desired-replicas": String(replicas) };
}

/** A Ready pod that v2 has beyond its size. */
function surplus(): Pod {
  const owner = {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name: "x", uid: "uid-v2" },
  };
  return pod({ name: "surplus", owner });
}

function ending(): Pod {
  const owner = {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name: "x", uid: "uid-v1" },
  };
  return pod({ name: "last", owner, terminating: true });
}

describe("planDeployment()", () => {
  test.for(CASES)("$name", (fields) => {
    const { world, d } = build(fields);
    const lines = renderChanges(planDeployment(world, d)).map((line) => named(d, line));
    expect(lines).toEqual(fields.changes);
  });

  test("tells what it scales", () => {
    const { world, d } = build({
      sets: [
        { version: "v1", size: 3 },
        { version: "v2", size: 1 },
      ],
    });
    expect(eventsIn(planDeployment(world, d)).map((line) => named(d, line))).toEqual([
      "Normal ScalingReplicaSet: Scaled down replica set v1 from 3 to 2",
    ]);
    const first = build({ to: "v1" });
    expect(
      eventsIn(planDeployment(first.world, first.d)).map((line) => named(first.d, line)),
    ).toEqual(["Normal ScalingReplicaSet: Scaled up replica set v1 from 0 to 3"]);
  });

  test.each([
    { annotations: { "kubectl.kubernetes.io/restartedAt": at(0) } },
    { labels: { app: "web", tier: "back" } },
  ])("a template with %j is another one", (metadata) => {
    const d = deployment({ template: template("v1") });
    const there = setOf(d, { version: "v1", size: 3 });
    const restarted = {
      ...d.spec.template,
      metadata: { ...d.spec.template.metadata, ...metadata },
    };
    const next: Deployment = { ...d, spec: { ...d.spec, template: restarted } };
    const made = (object: Deployment): number =>
      planDeployment(worldOf([object, ...there]), object).steps.filter(
        ({ kind }) => kind === "create",
      ).length;
    expect([made(d), made(next)]).toEqual([0, 1]);
  });

  test("labels set, selector and pods with the hash that names the set", () => {
    const { world, d } = build({ to: "v1" });
    const [step] = planDeployment(world, d).steps;
    if (step?.kind !== "create") throw new Error("no set is made");
    const set = step.object as ReplicaSet;
    const hash = set.metadata.labels?.["pod-template-hash"] ?? "";
    expect(set.metadata.name).toBe(`web-${hash}`);
    expect(set.spec.selector.matchLabels).toEqual({ app: "web", "pod-template-hash": hash });
    expect(set.spec.template.metadata?.labels).toEqual({ app: "web", "pod-template-hash": hash });
    expect(set.metadata.ownerReferences).toMatchObject([{ uid: "uid-web", controller: true }]);
  });

  test("goes round a name that a set of someone else has", () => {
    const { world, d } = build({ to: "v1" });
    const [step] = planDeployment(world, d).steps;
    if (step?.kind !== "create") throw new Error("no set is made");
    const theirs = {
      ...step.object,
      metadata: { ...step.object.metadata, labels: {}, ownerReferences: [] },
    };
    const [next] = planDeployment(worldOf([d, theirs]), d).steps;
    if (next?.kind !== "create") throw new Error("no set is made");
    expect(next.object.metadata.name).toMatch(/^web-/);
    expect(next.object.metadata.name).not.toBe(step.object.metadata.name);
  });

  test("adopts a set without a controller that its selector chooses", () => {
    const { d } = build({});
    const sets = setOf(d, done).map((object) =>
      object.kind === "ReplicaSet"
        ? { ...object, metadata: { ...object.metadata, ownerReferences: [] } }
        : object,
    );
    const plan = planDeployment(worldOf([d, ...sets]), d);
    const step = plan.steps.find(({ kind }) => kind === "update");
    if (step?.kind !== "update") throw new Error("no set is adopted");
    expect(step.object.metadata.ownerReferences).toMatchObject([{ uid: "uid-web" }]);
    expect(plan.steps.some(({ kind }) => kind === "create")).toBe(false);
  });

  test("a reused set remembers the numbers it had", () => {
    const { world, d } = build({
      to: "v1",
      metadata: rev(2),
      sets: [
        { version: "v1", size: 0 },
        { version: "v2", size: 3 },
      ],
    });
    const step = planDeployment(world, d).steps.find(({ kind }) => kind === "update");
    if (step?.kind !== "update") throw new Error("no set is used again");
    expect(step.object.metadata.annotations).toMatchObject({
      "deployment.kubernetes.io/revision": "3",
      "deployment.kubernetes.io/revision-history": "1",
    });
  });

  test("hands its own annotations to the new set, but not Berth's nor kubectl's", () => {
    const { world, d } = build({
      to: "v1",
      metadata: {
        annotations: {
          "kubernetes.io/change-cause": "new logo",
          "berth.dev/source": "web.yaml:1",
          "kubectl.kubernetes.io/last-applied-configuration": "{}",
        },
      },
    });
    const [step] = planDeployment(world, d).steps;
    if (step?.kind !== "create") throw new Error("no set is made");
    expect(Object.keys(step.object.metadata.annotations ?? {}).toSorted()).toEqual([
      "deployment.kubernetes.io/desired-replicas",
      "deployment.kubernetes.io/max-replicas",
      "deployment.kubernetes.io/revision",
      "kubernetes.io/change-cause",
    ]);
  });

  test("counts pods of all sets and of the current one", () => {
    const { world, d } = build({
      sets: [
        { version: "v1", size: 3 },
        { version: "v2", size: 1, available: 0 },
      ],
    });
    expect(statusIn(planDeployment(world, d))).toMatchObject({
      observedGeneration: 1,
      replicas: 4,
      updatedReplicas: 1,
      readyReplicas: 3,
      availableReplicas: 3,
      unavailableReplicas: 1,
    });
  });

  test("a change of minReadySeconds alone reaches the set without a new revision", () => {
    const { world, d } = build({ sets: [done], metadata: rev(2) });
    const slower = { ...d, spec: { ...d.spec, minReadySeconds: 5 } };
    const lines = renderChanges(planDeployment(world, slower)).map((line) => named(d, line));
    expect(lines).toEqual(["update ReplicaSet shop/v2 to 3 (Revision)"]);
    expect(eventsIn(planDeployment(world, slower))).toEqual([]);
  });

  test("looks again when a Ready pod becomes available", () => {
    const { world, d } = build({
      spec: { minReadySeconds: 90 },
      sets: [
        { version: "v1", size: 3 },
        { version: "v2", size: 1 },
      ],
    });
    expect(planDeployment(world, d).lookAgainAt).toBe(NOW + seconds(30));
  });
});
