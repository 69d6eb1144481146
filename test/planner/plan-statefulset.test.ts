import { describe, expect, test } from "vitest";
import type {
  ControllerRevision,
  Pod,
  StatefulSet,
  StatefulSetSpec,
} from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { planStatefulSet } from "../../src/planner/plan-statefulset.ts";
import { newOrdinalPod } from "../../src/planner/statefulset-identity.ts";
import { at, namespace, node, NOW, pod, seconds, template } from "../support/builders.ts";
import { claimTemplate, madeRevision, statefulSet } from "../support/set-builders.ts";
import { eventsIn, render, statusIn, worldOf } from "../support/world.ts";

const VERSIONS = ["v1", "v2", "v3"] as const;
type Version = (typeof VERSIONS)[number];

type State =
  | "ready"
  /** Ready for 5 s. */
  | "fresh"
  | "starting"
  /** Not Ready for ten minutes. */
  | "stuck"
  | "crashing"
  | "unplaced"
  | "failed"
  | "succeeded"
  | "ending"
  | "failed-ending";

interface Held {
  readonly ordinal: number;
  readonly version?: Version | undefined;
  readonly state?: State;
}

interface World {
  readonly spec?: Partial<StatefulSetSpec>;
  /** The version that is declared. */
  readonly to?: Version;
  /** What the status calls the current one. */
  readonly from?: Version;
  readonly pods?: readonly Held[];
  /** Versions there were, the oldest first. */
  readonly history?: readonly Version[];
  readonly more?: readonly ApiObject[];
  readonly currentReplicas?: number;
}

const base = statefulSet();

function revisionOf(version: Version, number = 1): ControllerRevision {
  const set = statefulSet({ template: template(version) });
  const made = madeRevision(planStatefulSet(worldOf([set]), set));
  if (made === undefined) throw new Error("no revision is made");
  const { metadata } = made;
  return { ...made, metadata: { ...metadata, uid: `uid-${version}` }, revision: number };
}

const REVISIONS = new Map(
  VERSIONS.map((version, index) => [version, revisionOf(version, index + 1)]),
);
const nameOf = (version: Version): string => REVISIONS.get(version)?.metadata.name ?? "";

function heldPod({ ordinal, version = "v1", state = "ready" }: Held): Pod {
  const made = newOrdinalPod(base, ordinal, {
    template: template(version),
    revision: nameOf(version),
  });
  const { metadata, spec } = made;
  const shape = pod({
    name: metadata.name,
    owner: base,
    labels: metadata.labels ?? {},
    node: state === "unplaced" ? "" : "a",
    ready: state === "ready" || state === "ending" ? -60 : state === "fresh" ? -5 : null,
    phase:
      state === "failed" || state === "failed-ending" || state === "succeeded"
        ? state === "succeeded"
          ? "Succeeded"
          : "Failed"
        : state === "unplaced"
          ? "Pending"
          : "Running",
    terminating: state === "ending" || state === "failed-ending",
  });
  const status =
    state === "crashing"
      ? { ...shape.status, ...crashLoop(3) }
      : state === "stuck"
        ? {
            ...shape.status,
            conditions: [{ type: "Ready", status: "False", lastTransitionTime: at(-600) }],
          }
        : shape.status;
  return { ...shape, spec: { ...spec, ...shape.spec, containers: spec.containers }, status } as Pod;
}

function crashLoop(restartCount: number): object {
  const state = { waiting: { reason: "CrashLoopBackOff" } };
  const fields = { name: "app", image: "app", imageID: "", ready: false, started: false };
  return { containerStatuses: [{ ...fields, restartCount, state, lastState: {} }] };
}

function build(fields: World): {
  readonly objects: readonly ApiObject[];
  readonly set: StatefulSet;
} {
  const { to = "v1", from = to, pods = [], history = [...new Set([from, to])] } = fields;
  const set = statefulSet(
    { template: template(to), ...fields.spec },
    {},
    {
      replicas: pods.length,
      currentRevision: nameOf(from),
      ...(fields.currentReplicas === undefined ? {} : { currentReplicas: fields.currentReplicas }),
    },
  );
  const revisions = history.map((version, index) => revisionOf(version, index + 1));
  const objects = [
    set,
    node({ name: "a" }),
    ...revisions,
    ...pods.map(heldPod),
    ...(fields.more ?? []),
  ];
  return { objects, set };
}

