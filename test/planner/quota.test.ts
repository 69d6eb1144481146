import { describe, expect, test } from "vitest";
import type { Pod, PodSpec, ResourceQuota } from "../../src/model/kinds.gen.ts";
import { formatRef, refKey, refOf, type ApiObject, type ObjectMeta } from "../../src/model/meta.ts";
import { admitObject } from "../../src/planner/admit-object.ts";
import { planObject } from "../../src/planner/plan-object.ts";
import { planQuota } from "../../src/planner/plan-quota.ts";
import { openLedger } from "../../src/planner/quota-ledger.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import {
  at,
  container,
  job,
  namespace,
  NOW,
  pod,
  replicaSet,
  service,
  template,
  type PodFields,
} from "../support/builders.ts";

type Amounts = Readonly<Record<string, string>>;

function quota(hard: Amounts, spec: Omit<ResourceQuota["spec"], "hard"> = {}): ResourceQuota {
  const metadata = { name: "quota", namespace: "shop", uid: "uid-quota" };
  return { apiVersion: "v1", kind: "ResourceQuota", metadata, spec: { hard, ...spec } };
}

function asking(name: string, requests: Amounts, more: Partial<PodFields> = {}): Pod {
  const containers = [container({ resources: { requests, limits: requests } })];
  return pod({ name, ...more, spec: { containers, ...more.spec } });
}

function used(given: ResourceQuota, ...objects: ApiObject[]): Amounts | undefined {
  const [step] = planQuota(new SimWorld([given, ...objects], NOW), given).steps;
  return step?.kind === "update-status" ? (step.object as ResourceQuota).status?.used : undefined;
}

describe("planQuota()", () => {
  const cases: readonly {
    readonly name: string;
    readonly hard: Amounts;
    readonly spec?: Omit<ResourceQuota["spec"], "hard">;
    readonly objects: readonly ApiObject[];
    readonly used: Amounts;
  }[] = [
    {
      name: "counts nothing as nothing",
      hard: { pods: "2", "requests.cpu": "1", "count/jobs.batch": "1" },
      objects: [],
      used: { pods: "0", "requests.cpu": "0", "count/jobs.batch": "0" },
    },
    {
      name: "adds what pods ask for",
      hard: { cpu: "4", "requests.cpu": "4", "limits.memory": "4Gi", pods: "9" },
      objects: [
        asking("a", { cpu: "250m", memory: "64Mi" }),
        asking("b", { cpu: "1", memory: "1Gi" }),
      ],
      used: { cpu: "1250m", "requests.cpu": "1250m", "limits.memory": "1088Mi", pods: "2" },
    },
    {
      name: "pods at their end count as objects alone",
      hard: { cpu: "4", pods: "4", "count/pods": "4" },
      objects: [asking("a", { cpu: "1" }, { phase: "Succeeded" }), asking("b", { cpu: "1" })],
      used: { cpu: "1", pods: "1", "count/pods": "2" },
    },
    {
      name: "a pod that should have ended by now uses nothing",
      hard: { pods: "4" },
      objects: [
        withMeta(pod({ name: "a" }), {
          deletionTimestamp: at(-31),
          deletionGracePeriodSeconds: 30,
        }),
        withMeta(pod({ name: "b" }), {
          deletionTimestamp: at(-29),
          deletionGracePeriodSeconds: 30,
        }),
      ],
      used: { pods: "1" },
    },
    {
      name: "init containers count where they ask for more",
      hard: { cpu: "9" },
      objects: [
        asking(
          "a",
          { cpu: "1" },
          {
            spec: {
              initContainers: [container({ name: "i", resources: { requests: { cpu: "3" } } })],
            },
          },
        ),
      ],
      used: { cpu: "3" },
    },
    {
      name: "counts objects by kind",
      hard: {
        "count/replicasets.apps": "3",
        "count/jobs.batch": "3",
        configmaps: "3",
        services: "3",
      },
      objects: [replicaSet(), job(), service(), configMap("a"), configMap("b")],
      used: {
        "count/replicasets.apps": "1",
        "count/jobs.batch": "1",
        configmaps: "2",
        services: "1",
      },
    },
    {
      name: "counts node ports",
      hard: { "services.nodeports": "9", "services.loadbalancers": "1" },
      objects: [
        service({
          type: "NodePort",
          ports: [
            { name: "a", protocol: "TCP", port: 1, targetPort: 1 },
            { name: "b", protocol: "TCP", port: 2, targetPort: 2 },
          ],
        }),
      ],
      used: { "services.nodeports": "2", "services.loadbalancers": "0" },
    },
    {
      name: "counts storage, by class too",
      hard: {
        "requests.storage": "9Gi",
        persistentvolumeclaims: "9",
        "fast.storageclass.storage.k8s.io/requests.storage": "9Gi",
        "slow.storageclass.storage.k8s.io/persistentvolumeclaims": "9",
      },
      objects: [claim("a", "1Gi", "fast"), claim("b", "2Gi")],
      used: {
        "requests.storage": "3Gi",
        persistentvolumeclaims: "2",
        "fast.storageclass.storage.k8s.io/requests.storage": "1Gi",
        "slow.storageclass.storage.k8s.io/persistentvolumeclaims": "0",
      },
    },
    {
      name: "leaves out other namespaces",
      hard: { pods: "9" },
      objects: [pod({ name: "a", namespace: "other" })],
      used: { pods: "0" },
    },
  ];
  test.for(cases)("$name", ({ hard, spec, objects, used: expected }) => {
    expect(used(quota(hard, spec), ...objects)).toEqual(expected);
  });

  const besteffort = pod({ name: "best" });
  const sure = asking("sure", { cpu: "1" });
  const short = asking("short", { cpu: "1" }, { spec: { activeDeadlineSeconds: 5 } });
  const high = asking("high", { cpu: "1" }, { spec: { priorityClassName: "high" } });
  const scopes: readonly {
    readonly spec: Omit<ResourceQuota["spec"], "hard">;
    readonly pods: string;
  }[] = [
    { spec: {}, pods: "4" },
    { spec: { scopes: ["BestEffort"] }, pods: "1" },
    { spec: { scopes: ["NotBestEffort"] }, pods: "3" },
    { spec: { scopes: ["Terminating"] }, pods: "1" },
    { spec: { scopes: ["NotTerminating"] }, pods: "3" },
    { spec: { scopes: ["NotTerminating", "NotBestEffort"] }, pods: "2" },
    { spec: { scopes: ["PriorityClass"] }, pods: "1" },
    ...(
      [
        ["In", ["high"], "1"],
        ["In", ["low"], "0"],
        ["NotIn", ["high"], "3"],
        ["Exists", [], "1"],
        ["DoesNotExist", [], "3"],
      ] as const
    ).map(([operator, values, pods]) => ({
      spec: {
        scopeSelector: {
          matchExpressions: [{ scopeName: "PriorityClass" as const, operator, values }],
        },
      },
      pods,
    })),
  ];
  test.for(scopes)("scopes $spec choose $pods pods", ({ spec, pods }) => {
    expect(used(quota({ pods: "9" }, spec), besteffort, sure, short, high)).toEqual({ pods });
  });

  test("says nothing when nothing has changed", () => {
    const given = { ...quota({ pods: "2" }), status: { hard: { pods: "2" }, used: { pods: "0" } } };
    expect(used(given)).toBeUndefined();
  });
});

