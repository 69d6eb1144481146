import { describe, expect, test } from "vitest";
import { findCondition } from "../../src/model/condition.ts";
import type { Condition } from "../../src/model/meta.ts";
import { deploymentStatus, progressDeadlineAt } from "../../src/planner/deployment-status.ts";
import type { RevisionSet } from "../../src/planner/revisions.ts";
import type { Deployment, DeploymentSpec, DeploymentStatus } from "../../src/model/kinds.gen.ts";
import { at, deployment, NOW, replicaSet, seconds } from "../support/builders.ts";

interface Counts {
  readonly active: number;
  readonly ready?: number;
  readonly available?: number;
}

interface CaseFields {
  readonly spec?: Partial<DeploymentSpec>;
  readonly before?: DeploymentStatus;
  readonly next?: Counts | null;
  readonly old?: Counts;
  readonly reused?: boolean;
}

function set(name: string, counts: Counts, reused = false): RevisionSet {
  const { active, ready = active, available = ready } = counts;
  const history = reused ? { "deployment.kubernetes.io/revision-history": "1" } : {};
  const stored = replicaSet({ replicas: active }, { name, annotations: history });
  return {
    replicaSet: stored,
    stored,
    pods: [],
    counts: { active, ready, available },
    createdAt: 0,
  };
}

function plan(fields: CaseFields): { readonly d: Deployment; readonly status: DeploymentStatus } {
  const d: Deployment = {
    ...deployment(fields.spec),
    ...(fields.before === undefined ? {} : { status: fields.before }),
  };
  const next =
    fields.next === null ? undefined : set("web-new", fields.next ?? { active: 3 }, fields.reused);
  const old = fields.old === undefined ? [] : [set("web-old", fields.old)];
  const totalSize = [...(next === undefined ? [] : [next]), ...old].reduce(
    (sum, { replicaSet: { spec } }) => sum + spec.replicas,
    0,
  );
  const status = deploymentStatus({
    deployment: d,
    next,
    old,
    totalSize,
    maxUnavailable: 0,
    collisionCount: 0,
    now: NOW,
  });
  return { d, status };
}

function progressing(reason: string, message: string, updated = -10): DeploymentStatus {
  const status = reason === "ProgressDeadlineExceeded" ? "False" : "True";
  const condition: Condition = {
    type: "Progressing",
    status,
    reason,
    message,
    lastUpdateTime: at(updated),
    lastTransitionTime: at(-100),
  };
  return {
    replicas: 4,
    updatedReplicas: 1,
    readyReplicas: 3,
    availableReplicas: 3,
    conditions: [condition],
  };
}

function line({ status }: { readonly status: DeploymentStatus }): string {
  const condition = findCondition(status.conditions, "Progressing");
  if (condition === undefined) return "none";
  const { reason, message, lastUpdateTime, lastTransitionTime } = condition;
  const fresh = lastUpdateTime === at(0) ? " now" : "";
  return `${condition.status} ${reason}: ${message}${fresh}${lastTransitionTime === at(0) ? " changed" : ""}`;
}

const half = { next: { active: 1, available: 0, ready: 0 }, old: { active: 3 } } as const;

interface Case extends CaseFields {
  readonly name: string;
  readonly line: string;
}