/** The changes of a plan, with versions for the names of revisions and what pods are made of. */
function changes(fields: World): readonly string[] {
  const { objects, set } = build(fields);
  const plan = planStatefulSet(worldOf(objects), set);
  const made = new Map(
    plan.steps.flatMap((step) =>
      step.kind === "create" && step.object.kind === "Pod"
        ? [
            [
              step.object.metadata.name,
              (step.object as Pod).spec.containers[0]?.image ?? "",
            ] as const,
          ]
        : [],
    ),
  );
  return render(plan)
    .filter((line) => !line.startsWith("event"))
    .map((line) =>
      VERSIONS.reduce((text, version) => text.replaceAll(nameOf(version), version), line),
    )
    .map((line) =>
      line.replace(/^create Pod shop\/(\S+)/, (all, name: string) => `${all} of ${made.get(name)}`),
    );
}

const held = (version: Version, ...states: readonly State[]): readonly Held[] =>
  states.map((state, ordinal) => ({ ordinal, version, state }));
const parallel = { podManagementPolicy: "Parallel" } as const;
const partition = (count: number): Partial<StatefulSetSpec> => ({
  updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: count } },
});

interface Case extends World {
  readonly name: string;
  readonly changes: readonly string[];
}

const CASES: readonly Case[] = [
  {
    name: "first look: a revision and the first pod alone",
    history: [],
    changes: [
      "create ControllerRevision shop/v1 (NewRevision)",
      "create Pod shop/web-0 of app:v1 (MissingReplica)",
    ],
  },
  { name: "all as declared: nothing", pods: held("v1", "ready", "ready", "ready"), changes: [] },
  { name: "the first is not Ready: the second waits", pods: held("v1", "starting"), changes: [] },
  {
    name: "the first is Ready: the second comes",
    pods: held("v1", "ready"),
    changes: ["create Pod shop/web-1 of app:v1 (MissingReplica)"],
  },
  {
    name: "Ready but not for long enough: the second waits",
    spec: { minReadySeconds: 10 },
    pods: held("v1", "fresh"),
    changes: [],
  },
  {
    name: "a pod that is ending holds its ordinal, and the others",
    pods: held("v1", "ending"),
    changes: [],
  },
  {
    name: "a hole is filled before anything else",
    pods: [{ ordinal: 1 }, { ordinal: 2 }],
    changes: ["create Pod shop/web-0 of app:v1 (MissingReplica)"],
  },
  {
    name: "Parallel: all at once, whatever the others do",
    spec: parallel,
    pods: held("v1", "starting"),
    changes: [
      "create Pod shop/web-1 of app:v1 (MissingReplica)",
      "create Pod shop/web-2 of app:v1 (MissingReplica)",
    ],
  },
  {
    name: "ordinals may start elsewhere",
    spec: { ordinals: { start: 5 }, replicas: 2 },
    pods: [{ ordinal: 5 }],
    changes: ["create Pod shop/web-6 of app:v1 (MissingReplica)"],
  },
  {
    name: "ordinals below the start go, the highest first, once the others serve",
    spec: { ordinals: { start: 2 }, replicas: 1 },
    pods: held("v1", "ready", "ready", "ready"),
    changes: ["delete Pod shop/web-1 (ScaleDown)"],
  },
  {
    name: "a failed pod is ended, to be made again",
    pods: held("v1", "ready", "failed", "ready"),
    changes: ["delete Pod shop/web-1 (FinishedPod)"],
  },
  {
    name: "once, until it is gone",
    pods: held("v1", "failed-ending"),
    changes: [],
  },
  {
    name: "so is one that succeeded",
    pods: held("v1", "succeeded"),
    changes: ["delete Pod shop/web-0 (FinishedPod)"],
  },
  {
    name: "scaling down: the highest ordinal, one at a time",
    spec: { replicas: 1 },
    pods: held("v1", "ready", "ready", "ready"),
    changes: ["delete Pod shop/web-2 (ScaleDown)"],
  },
  {
    name: "scaling down waits for the one that is ending",
    spec: { replicas: 1 },
    pods: held("v1", "ready", "ready", "ending"),
    changes: [],
  },
  {
    name: "scaling down waits while a pod that stays is ill",
    spec: { replicas: 1 },
    pods: held("v1", "starting", "ready", "ready"),
    changes: [],
  },
  {
    name: "scaling down waits for an ill one below",
    spec: { replicas: 1 },
    pods: held("v1", "ready", "starting", "starting"),
    changes: [],
  },
  {
    name: "the only ill one may go",
    spec: { replicas: 1 },
    pods: held("v1", "ready", "ready", "starting"),
    changes: ["delete Pod shop/web-2 (ScaleDown)"],
  },
  {
    name: "Parallel: all surplus ones at once",
    spec: { ...parallel, replicas: 1 },
    pods: held("v1", "starting", "ready", "starting"),
    changes: ["delete Pod shop/web-2 (ScaleDown)", "delete Pod shop/web-1 (ScaleDown)"],
  },
  {
    name: "new template: the highest ordinal first",
    from: "v1",
    to: "v2",
    pods: held("v1", "ready", "ready", "ready"),
    changes: ["delete Pod shop/web-2 (RolloutStep)"],
  },
  {
    name: "the next one once the updated one serves",
    from: "v1",
    to: "v2",
    pods: [{ ordinal: 0 }, { ordinal: 1 }, { ordinal: 2, version: "v2" }],
    changes: ["delete Pod shop/web-1 (RolloutStep)"],
  },
  {
    name: "while the updated one starts, the others stay",
    from: "v1",
    to: "v2",
    pods: [{ ordinal: 0 }, { ordinal: 1 }, { ordinal: 2, version: "v2", state: "starting" }],
    changes: [],
  },
  {
    name: "what was ended for the update comes back as the new revision",
    from: "v1",
    to: "v2",
    pods: [{ ordinal: 0 }, { ordinal: 1 }],
    changes: ["create Pod shop/web-2 of app:v2 (MissingReplica)"],
  },
  {
    name: "the partition keeps those below it",
    from: "v1",
    to: "v2",
    spec: partition(2),
    pods: [{ ordinal: 0 }, { ordinal: 1 }, { ordinal: 2, version: "v2" }],
    changes: [],
  },
  {
    name: "and makes them again as they were",
    from: "v1",
    to: "v2",
    spec: partition(2),
    pods: [{ ordinal: 0 }, { ordinal: 2, version: "v2" }],
    changes: ["create Pod shop/web-1 of app:v1 (MissingReplica)"],
  },
  {
    name: "the partition counts from the start ordinal",
    from: "v1",
    to: "v2",
    spec: { ...partition(1), ordinals: { start: 4 }, replicas: 2 },
    pods: [{ ordinal: 5, version: "v2" }],
    changes: ["create Pod shop/web-4 of app:v1 (MissingReplica)"],
  },
  {
    name: "without a partition, as many as are reported current come back as they were",
    from: "v1",
    to: "v2",
    spec: { updateStrategy: { type: "RollingUpdate" } },
    currentReplicas: 1,
    pods: [],
    changes: ["create Pod shop/web-0 of app:v1 (MissingReplica)"],
  },
  {
    name: "OnDelete replaces nothing",
    from: "v1",
    to: "v2",
    spec: { updateStrategy: { type: "OnDelete" } },
    pods: held("v1", "ready", "ready", "ready"),
    changes: [],
  },
  {
    name: "OnDelete: what was deleted comes back as the new revision",
    from: "v1",
    to: "v2",
    spec: { updateStrategy: { type: "OnDelete" } },
    currentReplicas: 3,
    pods: held("v1", "ready", "ready"),
    changes: ["create Pod shop/web-2 of app:v2 (MissingReplica)"],
  },
  {
    name: "Parallel replaces one at a time too",
    from: "v1",
    to: "v2",
    spec: parallel,
    pods: held("v1", "ready", "ready", "ready"),
    changes: ["delete Pod shop/web-2 (RolloutStep)"],
  },
  {
    name: "Parallel: while the updated one starts, the others stay",
    from: "v1",
    to: "v2",
    spec: parallel,
    pods: [{ ordinal: 0 }, { ordinal: 1 }, { ordinal: 2, version: "v2", state: "starting" }],
    changes: [],
  },
  {
    name: "Parallel: while one is ending for it, the others stay",
    from: "v1",
    to: "v2",
    spec: parallel,
    pods: [{ ordinal: 0 }, { ordinal: 1 }, { ordinal: 2, state: "ending" }],
    changes: [],
  },
  {
    name: "Parallel: a broken one is replaced in its turn, ill as it is",
    from: "v1",
    to: "v3",
    history: ["v1", "v2", "v3"],
    spec: parallel,
    pods: [{ ordinal: 0 }, { ordinal: 1 }, { ordinal: 2, version: "v2", state: "starting" }],
    changes: ["delete Pod shop/web-2 (RolloutStep)"],
  },
  {
    name: "scaling comes before updating",
    from: "v1",
    to: "v2",
    spec: { replicas: 2 },
    pods: held("v1", "ready", "ready", "ready"),
    changes: ["delete Pod shop/web-2 (ScaleDown)"],
  },
  {
    name: "a revision that was given up: its pod that is not Ready gives way",
    from: "v1",
    to: "v3",
    history: ["v1", "v2", "v3"],
    pods: [{ ordinal: 0 }, { ordinal: 1 }, { ordinal: 2, version: "v2", state: "starting" }],
    changes: ["delete Pod shop/web-2 (BrokenRollout)"],
  },
  {
    name: "the same after a revert",
    from: "v1",
    to: "v1",
    history: ["v2", "v1"],
    pods: [{ ordinal: 0 }, { ordinal: 1 }, { ordinal: 2, version: "v2", state: "starting" }],
    changes: ["delete Pod shop/web-2 (BrokenRollout)"],
  },
  {
    name: "a Ready pod of a revision that was given up goes in its turn",
    from: "v1",
    to: "v3",
    history: ["v1", "v2", "v3"],
    pods: [{ ordinal: 0 }, { ordinal: 1, version: "v2" }, { ordinal: 2, version: "v3" }],
    changes: ["delete Pod shop/web-1 (RolloutStep)"],
  },
  {
    name: "a slow pod of the current revision is waited for",
    from: "v1",
    to: "v2",
    pods: held("v1", "starting"),
    changes: [],
  },
  {
    name: "but not for ever",
    from: "v1",
    to: "v2",
    pods: held("v1", "stuck"),
    changes: ["delete Pod shop/web-0 (BrokenRollout)"],
  },
  {
    name: "one that crashes on and on is not",
    from: "v1",
    to: "v2",
    pods: held("v1", "crashing"),
    changes: ["delete Pod shop/web-0 (BrokenRollout)"],
  },
  {
    name: "nor is one that never found a node",
    from: "v1",
    to: "v2",
    pods: held("v1", "unplaced"),
    changes: ["delete Pod shop/web-0 (BrokenRollout)"],
  },
  {
    name: "but both stay while they are what is wanted",
    pods: held("v1", "crashing"),
    changes: [],
  },
  {
    name: "and under OnDelete, where people decide",
    from: "v1",
    to: "v2",
    spec: { updateStrategy: { type: "OnDelete" } },
    pods: held("v1", "crashing"),
    changes: [],
  },
  {
    name: "a revert takes the old revision up again",
    from: "v2",
    to: "v1",
    history: ["v1", "v2"],
    pods: held("v2", "ready", "ready", "ready"),
    changes: [
      "update ControllerRevision shop/v1 (Revision)",
      "delete Pod shop/web-2 (RolloutStep)",
    ],
  },
  {
    name: "history beyond the limit goes, the oldest first, but nothing in use",
    spec: { revisionHistoryLimit: 0 },
    to: "v3",
    history: ["v1", "v2", "v3"],
    pods: [
      { ordinal: 0, version: "v2" },
      { ordinal: 1, version: "v3" },
      { ordinal: 2, version: "v3" },
    ],
    changes: [
      "delete Pod shop/web-0 (RolloutStep)",
      "delete ControllerRevision shop/v1 (HistoryLimit)",
    ],
  },
  {
    name: "a name that something else has is waited for",
    more: [pod({ name: "web-0", labels: { app: "other" } })],
    changes: [],
  },
  {
    name: "nothing is made in a namespace that is being emptied",
    more: [namespace("shop", "Terminating")],
    changes: [],
  },
  {
    name: "a stray pod with the right name and labels is adopted, and given its identity",
    pods: [{ ordinal: 1 }, { ordinal: 2 }],
    more: [pod({ name: "web-0" })],
    changes: ["update Pod shop/web-0 (Identity)", "delete Pod shop/web-0 (RolloutStep)"],
  },
  {
    name: "one with a name that the set does not give is not",
    pods: held("v1", "ready", "ready", "ready"),
    more: [pod({ name: "web-x" }), pod({ name: "web-00" }), pod({ name: "webber-1" })],
    changes: [],
  },
  {
    name: "a pod of its own that its selector no longer chooses is released, and its ordinal still taken",
    spec: { replicas: 1 },
    more: [pod({ name: "web-0", owner: base, labels: { app: "other" } })],
    changes: ["update Pod shop/web-0 (Release)"],
  },
];