function withMeta<T extends ApiObject>(object: T, metadata: Partial<ObjectMeta>): T {
  return { ...object, metadata: { ...object.metadata, ...metadata } };
}

function configMap(name: string): ApiObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "shop" } };
}

function claim(name: string, storage: string, storageClassName?: string): ApiObject {
  const spec = { resources: { requests: { storage } }, storageClassName };
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name, namespace: "shop" },
    spec,
  } as ApiObject;
}

describe("openLedger()", () => {
  const world = (...objects: ApiObject[]): SimWorld => new SimWorld(objects, NOW);

  test("lets in what fits exactly, and tells what does not", () => {
    const ledger = openLedger(world(quota({ pods: "2", "requests.cpu": "1" })), "shop");
    expect(ledger.charge(asking("a", { cpu: "400m" }))).toBeUndefined();
    expect(ledger.charge(asking("b", { cpu: "601m" }))).toBe(
      "exceeded quota: quota, requested: requests.cpu=601m, used: requests.cpu=400m, limited: requests.cpu=1",
    );
    expect(ledger.charge(asking("b", { cpu: "600m" }))).toBeUndefined();
    expect(ledger.charge(asking("c", { cpu: "0" }))).toBe(
      "exceeded quota: quota, requested: pods=1, used: pods=2, limited: pods=2",
    );
  });

  test("counts what is on its way", () => {
    const pending = [pod({ name: "x" })];
    const ledger = openLedger(world(quota({ pods: "1" })), "shop", pending);
    expect(ledger.charge(pod({ name: "y" }))).toContain("used: pods=1");
  });

  test("a refused object counts in no quota", () => {
    const loose = { ...quota({ pods: "2" }), metadata: { name: "a", namespace: "shop" } };
    const tight = { ...quota({ cpu: "1" }), metadata: { name: "b", namespace: "shop" } };
    const ledger = openLedger(world(loose, tight), "shop");
    expect(ledger.charge(asking("x", { cpu: "2" }))).toContain("exceeded quota: b");
    expect(ledger.charge(asking("y", { cpu: "500m" }))).toBeUndefined();
    expect(ledger.charge(asking("z", { cpu: "500m" }))).toBeUndefined();
  });

  test("a quota of cpu or memory obliges every container to say what it takes", () => {
    const ledger = openLedger(world(quota({ "limits.cpu": "1", "requests.memory": "1" })), "shop");
    expect(ledger.charge(pod({ name: "p" }))).toBe(
      "failed quota: quota: must specify limits.cpu for: app; requests.memory for: app",
    );
    expect(openLedger(world(quota({ pods: "1" })), "shop").charge(pod({ name: "p" }))).toBe(
      undefined,
    );
  });
});

