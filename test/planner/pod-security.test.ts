import { describe, expect, test } from "vitest";
import type { Namespace, PodSpec } from "../../src/model/kinds.gen.ts";
import { refOf, type ApiObject } from "../../src/model/meta.ts";
import type { Plan } from "../../src/model/plan.ts";
import { formatProblem } from "../../src/model/problem.ts";
import { admitPlan } from "../../src/planner/admit-plan.ts";
import { admitPod } from "../../src/planner/admit-pod.ts";
import type { DeclaredObject } from "../../src/planner/apply-manifest.ts";
import {
  checkPodSecurity,
  podSecurityWarnings,
  warnPodSecurity,
} from "../../src/planner/pod-security.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { refusedMakers } from "../../src/planner/wake-rules.ts";
import {
  cronJob,
  deployment,
  namespace,
  NOW,
  pod,
  podSpec,
  replicaSet,
  template,
} from "../support/builders.ts";

const HOST: Partial<PodSpec> = { hostNetwork: true };
const WHY = 'PodSecurity "baseline:latest": host namespaces (hostNetwork=true)';

function labelled(mode: string, level = "baseline"): Namespace {
  const made = namespace("shop");
  const labels = { [`pod-security.kubernetes.io/${mode}`]: level };
  return { ...made, metadata: { ...made.metadata, labels } };
}

function declare(...objects: readonly ApiObject[]): readonly DeclaredObject[] {
  return objects.map((object, index) => ({
    object,
    hash: "h",
    at: { file: "a.yaml", line: index + 1, column: 1 },
  }));
}

const world = (...objects: readonly ApiObject[]): SimWorld => new SimWorld(objects, NOW);
const safe = pod({ name: "safe" });
const unsafe = pod({ name: "p", spec: HOST });
const web = deployment({ template: template("v1", HOST) });
const tick = cronJob({
  jobTemplate: {
    spec: { ...cronJob().spec.jobTemplate.spec, template: { spec: podSpec(HOST) } },
  },
});

describe("admitPod() under a Pod Security level", () => {
  test("refuses what the namespace does not allow", () => {
    expect(admitPod(world(labelled("enforce")), unsafe)).toEqual({
      kind: "refused",
      why: `violates ${WHY}`,
    });
  });

  test.each([
    ["another pod", world(labelled("enforce")), safe],
    ["only warned of", world(labelled("warn")), unsafe],
    ["only audited", world(labelled("audit")), unsafe],
    ["no labels", world(namespace("shop")), unsafe],
    ["no namespace that is known", world(), unsafe],
  ])("admits: %s", (_what, given, wanted) => {
    expect(admitPod(given, wanted).kind).toBe("admitted");
  });

  test("a controller tells that its pods are refused", () => {
    const owner = replicaSet({ replicas: 1 });
    const plan: Plan = { steps: [{ kind: "create", object: unsafe, reason: "MissingReplica" }] };
    const { steps } = admitPlan(world(labelled("enforce")), owner, plan);
    expect(steps.filter(({ kind }) => kind === "create")).toEqual([]);
    expect(steps.find(({ kind }) => kind === "event")).toMatchObject({
      reason: "FailedCreate",
      message: `Error creating: pods "p" is forbidden: violates ${WHY}`,
    });
  });

  test("other labels of the namespace wake who misses pods", () => {
    const owner = replicaSet({ replicas: 1 });
    expect(refusedMakers(world(owner), namespace("shop"))).toEqual([refOf(owner)]);
    expect(refusedMakers(world(owner), namespace("other"))).toEqual([]);
  });
});

describe("checkPodSecurity()", () => {
  const check = (given: SimWorld, ...objects: readonly ApiObject[]): readonly string[] =>
    checkPodSecurity(given, declare(...objects)).map(formatProblem);

  test("rejects a Pod, by the stored namespace or the commit's own", () => {
    const told = (line: number): string =>
      `a.yaml:${line}:1: Pod shop/p: violates ${WHY}; change what the pods ask for, ` +
      "or the labels pod-security.kubernetes.io of the Namespace [apply/pod-security]";
    expect(check(world(labelled("enforce")), unsafe)).toEqual([told(1)]);
    expect(check(world(), labelled("enforce"), unsafe)).toEqual([told(2)]);
    expect(check(world(namespace("shop")), labelled("enforce"), unsafe)).toEqual([told(2)]);
  });

  test("leaves alone what the commit itself allows, what is there already, and workloads", () => {
    expect(check(world(labelled("enforce")), namespace("shop"), unsafe)).toEqual([]);
    expect(check(world(labelled("enforce"), unsafe), unsafe)).toEqual([]);
    expect(check(world(labelled("enforce")), web, safe)).toEqual([]);
  });
});

describe("warnings", () => {
  test.each([
    ["Pod", unsafe],
    ["Deployment", web],
    ["CronJob", tick],
  ])("%s", (kind, object) => {
    const given = world(labelled("enforce"));
    expect(podSecurityWarnings(given, object)).toEqual([`would violate ${WHY}`]);
    expect(warnPodSecurity(given, declare(object))).toMatchObject([
      {
        code: "apply/pod-security",
        message: expect.stringMatching(new RegExp(`^${kind} shop/.*: would violate `)) as string,
      },
    ]);
  });

  test("by the level that is warned of, of the commit's own namespace first", () => {
    const labels = {
      ...labelled("enforce").metadata.labels,
      "pod-security.kubernetes.io/warn": "privileged",
    };
    const quiet = { ...namespace("shop"), metadata: { name: "shop", labels } };
    expect(podSecurityWarnings(world(quiet), web)).toEqual([]);
    expect(warnPodSecurity(world(quiet), declare(labelled("warn"), web))).toHaveLength(1);
    expect(podSecurityWarnings(world(labelled("warn", "restricted")), web)[0]).toContain(
      'would violate PodSecurity "restricted:latest": host namespaces (hostNetwork=true), allowPrivilegeEscalation',
    );
  });

  test("nothing of other kinds, and of none in no namespace", () => {
    const given = world(labelled("enforce"));
    expect(podSecurityWarnings(given, labelled("enforce"))).toEqual([]);
    const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "shop" } };
    expect(podSecurityWarnings(given, map)).toEqual([]);
  });
});