describe("planStatefulSet()", () => {
  test.for(CASES)("$name", (row) => {
    expect(changes(row)).toEqual(row.changes);
  });

  test("a set that is being deleted, or that would choose everything, is left alone", () => {
    const going = statefulSet({}, { deletionTimestamp: at(0) });
    const all = statefulSet({ selector: {} });
    expect(planStatefulSet(worldOf([going]), going).steps).toEqual([]);
    expect(planStatefulSet(worldOf([all]), all).steps).toEqual([]);
  });

  test("a pod has its identity: name, host name, subdomain, labels, volumes of its claims", () => {
    const set = statefulSet({
      ordinals: { start: 3 },
      template: template("v1", {
        volumes: [
          { name: "data", emptyDir: {} },
          { name: "tmp", emptyDir: {} },
        ],
      }),
      volumeClaimTemplates: [claimTemplate()],
    });
    const plan = planStatefulSet(worldOf([set]), set);
    const made = plan.steps.flatMap((step) => (step.kind === "create" ? [step.object] : []));
    expect(made.find(({ kind }) => kind === "Pod")).toMatchObject({
      metadata: {
        name: "web-3",
        labels: {
          app: "web",
          "apps.kubernetes.io/pod-index": "3",
          "statefulset.kubernetes.io/pod-name": "web-3",
          "controller-revision-hash": madeRevision(plan)?.metadata.name,
        },
        ownerReferences: [{ kind: "StatefulSet", name: "web", uid: "uid-sts", controller: true }],
      },
      spec: {
        hostname: "web-3",
        subdomain: "peers",
        volumes: [
          { name: "data", persistentVolumeClaim: { claimName: "data-web-3" } },
          { name: "tmp", emptyDir: {} },
        ],
      },
    });
    expect(eventsIn(plan)).toEqual([
      "Normal SuccessfulCreate: create Claim data-web-3 Pod web-3 in StatefulSet web success",
      "Normal SuccessfulCreate: create Pod web-3 in StatefulSet web successful",
    ]);
  });

  test("says what it ends", () => {
    const { objects, set } = build({ pods: held("v1", "failed") });
    expect(eventsIn(planStatefulSet(worldOf(objects), set))).toEqual([
      "Normal SuccessfulDelete: delete Pod web-0 in StatefulSet web successful",
    ]);
  });

  test("looks again when a pod will have been Ready for long enough", () => {
    const { objects, set } = build({ spec: { minReadySeconds: 10 }, pods: held("v1", "fresh") });
    expect(planStatefulSet(worldOf(objects), set).lookAgainAt).toBe(NOW + seconds(5));
  });

  test("looks again when trouble that waiting may cure has lasted too long", () => {
    const { objects, set } = build({ from: "v1", to: "v2" });
    const waiting = { waiting: { reason: "ErrImagePull" } };
    const broken = heldPod({ ordinal: 0, state: "crashing" });
    const status = {
      ...broken.status,
      startTime: at(-5),
      containerStatuses: broken.status?.containerStatuses?.map((item) => ({
        ...item,
        state: waiting,
      })),
    };
    const world = worldOf([...objects, { ...broken, status } as Pod]);
    const plan = planStatefulSet(world, set);
    expect(render(plan)).toEqual([]);
    expect(plan.lookAgainAt).toBe(NOW + seconds(15));
    const slow = build({ from: "v1", to: "v2", pods: held("v1", "starting") });
    expect(planStatefulSet(worldOf(slow.objects), slow.set).lookAgainAt).toBe(NOW + seconds(600));
  });

  test("makes at most a burst at once", () => {
    const set = statefulSet({ ...parallel, replicas: 2000 });
    const { steps } = planStatefulSet(worldOf([set]), set);
    expect(steps.filter(({ kind }) => kind === "create")).toHaveLength(501);
  });
});

