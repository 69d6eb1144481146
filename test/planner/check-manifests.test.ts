import { describe, expect, test } from "vitest";
import type { Service } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { formatProblem } from "../../src/model/problem.ts";
import type { DeclaredObject } from "../../src/planner/apply-manifest.ts";
import { checkManifests, planApply } from "../../src/planner/check-manifests.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";

const OPTIONS = { app: "root", serviceCidr: "10.96.0.0/30", reservedIps: [] };

function declared(object: Record<string, unknown>, line = 1): DeclaredObject {
  return {
    object: object as unknown as ApiObject,
    hash: "h",
    at: { file: "a.yaml", line, column: 1 },
  };
}

function service(name: string, spec: Partial<Service["spec"]> = {}): Record<string, unknown> {
  const ports = [{ protocol: "TCP", port: 80, targetPort: 80 }];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "default" },
    spec: { type: "ClusterIP", sessionAffinity: "None", ports, ...spec },
  };
}

const namespace = (name: string, metadata: Record<string, unknown> = {}): ApiObject =>
  ({ apiVersion: "v1", kind: "Namespace", metadata: { name, ...metadata } }) as ApiObject;
const world = (...objects: ApiObject[]): SimWorld =>
  new SimWorld([namespace("default"), ...objects], Date.UTC(2026, 0, 2));

describe("planApply()", () => {
  const ips = (
    manifests: readonly DeclaredObject[],
    stored: readonly ApiObject[] = [],
  ): (string | undefined)[] =>
    planApply(world(...stored), manifests, OPTIONS).steps.map(
      ({ object }) => (object as Service).spec.clusterIP,
    );

  test("gives nobody by chance what a later manifest asks for by name", () => {
    for (const wanted of ["10.96.0.1", "10.96.0.2"]) {
      const chosen = ips([
        declared(service("any")),
        declared(service("named", { clusterIP: wanted })),
      ]);
      expect(chosen[1]).toBe(wanted);
      expect(chosen[0]).not.toBe(wanted);
      expect(chosen[0]).toBeDefined();
    }
  });

  test("two that are allocated in one commit get different addresses, and a third finds none left", () => {
    const plan = planApply(
      world(),
      ["a", "b", "c"].map((name) => declared(service(name))),
      OPTIONS,
    );
    expect(new Set(plan.steps.map(({ object }) => (object as Service).spec.clusterIP))).toEqual(
      new Set(["10.96.0.1", "10.96.0.2"]),
    );
    expect(plan.problems.map(({ code }) => code)).toEqual(["service/cluster-ip"]);
  });

  test("what is as declared is not written again", () => {
    const first = planApply(world(), [declared(service("a"))], OPTIONS).steps[0];
    if (first === undefined) throw new Error("no step");
    const again = planApply(world(first.object), [declared(service("a"))], OPTIONS);
    expect(again).toEqual({ steps: [], problems: [] });
  });
});

describe("checkManifests()", () => {
  const lines = (manifests: readonly DeclaredObject[], ...stored: ApiObject[]): string[] =>
    checkManifests(world(...stored), manifests, OPTIONS).map(formatProblem);
  const configMap = (name: string, where: string): Record<string, unknown> => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: where },
  });

  test("refuses a namespace that nobody has, not one that the commit brings", () => {
    expect(lines([declared(configMap("c", "shop"), 3)])).toEqual([
      'a.yaml:3:1: ConfigMap shop/c: namespace "shop" does not exist; commit a Namespace manifest with that name, or correct metadata.namespace [apply/no-namespace]',
    ]);
    expect(
      lines([
        declared(namespace("shop") as unknown as Record<string, unknown>),
        declared(configMap("c", "shop")),
      ]),
    ).toEqual([]);
    expect(lines([declared(configMap("c", "shop"))], namespace("shop"))).toEqual([]);
  });

  test("refuses what is declared in an unmanaged namespace, as the commit itself has it", () => {
    const unmanaged = (value: string): ApiObject =>
      namespace("shop", { annotations: { "berth.dev/unmanaged": value } });
    const map = declared(configMap("c", "shop"));
    const commit = (value: string): DeclaredObject =>
      declared(unmanaged(value) as unknown as Record<string, unknown>);
    const code = /\[apply\/unmanaged-namespace\]$/;
    expect(lines([map], unmanaged("true"))).toEqual([expect.stringMatching(code)]);
    expect(lines([map, commit("true")])).toEqual([expect.stringMatching(code)]);
    expect(lines([map, commit("true")], namespace("shop"))).toEqual([expect.stringMatching(code)]);
    expect(lines([map, commit("false")], unmanaged("true"))).toEqual([]);
  });

  test("refuses a namespace that is being deleted", () => {
    const going = namespace("shop", { deletionTimestamp: "2026-01-01T00:00:00Z" });
    expect(lines([declared(configMap("c", "shop"))], going).join()).toContain(
      "[apply/namespace-terminating]",
    );
  });

  test("tells all, in the order of their places", () => {
    const found = lines([
      declared(service("late", { clusterIP: "10.96.9.9" }), 9),
      declared(configMap("c", "nowhere"), 2),
    ]);
    expect(found.map((line) => line.split(" ")[0])).toEqual(["a.yaml:2:1:", "a.yaml:9:1:"]);
  });
});
