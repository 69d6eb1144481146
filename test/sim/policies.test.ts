import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { EndpointSlice, Pod } from "../../src/model/kinds.gen.ts";
import type { DeclaredObject } from "../../src/planner/apply-manifest.ts";
import { planApply } from "../../src/planner/check-manifests.ts";
import { forecast, type Forecast } from "../../src/planner/forecast.ts";
import { SimCluster } from "../../src/planner/sim-cluster.ts";
import type { SimWorld } from "../../src/planner/sim-world.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import { namespace, node } from "../support/builders.ts";
import { planApp } from "../support/plan-world.ts";
import { placePods } from "../support/place-pods.ts";
import { worldOf } from "../support/world.ts";

const EXAMPLES = new URL("../../examples/", import.meta.url);
const OPTIONS = { app: "root", serviceCidr: "10.96.0.0/16", reservedIps: [] };

function load(
  example: string,
  edit: (text: string) => string = (text) => text,
): readonly DeclaredObject[] {
  const folder = new URL(`${example}/`, EXAMPLES);
  const files = readdirSync(folder).map((path) => ({
    path,
    content: Buffer.from(edit(readFileSync(new URL(path, folder), "utf8"))),
  }));
  const { manifests, problems, warnings } = loadManifests(files, { namespace: "default" });
  expect({ problems, warnings }).toEqual({ problems: [], warnings: [] });
  return manifests;
}

const emptyCluster = (): SimWorld => worldOf([namespace("default"), node({ name: "a" })]);

function foresee(manifests: readonly DeclaredObject[]): Forecast {
  const app = { app: "root", spec: planApp().spec, problems: [], releases: [] };
  return forecast(emptyCluster(), {
    ...OPTIONS,
    apps: [{ ...app, manifests, commitMessage: "change" }],
    schedule: placePods,
  });
}

/** Applies an example and lets everything come to rest. */
function run(manifests: readonly DeclaredObject[]): SimWorld {
  const world = emptyCluster();
  for (const { object } of planApply(world, manifests, OPTIONS).steps) world.declare(object);
  const cluster = new SimCluster(world, {
    startMs: 1000,
    stopMs: 1000,
    workMs: 1000,
    schedule: placePods,
    fateOf: () => "serves",
  });
  cluster.wakeAll();
  expect(cluster.settle(world.now + 60_000, 5000)).toBe(true);
  return world;
}

describe("examples/quota", () => {
  test("comes up, each container with what the limit range gives", () => {
    const world = run(load("quota"));
    const pods = world.list("v1", "Pod", "team") as readonly Pod[];
    expect(pods).toHaveLength(2);
    expect(pods[0]?.spec).toMatchObject({ serviceAccountName: "worker", priority: 1000 });
    expect(pods[0]?.spec.containers[0]?.resources).toEqual({
      limits: { cpu: "200m", memory: "64Mi" },
      requests: { cpu: "50m", memory: "32Mi" },
    });
    expect(world.list("v1", "ResourceQuota", "team")[0]).toMatchObject({
      status: {
        used: {
          pods: "2",
          "requests.cpu": "100m",
          "limits.memory": "128Mi",
          "count/deployments.apps": "1",
        },
      },
    });
    const accounts = world.list("v1", "ServiceAccount", "team");
    expect(accounts.map(({ metadata }) => metadata.name)).toEqual(["default", "worker"]);
  });

  test("more replicas than the quota allows are told before they are committed", () => {
    const { apps } = foresee(load("quota", (text) => text.replace("replicas: 2", "replicas: 5")));
    const problems = apps.flatMap((app) => app.problems);
    expect(problems.map(({ code }) => code)).toEqual(["apply/quota"]);
    expect(problems[0]?.at.file).toBe("deployment.yaml");
  });

  test("applying it again changes nothing", () => {
    const world = run(load("quota"));
    expect(planApply(world, load("quota"), OPTIONS).steps).toEqual([]);
  });
});

describe("examples/service", () => {
  test("comes up, with endpoints of pods and of people", () => {
    const world = run(load("service"));
    const slices = world.list("discovery.k8s.io/v1", "EndpointSlice") as readonly EndpointSlice[];
    const ready = (service: string): number =>
      slices
        .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === service)
        .flatMap(({ endpoints }) => endpoints)
        .filter(({ conditions }) => conditions.ready).length;
    expect([ready("web"), ready("database")]).toEqual([2, 1]);
    expect(world.list("v1", "Endpoints").map(({ metadata }) => metadata.name)).toEqual(["web"]);
  });
});