describe("the status of a StatefulSet", () => {
  const status = (fields: World): unknown => {
    const { objects, set } = build(fields);
    return statusIn(planStatefulSet(worldOf(objects), set));
  };

  test("counts as Kubernetes does: ending ones are replicas, but of no revision", () => {
    const pods: readonly Held[] = [
      { ordinal: 0, version: "v1" },
      { ordinal: 1, version: "v1", state: "ending" },
      { ordinal: 2, version: "v2", state: "starting" },
    ];
    expect(status({ from: "v1", to: "v2", pods })).toEqual({
      observedGeneration: 1,
      replicas: 3,
      readyReplicas: 2,
      availableReplicas: 2,
      currentReplicas: 1,
      updatedReplicas: 1,
      currentRevision: nameOf("v1"),
      updateRevision: nameOf("v2"),
      collisionCount: 0,
    });
  });

  test("Ready is not available before minReadySeconds have passed", () => {
    const pods = held("v1", "ready", "fresh");
    expect(status({ spec: { minReadySeconds: 10 }, pods })).toMatchObject({
      readyReplicas: 2,
      availableReplicas: 1,
    });
  });

  test("the newest revision becomes the current one once all are of it and Ready", () => {
    const done = { from: "v1", to: "v2", pods: held("v2", "ready", "ready", "ready") } as const;
    expect(status(done)).toMatchObject({
      currentRevision: nameOf("v2"),
      updateRevision: nameOf("v2"),
      currentReplicas: 3,
    });
    const almost = held("v2", "ready", "ready", "starting");
    expect(status({ ...done, pods: almost })).toMatchObject({ currentRevision: nameOf("v1") });
    const surplus = held("v2", "ready", "ready", "ready", "ready");
    expect(status({ ...done, pods: surplus })).toMatchObject({ currentRevision: nameOf("v1") });
    const byHand = { updateStrategy: { type: "OnDelete" } } as const;
    expect(status({ ...done, spec: byHand })).toMatchObject({ currentRevision: nameOf("v1") });
  });

  test("tells why a pod cannot be made", () => {
    const conditions = (more: readonly ApiObject[], spec: Partial<StatefulSetSpec> = {}): unknown =>
      (
        status({ more, spec }) as { readonly conditions?: readonly { readonly message: string }[] }
      ).conditions?.map(({ message }) => message);
    expect(conditions([pod({ name: "web-0", labels: {} })])).toEqual([
      'pods "web-0" already exists',
    ]);
    expect(conditions([namespace("shop", "Terminating")])).toEqual([
      'pods "web-0" is forbidden: unable to create new content in namespace shop because it is being terminated',
    ]);
    const claim = claimTemplate();
    const going = {
      ...claim,
      metadata: { name: "data-web-0", namespace: "shop", deletionTimestamp: at(0) },
    };
    expect(conditions([going], { volumeClaimTemplates: [claim] })).toEqual([
      "pvc data-web-0 is being deleted",
    ]);
    expect(conditions([])).toBeUndefined();
  });
});