describe("admitObject()", () => {
  test("makes nothing in a namespace that is being deleted", () => {
    const world = new SimWorld([namespace("shop", "Terminating")], NOW);
    expect(admitObject(world, configMap("c"))).toEqual({
      kind: "refused",
      why: "unable to create new content in namespace shop because it is being terminated",
    });
  });

  test("keeps bounds of claims", () => {
    const range = {
      apiVersion: "v1",
      kind: "LimitRange",
      metadata: { name: "l", namespace: "shop" },
      spec: {
        limits: [
          { type: "PersistentVolumeClaim", max: { storage: "1Gi" }, min: { storage: "1Mi" } },
        ],
      },
    } as ApiObject;
    const verdict = (storage: string): unknown =>
      admitObject(new SimWorld([range], NOW), claim("c", storage));
    expect(verdict("1Gi")).toMatchObject({ kind: "admitted" });
    expect(verdict("2Gi")).toMatchObject({
      why: "maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi",
    });
    expect(verdict("1Ki")).toMatchObject({
      why: "minimum storage usage per PersistentVolumeClaim is 1Mi, but request is 1Ki",
    });
  });
});

describe("a controller in a namespace with a quota", () => {
  const rs = (spec: Partial<PodSpec> = {}) =>
    replicaSet({ replicas: 3, template: template("v1", spec) });
  const lines = (world: SimWorld, object: ApiObject): string[] => {
    const plan = planObject(world, refOf(object));
    return plan.steps.map((step) => {
      if (step.kind === "event") return `event ${step.reason}`;
      if (step.kind === "delete") return "delete";
      if (step.kind === "create") return `create ${step.object.kind}`;
      const { status } = step.object as {
        readonly status?: { readonly conditions?: readonly { type: string; reason?: string }[] };
      };
      return `${step.kind} ${(status?.conditions ?? []).map(({ type, reason }) => `${type} ${reason ?? ""}`).join()}`.trim();
    });
  };

  test("makes what fits, and says what it must not make", () => {
    const world = new SimWorld([quota({ pods: "2" }), rs()], NOW);
    expect(lines(world, rs())).toEqual([
      "create Pod",
      "event SuccessfulCreate",
      "create Pod",
      "event SuccessfulCreate",
      "update-status ReplicaFailure FailedCreate",
      "event FailedCreate",
    ]);
  });

  test("says it once, tries again later and later, and takes it back", () => {
    const full = quota({ pods: "0" });
    const world = new SimWorld([full, rs()], NOW);
    world.apply(planObject(world, refOf(rs())).steps);
    world.now += 60_000;
    const again = planObject(world, refOf(rs()));
    expect(again.steps.map(({ kind }) => kind)).toEqual(["event"]);
    expect(again.lookAgainAt).toBe(world.now + 60_000);
    world.remove(refOf(full));
    const freed = planObject(world, refOf(rs())).steps;
    expect(freed.filter(({ kind }) => kind === "create")).toHaveLength(3);
    const status = freed.find(({ kind }) => kind === "update-status");
    expect(JSON.stringify(status)).not.toContain("ReplicaFailure");
  });

  test("tells the whole reason", () => {
    const world = new SimWorld([quota({ pods: "0" }), rs()], NOW);
    const event = planObject(world, refOf(rs())).steps.find(({ kind }) => kind === "event");
    expect(event).toMatchObject({
      type: "Warning",
      message: expect.stringMatching(
        /^Error creating: pods "web-\w{5}" is forbidden: exceeded quota: quota, requested: pods=1, used: pods=0, limited: pods=0$/,
      ) as string,
    });
  });

  test("a Job says it in an Event", () => {
    const given = { ...job({ selector: { matchLabels: { a: "b" } } }) };
    const world = new SimWorld([quota({ pods: "0" }), given], NOW);
    world.apply(planObject(world, refOf(given)).steps);
    const reasons = world.events.map(({ reason }) => reason);
    expect(reasons).toContain("FailedCreate");
    expect(reasons).not.toContain("SuccessfulCreate");
    expect(world.list("v1", "Pod")).toEqual([]);
  });

  test("pods are made as they are admitted", () => {
    const world = new SimWorld([rs()], NOW);
    const [step] = planObject(world, refOf(rs())).steps;
    expect(step).toMatchObject({
      object: { spec: { serviceAccountName: "default", priority: 0 } },
    });
    expect(refKey(refOf(rs())) && formatRef(refOf(rs()))).toBe("ReplicaSet shop/web");
  });
});
