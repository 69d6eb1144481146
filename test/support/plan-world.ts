import type { App, Node, Release } from "../../src/model/kinds.gen.ts";
import { refOf, type ApiObject } from "../../src/model/meta.ts";
import type { DeclaredObject } from "../../src/planner/apply-manifest.ts";
import { planApply } from "../../src/planner/check-manifests.ts";
import type { AppChange } from "../../src/planner/forecast.ts";
import { SimCluster } from "../../src/planner/sim-cluster.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import { placeAll } from "../../src/scheduler/queue-forecast.ts";
import type { ClusterState } from "../../src/cli/snapshot.ts";
import { namespace, NOW } from "./builders.ts";

export const PLAN_NETWORK = { serviceCidr: "10.96.0.0/16", dnsIp: "10.96.0.10" };

/** An App of a repository that nobody has to have. */
export function planApp(name = "root", fields: Partial<App["spec"]> = {}): App {
  return {
    apiVersion: "berth.dev/v1",
    kind: "App",
    metadata: { name, uid: `uid-app-${name}` },
    spec: {
      repo: "https://git.example/shop.git",
      branch: "main",
      path: ".",
      namespace: "shop",
      intervalSeconds: 15,
      prune: true,
      ...fields,
    },
  };
}

/** Manifests of texts, by file. */
export function declared(
  files: Readonly<Record<string, string>>,
): Pick<AppChange, "manifests" | "problems"> {
  const sources = Object.entries(files).map(([path, text]) => ({
    path,
    content: Buffer.from(text),
  }));
  return loadManifests(sources, { namespace: "shop" });
}

/** A healthy release of what is declared. */
export function released(
  manifests: readonly DeclaredObject[],
  tree: string,
  app = "root",
  sequence = 1,
): Release {
  return {
    apiVersion: "berth.dev/v1",
    kind: "Release",
    metadata: { name: `${app}-${sequence}`, labels: { "berth.dev/app": app } },
    spec: {
      app,
      sequence,
      repo: "https://git.example/shop.git",
      path: ".",
      commit: "c".repeat(40),
      tree,
      author: "Ada <ada@example.org>",
      subject: "first",
      committedAt: "2026-01-01T00:00:00Z",
    },
    status: {
      phase: "Healthy",
      startedAt: "2026-01-01T00:00:00Z",
      inventory: manifests.map(({ object }) => refOf(object)),
    },
  };
}

/** A cluster on which a release of `files` has come to rest. */
export function runningState(
  nodes: readonly Node[],
  files: Readonly<Record<string, string>>,
  more: readonly ApiObject[] = [],
): ClusterState {
  const { manifests, problems } = declared(files);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  const world = new SimWorld([namespace("default"), namespace("shop"), ...nodes, ...more], NOW);
  settle(world, manifests);
  const release = released(manifests, "tree-1");
  return stateOf([...world.all(), planApp(), release], world.now + 60_000);
}

export function stateOf(objects: readonly ApiObject[], now: number = NOW): ClusterState {
  const masked = (object: ApiObject): ApiObject => object;
  return { objects, ...PLAN_NETWORK, takenAt: now, kind: "cluster", masked };
}

/** Applies manifests as the control plane does, and lets everything come to rest. */
export function settle(world: SimWorld, manifests: readonly DeclaredObject[], app = "root"): void {
  const cluster = new SimCluster(world, {
    startMs: 1000,
    stopMs: 1000,
    workMs: 1000,
    schedule: placeAll,
    fateOf: ({ spec }) => (spec.restartPolicy === "Always" ? "serves" : "succeeds"),
  });
  const { serviceCidr, dnsIp } = PLAN_NETWORK;
  const options = { app, serviceCidr, reservedIps: [dnsIp] };
  for (const { object } of planApply(world, manifests, options).steps) world.declare(object);
  cluster.wakeAll();
  if (!cluster.settle(world.now + 3_600_000, 20_000)) throw new Error("it does not settle");
}