const CASES: readonly Case[] = [
  {
    name: "a new set starts the clock",
    ...half,
    line: 'True NewReplicaSetCreated: Created new replica set "web-new" now changed',
  },
  {
    name: "a set that is used again starts the clock",
    ...half,
    reused: true,
    before: progressing(
      "NewReplicaSetAvailable",
      'ReplicaSet "web-old" has successfully progressed.',
    ),
    line: 'True FoundNewReplicaSet: Found new replica set "web-new" now',
  },
  {
    name: "progress moves the clock on",
    before: progressing("NewReplicaSetCreated", 'Created new replica set "web-new"'),
    next: { active: 2, available: 1 },
    old: { active: 2 },
    line: 'True ReplicaSetUpdated: ReplicaSet "web-new" is progressing. now',
  },
  ...(
    [
      ["a new pod is made", { active: 2, ready: 0, available: 0 }, 3],
      ["an old pod has gone", { active: 1, ready: 0, available: 0 }, 2],
      ["a pod has become Ready", { active: 1, ready: 1, available: 0 }, 3],
      ["a pod has become available", { active: 1, ready: 0, available: 1 }, 3],
    ] as const
  ).map(([name, next, old]) => ({
    name: `${name}: that alone is progress`,
    before: progressing("NewReplicaSetCreated", 'Created new replica set "web-new"'),
    next,
    old: { active: old, ready: 3, available: 3 },
    line: 'True ReplicaSetUpdated: ReplicaSet "web-new" is progressing. now',
  })),
  {
    name: "no progress leaves the clock",
    before: progressing("ReplicaSetUpdated", 'ReplicaSet "web-new" is progressing.'),
    ...half,
    line: 'True ReplicaSetUpdated: ReplicaSet "web-new" is progressing.',
  },
  {
    name: "one second before the deadline",
    before: progressing("ReplicaSetUpdated", 'ReplicaSet "web-new" is progressing.', -599),
    ...half,
    line: 'True ReplicaSetUpdated: ReplicaSet "web-new" is progressing.',
  },
  {
    name: "at the deadline",
    before: progressing("ReplicaSetUpdated", 'ReplicaSet "web-new" is progressing.', -600),
    ...half,
    line: 'False ProgressDeadlineExceeded: ReplicaSet "web-new" has timed out progressing. now changed',
  },
  {
    name: "timed out stays until there is progress",
    before: progressing(
      "ProgressDeadlineExceeded",
      'ReplicaSet "web-new" has timed out progressing.',
      -700,
    ),
    ...half,
    line: 'False ProgressDeadlineExceeded: ReplicaSet "web-new" has timed out progressing.',
  },
  {
    name: "a timed-out rollout that another set replaces is history",
    before: progressing(
      "ProgressDeadlineExceeded",
      'ReplicaSet "web-old" has timed out progressing.',
      -700,
    ),
    ...half,
    line: 'True NewReplicaSetCreated: Created new replica set "web-new" now changed',
  },
  {
    name: "complete",
    before: progressing("ReplicaSetUpdated", 'ReplicaSet "web-new" is progressing.'),
    line: 'True NewReplicaSetAvailable: ReplicaSet "web-new" has successfully progressed. now',
  },
  {
    name: "complete, though it took longer than the deadline",
    before: progressing("ReplicaSetUpdated", 'ReplicaSet "web-new" is progressing.', -9999),
    line: 'True NewReplicaSetAvailable: ReplicaSet "web-new" has successfully progressed. now',
  },
  {
    name: "not complete while an old pod is there",
    before: progressing("ReplicaSetUpdated", 'ReplicaSet "web-new" is progressing.'),
    old: { active: 1 },
    line: 'True ReplicaSetUpdated: ReplicaSet "web-new" is progressing. now',
  },
  {
    name: "a pod that falls ill after the end is no new rollout",
    before: progressing(
      "NewReplicaSetAvailable",
      'ReplicaSet "web-new" has successfully progressed.',
      -9999,
    ),
    next: { active: 3, available: 2 },
    line: 'True NewReplicaSetAvailable: ReplicaSet "web-new" has successfully progressed.',
  },
  {
    name: "paused",
    spec: { paused: true },
    before: progressing("ReplicaSetUpdated", 'ReplicaSet "web-new" is progressing.', -9999),
    ...half,
    line: "Unknown DeploymentPaused: Deployment is paused now changed",
  },
  {
    name: "paused after the deadline: the verdict stays",
    spec: { paused: true },
    before: progressing(
      "ProgressDeadlineExceeded",
      'ReplicaSet "web-new" has timed out progressing.',
    ),
    ...half,
    line: 'False ProgressDeadlineExceeded: ReplicaSet "web-new" has timed out progressing.',
  },
  {
    name: "resumed: the clock starts again",
    before: progressing("DeploymentPaused", "Deployment is paused", -9999),
    ...half,
    line: "Unknown DeploymentResumed: Deployment is resumed now changed",
  },
  {
    name: "no deadline, no condition",
    spec: { progressDeadlineSeconds: 2_147_483_647 },
    before: progressing("ReplicaSetUpdated", 'ReplicaSet "web-new" is progressing.'),
    ...half,
    line: "none",
  },
];

describe("deploymentStatus()", () => {
  test.for(CASES)("Progressing: $name", (fields) => {
    expect(line(plan(fields))).toBe(fields.line);
  });

  test("Available follows the least that must be available", () => {
    const enough = plan({ next: { active: 3 } }).status;
    expect(findCondition(enough.conditions, "Available")).toMatchObject({
      status: "True",
      reason: "MinimumReplicasAvailable",
      message: "Deployment has minimum availability.",
    });
    const few = plan({ next: { active: 3, available: 2 } }).status;
    expect(findCondition(few.conditions, "Available")).toMatchObject({
      status: "False",
      reason: "MinimumReplicasUnavailable",
      message: "Deployment does not have minimum availability.",
    });
  });

  test("leaves counts of zero out, as Kubernetes does", () => {
    const { status } = plan({ next: { active: 0 }, spec: { replicas: 0 } });
    expect(Object.keys(status).toSorted()).toEqual(["conditions", "observedGeneration"]);
  });

  test("repeats a set's failure to make pods", () => {
    const failing = set("web-new", { active: 0 });
    const stored = {
      ...failing.replicaSet,
      status: {
        replicas: 0,
        conditions: [
          { type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: "no" },
        ],
      },
    } as const;
    const status = deploymentStatus({
      deployment: deployment(),
      next: { ...failing, replicaSet: stored, stored },
      old: [],
      totalSize: 0,
      maxUnavailable: 0,
      collisionCount: 0,
      now: NOW,
    });
    expect(findCondition(status.conditions, "ReplicaFailure")).toMatchObject({
      reason: "FailedCreate",
    });
  });
});

describe("progressDeadlineAt()", () => {
  test("is the deadline after the last progress, while a rollout is under way", () => {
    const before = progressing("ReplicaSetUpdated", 'ReplicaSet "web-new" is progressing.', -100);
    const { d, status } = plan({ ...half, before });
    expect(progressDeadlineAt(d, status)).toBe(NOW + seconds(500));
    const complete = plan({});
    expect(progressDeadlineAt(complete.d, complete.status)).toBeUndefined();
  });
});
