import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatTime } from "../src/base/clock.ts";
import { systemClock } from "../src/base/system-clock.ts";
import { StoreWorld } from "../src/controller/store-world.ts";
import type { Deployment, Node } from "../src/model/kinds.gen.ts";
import type { ApiObject } from "../src/model/meta.ts";
import { SimCluster } from "../src/planner/sim-cluster.ts";
import { SimWorld } from "../src/planner/sim-world.ts";
import { openObjectStore } from "../src/store/cached-object-store.ts";
import { openLmdbStore } from "../src/store/lmdb-store.ts";
import type { ObjectStore } from "../src/store/object-store.ts";

export const PODS_EACH = 15;
const PODS_PER_NODE = 30;
const NAMESPACES = 100;
const DEPLOYMENTS_PER_NODE = PODS_PER_NODE / PODS_EACH;
/** Objects of a transaction: a Deployment, its ReplicaSet and its pods fit. */
const BATCH = 80;
const NOW = Date.parse("2026-01-02T03:00:00Z");
const HOUR_MS = 3_600_000;
const MAX_ROUNDS = 10_000;

/** A cluster at rest in a real store, as the control plane sees it. */
export interface BenchCluster extends AsyncDisposable {
  readonly objects: ObjectStore;
  readonly world: StoreWorld;
  readonly now: number;
  readonly pods: number;
}

/** Deployments with 15 Ready pods each, two on a node, 100 namespaces, in an LMDB store of its own. */
export async function openBenchCluster(deployments: number): Promise<BenchCluster> {
  const folder = await mkdtemp(join(tmpdir(), "berth-bench-"));
  const store = await openLmdbStore({ path: join(folder, "store"), clock: systemClock });
  const objects = await openObjectStore({ store, clock: systemClock });
  let batch: ApiObject[] = [];
  const flush = async (): Promise<void> => {
    await objects.transact(batch.map((object) => ({ kind: "create", object })));
    batch = [];
  };
  for (let index = 0; index < deployments; index += 1) {
    const settled = settledDeployment(index);
    if (batch.length + settled.length > BATCH) await flush();
    batch.push(...settled);
  }
  await flush();
  return {
    objects,
    world: new StoreWorld(objects),
    now: NOW + 2 * HOUR_MS,
    pods: deployments * PODS_EACH,
    async [Symbol.asyncDispose]() {
      await objects.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function deploymentName(index: number): {
  readonly namespace: string;
  readonly name: string;
} {
  return { namespace: `team-${index % NAMESPACES}`, name: `web-${index}` };
}

/** What the planners and modelled nodes make of one Deployment, once nothing happens any more. */
function settledDeployment(index: number): readonly ApiObject[] {
  const node = benchNode(Math.floor(index / DEPLOYMENTS_PER_NODE));
  const world = new SimWorld([node, benchDeployment(index)], NOW);
  const cluster = new SimCluster(world, {
    startMs: 1000,
    stopMs: 1000,
    workMs: 1000,
    fateOf: () => "serves",
    schedule: ({ pods }) => ({
      unplaced: [],
      bindings: pods.map(({ metadata: { namespace = "", name, uid = "" } }) => ({
        namespace,
        name,
        uid,
        node: node.metadata.name,
      })),
    }),
  });
  cluster.wakeAll();
  if (!cluster.settle(NOW + HOUR_MS, MAX_ROUNDS)) throw new Error("the cluster does not settle");
  return world.all().filter(({ kind }) => kind !== "Node" || index % DEPLOYMENTS_PER_NODE === 0);
}

function benchDeployment(index: number): Deployment {
  const { namespace, name } = deploymentName(index);
  const labels = { app: name, tier: "web" };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace, labels, uid: `uid-${index}` },
    spec: {
      replicas: PODS_EACH,
      selector: { matchLabels: { app: name } },
      strategy: {
        type: "RollingUpdate",
        rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" },
      },
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      template: {
        metadata: { labels },
        spec: {
          restartPolicy: "Always",
          dnsPolicy: "ClusterFirst",
          schedulerName: "default-scheduler",
          terminationGracePeriodSeconds: 30,
          securityContext: {},
          containers: [
            {
              name: "web",
              image: "registry.example/web:1.0.0",
              imagePullPolicy: "IfNotPresent",
              ports: [{ containerPort: 8080, name: "http", protocol: "TCP" }],
              env: [{ name: "MODE", value: "production" }],
              resources: {
                requests: { cpu: "100m", memory: "64Mi" },
                limits: { memory: "128Mi" },
              },
              readinessProbe: {
                httpGet: { path: "/", port: "http", scheme: "HTTP" },
                periodSeconds: 10,
                timeoutSeconds: 1,
                successThreshold: 1,
                failureThreshold: 3,
              },
              terminationMessagePath: "/dev/termination-log",
              terminationMessagePolicy: "File",
            },
          ],
        },
      },
    },
  };
}

function benchNode(index: number): Node {
  const time = formatTime(NOW);
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: `node-${index}`, labels: { "kubernetes.io/hostname": `node-${index}` } },
    spec: { podCIDR: "10.32.0.0/24", podCIDRs: ["10.32.0.0/24"] },
    status: {
      allocatable: { cpu: "32", memory: "256Gi", pods: "110" },
      conditions: [{ type: "Ready", status: "True", lastTransitionTime: time }],
    },
  };
}
