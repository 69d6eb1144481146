import { describe, expect, test } from "vitest";
import type { ConfigMap, Deployment, PodSpec, Secret } from "../../src/model/kinds.gen.ts";
import { refKey, type ApiObject } from "../../src/model/meta.ts";
import { planDeployment } from "../../src/planner/plan-deployment.ts";
import {
  DIGEST_ANNOTATION,
  RESTART_ANNOTATION,
  rolledBy,
  templateWithConfig,
} from "../../src/planner/restart-on-config.ts";
import { container, deployment, podSpec, template } from "../support/builders.ts";
import { daemonSet, statefulSet } from "../support/set-builders.ts";
import { render, worldOf } from "../support/world.ts";

const opted = { annotations: { [RESTART_ANNOTATION]: "true" } };

const config = (name: string, data: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "shop", uid: `uid-cm-${name}` },
  data: { key: data },
});
const secret = (name: string, data: string): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: "shop", uid: `uid-secret-${name}` },
  type: "Opaque",
  data: { key: data },
});

const uses = (fields: Partial<PodSpec>): Deployment =>
  deployment({ template: { ...template(), spec: podSpec(fields) } }, opted);

const env = uses({
  containers: [
    container({
      env: [
        { name: "A", valueFrom: { configMapKeyRef: { name: "a", key: "key" } } },
        { name: "S", valueFrom: { secretKeyRef: { name: "s", key: "key" } } },
      ],
    }),
  ],
});

function digest(objects: readonly ApiObject[], workload = env): string | undefined {
  return templateWithConfig(worldOf(objects), workload).metadata?.annotations?.[DIGEST_ANNOTATION];
}

const there = [config("a", "1"), secret("s", "1")];

describe("templateWithConfig()", () => {
  test("who did not opt in keeps the declared template", () => {
    const plain = { ...env, metadata: deployment().metadata };
    expect(templateWithConfig(worldOf(there), plain)).toBe(plain.spec.template);
    const no = {
      ...env,
      metadata: { ...env.metadata, annotations: { [RESTART_ANNOTATION]: "false" } },
    };
    expect(templateWithConfig(worldOf(there), no)).toBe(no.spec.template);
  });

  test("who uses nothing keeps it too", () => {
    const none = uses({});
    expect(templateWithConfig(worldOf(there), none)).toBe(none.spec.template);
  });

  test("the digest follows the content, and nothing but it", () => {
    const first = digest(there);
    expect(first).toBeDefined();
    expect(digest(there.toReversed())).toBe(first);
    expect(digest([...there, config("other", "9")])).toBe(first);
    const relabelled = {
      ...config("a", "1"),
      metadata: { ...config("a", "1").metadata, labels: { x: "y" }, uid: "new" },
    };
    expect(digest([relabelled, secret("s", "1")])).toBe(first);
    expect(digest([config("a", "2"), secret("s", "1")])).not.toBe(first);
    expect(digest([config("a", "1"), secret("s", "2")])).not.toBe(first);
  });

  test("the declared annotations stay", () => {
    const annotated = { ...env.spec.template, metadata: { annotations: { team: "a" } } };
    const workload = deployment({ template: annotated }, opted);
    const { annotations } = templateWithConfig(worldOf(there), workload).metadata ?? {};
    expect(annotations).toMatchObject({ team: "a", [DIGEST_ANNOTATION]: digest(there) });
  });

  const defaultMode = 420;
  const items = [{ key: "key", path: "p" }];
  const REFERENCES: readonly (readonly [where: string, fields: Partial<PodSpec>])[] = [
    ["envFrom", { containers: [container({ envFrom: [{ configMapRef: { name: "a" } }] })] }],
    ["envFrom, Secret", { containers: [container({ envFrom: [{ secretRef: { name: "s" } }] })] }],
    [
      "init container",
      { initContainers: [container({ envFrom: [{ configMapRef: { name: "a" } }] })] },
    ],
    ["volume", { volumes: [{ name: "v", configMap: { name: "a", defaultMode } }] }],
    ["volume, Secret", { volumes: [{ name: "v", secret: { secretName: "s", defaultMode } }] }],
    [
      "projected volume",
      {
        volumes: [
          { name: "v", projected: { defaultMode, sources: [{ configMap: { name: "a", items } }] } },
        ],
      },
    ],
    [
      "projected volume, Secret",
      {
        volumes: [
          { name: "v", projected: { defaultMode, sources: [{ secret: { name: "s", items } }] } },
        ],
      },
    ],
  ];
  test.for(REFERENCES)("sees what is used by %s", ([, fields]) => {
    const workload = uses(fields);
    const before = digest(there, workload);
    expect(before).toBeDefined();
    expect(digest([config("a", "2"), secret("s", "2")], workload)).not.toBe(before);
  });

  test("binary data counts", () => {
    const binary = { ...config("a", "1"), binaryData: { blob: "AA==" } };
    expect(digest([binary, secret("s", "1")])).not.toBe(digest(there));
  });

  test("what is missing rolls nothing: it counts as it was last", () => {
    const made = planDeployment(worldOf([env, ...there]), env).steps.flatMap((step) =>
      step.kind === "create"
        ? [{ ...step.object, metadata: { ...step.object.metadata, uid: "u1" } }]
        : [],
    );
    expect(digest([env, ...made, secret("s", "1")])).toBe(digest(there));
    expect(digest([env, ...made, secret("s", "2")])).toBe(
      digest([config("a", "1"), secret("s", "2")]),
    );
    expect(digest([env, ...made, config("a", "2")])).toBe(
      digest([config("a", "2"), secret("s", "1")]),
    );
  });

  test("what was never there does not count", () => {
    expect(digest([])).toBeUndefined();
    const alone = digest([config("a", "1")]) ?? "";
    expect(digest(there)?.split(".")).toContain(alone);
  });
});

describe("a Deployment that opted in", () => {
  test("gets a new set when the data changes; what Git declares stays untouched", () => {
    const world = worldOf([env, ...there]);
    const steps = planDeployment(world, env).steps;
    world.apply(steps);
    for (const step of steps)
      if (step.kind === "update" && step.object.kind === "Deployment")
        expect((step.object as Deployment).spec).toEqual(env.spec);
    world.declare(config("a", "2"));
    const stored = world.list("apps/v1", "Deployment")[0] as Deployment;
    expect(stored.spec).toEqual(env.spec);
    expect(render(planDeployment(world, stored)).find((line) => line.startsWith("create"))).toMatch(
      /^create ReplicaSet .*\(NewRevision\)$/,
    );
  });
});

describe("rolledBy()", () => {
  const spec = env.spec.template;
  const workloads = [
    env,
    statefulSet({ template: spec }, opted),
    daemonSet({ template: spec }, opted),
    deployment({ template: spec }, { name: "plain", uid: "uid-plain" }),
    deployment({ template: spec }, { ...opted, name: "far", namespace: "far", uid: "uid-far" }),
  ];
  const woken = (object: ApiObject): readonly string[] =>
    rolledBy(worldOf(workloads), object).map(refKey);

  test("those that opted in and use it, in its namespace", () => {
    const all = [
      "apps/v1/Deployment/shop/web",
      "apps/v1/StatefulSet/shop/web",
      "apps/v1/DaemonSet/shop/log",
    ];
    expect(woken(config("a", "1"))).toEqual(all);
    expect(woken(secret("s", "1"))).toEqual(all);
    expect(woken(config("s", "1"))).toEqual([]);
    expect(woken(config("b", "1"))).toEqual([]);
    expect(woken(env)).toEqual([]);
  });
});
