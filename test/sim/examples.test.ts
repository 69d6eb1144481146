import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { DeclaredObject } from "../../src/planner/apply-manifest.ts";
import { forecast, type Forecast } from "../../src/planner/forecast.ts";
import type { SimWorld } from "../../src/planner/sim-world.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import { namespace, node } from "../support/builders.ts";
import { planApp } from "../support/plan-world.ts";
import { placePods } from "../support/place-pods.ts";
import { worldOf } from "../support/world.ts";

const EXAMPLES = new URL("../../examples/", import.meta.url);

/** The manifests of an example, as a commit of them would be read; `edit` may change the text of a file. */
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

function foresee(world: SimWorld, manifests: readonly DeclaredObject[]): Forecast {
  const app = { app: "root", spec: planApp().spec, problems: [], releases: [] };
  const answer = forecast(world, {
    apps: [{ ...app, manifests, commitMessage: "change" }],
    serviceCidr: "10.96.0.0/16",
    reservedIps: [],
    schedule: placePods,
  });
  expect(answer.apps.flatMap(({ problems }) => problems)).toEqual([]);
  expect(answer.rollout).toMatchObject({ isSettled: true, unplaced: [] });
  return answer;
}

const emptyCluster = (): SimWorld =>
  worldOf([namespace("default"), ...["a", "b"].map((name) => node({ name }))]);

describe("the examples of workloads", () => {
  test.for([
    ["statefulset", ["peers-0", "peers-1", "peers-2"]],
    ["daemonset", [/^node-reporter-/, /^node-reporter-/]],
    ["replicationcontroller", [/^legacy-/, /^legacy-/]],
    ["deployment", [/^greeter-/, /^greeter-/, /^greeter-/]],
  ] as const)("%s is valid without a warning, and comes up", ([example, pods]) => {
    const { rollout } = foresee(emptyCluster(), load(example));
    expect(rollout.deleted).toEqual([]);
    const names = rollout.created.map(({ pod }) => pod.name);
    expect(names).toEqual(
      pods.map((name) => (typeof name === "string" ? name : expect.stringMatching(name))),
    );
    expect(rollout.bindings).toHaveLength(pods.length);
  });
});
