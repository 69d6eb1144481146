import { describe, expect, test } from "vitest";
import type { ApiObject } from "../../src/model/meta.ts";
import { formatProblem } from "../../src/model/problem.ts";
import type { DeclaredObject } from "../../src/planner/apply-manifest.ts";
import { checkReferences } from "../../src/planner/check-references.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";

type Fields = Readonly<Record<string, unknown>>;

function object(kind: string, name: string, rest: Fields = {}, apiVersion = "v1"): ApiObject {
  const place = kind === "PriorityClass" ? {} : { namespace: "shop" };
  return { apiVersion, kind, metadata: { name, ...place }, ...rest } as unknown as ApiObject;
}

const pod = (spec: Fields): ApiObject =>
  object("Pod", "web", { spec: { containers: [{ name: "web", image: "a" }], ...spec } });

function lines(declared: readonly ApiObject[], ...stored: ApiObject[]): string[] {
  const manifests: DeclaredObject[] = declared.map((item) => ({
    object: item,
    hash: "h",
    at: { file: "a.yaml", line: 1, column: 1 },
  }));
  return checkReferences(new SimWorld(stored, 0), manifests).map(formatProblem);
}

const env = (source: Fields): Fields => ({
  containers: [{ name: "web", image: "a", env: [{ name: "A", valueFrom: source }] }],
});

describe("checkReferences()", () => {
  test.each<[string, Fields, ApiObject]>([
    ["ConfigMap", { volumes: [{ name: "a", configMap: { name: "x" } }] }, object("ConfigMap", "x")],
    ["Secret", { volumes: [{ name: "a", secret: { secretName: "x" } }] }, object("Secret", "x")],
    [
      "PersistentVolumeClaim",
      { volumes: [{ name: "a", persistentVolumeClaim: { claimName: "x" } }] },
      object("PersistentVolumeClaim", "x"),
    ],
    ["ServiceAccount", { serviceAccountName: "x" }, object("ServiceAccount", "x")],
    [
      "PriorityClass",
      { priorityClassName: "x" },
      object("PriorityClass", "x", {}, "scheduling.k8s.io/v1"),
    ],
    [
      "Secret",
      { volumes: [{ name: "a", projected: { sources: [{ secret: { name: "x" } }] } }] },
      object("Secret", "x"),
    ],
  ])("a %s is in the commit or in the cluster", (kind, spec, target) => {
    const found = lines([pod(spec)]);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain("which neither this commit nor the cluster has");
    expect(found[0]).toContain(kind);
    expect(found[0]).toContain("[apply/no-reference]");
    expect(lines([pod(spec), target])).toEqual([]);
    expect(lines([pod(spec)], target)).toEqual([]);
  });

  test("a key must be there too, in what the commit will make of it", () => {
    const spec = env({ configMapKeyRef: { name: "x", key: "a" } });
    const without = object("ConfigMap", "x", { data: { b: "1" } });
    const having = object("ConfigMap", "x", { data: { a: "1" } });
    expect(lines([pod(spec)], having)).toEqual([]);
    const [found = ""] = lines([pod(spec), without], having);
    expect(found).toContain(
      'configMapKeyRef.key "a" is no key of ConfigMap "x"; add the key, or set optional: true [apply/no-reference]',
    );
  });

  test.each<[string, Fields]>([
    ["what is optional", env({ secretKeyRef: { name: "x", key: "a", optional: true } })],
    ["the default account", { serviceAccountName: "default" }],
    ["the cluster's own priority", { priorityClassName: "system-node-critical" }],
    ["Secrets of registries", { imagePullSecrets: [{ name: "x" }] }],
  ])("%s need not be there", (_what, spec) => {
    expect(lines([pod(spec)])).toEqual([]);
  });

  test.each<[string, string, (spec: Fields) => Fields]>([
    ["apps/v1", "Deployment", (spec) => ({ template: { spec } })],
    ["apps/v1", "StatefulSet", (spec) => ({ template: { spec } })],
    ["apps/v1", "DaemonSet", (spec) => ({ template: { spec } })],
    ["v1", "ReplicationController", (spec) => ({ template: { spec } })],
    ["batch/v1", "CronJob", (spec) => ({ jobTemplate: { spec: { template: { spec } } } })],
  ])("%s %s is looked into", (apiVersion, kind, wrap) => {
    const spec = wrap({ containers: [], serviceAccountName: "x" });
    expect(lines([object(kind, "web", { spec }, apiVersion)])).toHaveLength(1);
  });
});
