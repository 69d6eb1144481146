import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Pod, ReplicaSet } from "../src/model/kinds.gen.ts";
import { controllerRef } from "../src/model/meta.ts";
import { newSchedulerCore } from "../src/scheduler/core.ts";
import type { BenchOptions, Metric } from "./harness.ts";
import { makeNodes, makePods, ZONE } from "./scheduler-workloads.ts";

const PODS = 150_000;
/** Pods of one ReplicaSet. */
const REPLICAS = 100;

/** Places 150,000 pods of 1,500 workloads on an empty cluster: every fifth spread over zones, every tenth kept apart. */
export function placeCold(nodes: number, say: BenchOptions["say"]): Metric[] {
  const { sets, pods } = makeWorld();
  const memoryBefore = usedMemory();
  const startedAt = performance.now();
  const core = newSchedulerCore();
  for (const object of [...sets, ...makeNodes(nodes, ["z1", "z2", "z3"])]) core.upsert(object);
  const times = new Float64Array(pods.length);
  for (const [index, pod] of pods.entries()) {
    const from = performance.now();
    const placement = core.place(pod);
    if (placement.kind === "refused") throw new Error(`${pod.metadata.name} fits nowhere`);
    core.assume(pod, placement.node);
    times[index] = performance.now() - from;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const p99 = (times.toSorted()[Math.floor(times.length * 0.99)] ?? 0) * 1000;
  const memory = (usedMemory() - memoryBefore) / 2 ** 20;
  // What is measured must be there until now.
  if (core.nodeNames().length !== nodes) throw new Error("nodes are missing");
  say(`cold: ${seconds.toFixed(1)} s, p99 ${p99.toFixed(0)} us, ${memory.toFixed(0)} MiB`);
  const name = `150,000 pods on ${nodes.toLocaleString("en")} empty nodes`;
  return [
    { name: `${name}: time`, value: Number(seconds.toPrecision(3)), unit: "s" },
    { name: `${name}: p99 per pod`, value: Number(p99.toPrecision(3)), unit: "us" },
    { name: `${name}: memory, pods apart`, value: Math.round(memory), unit: "MiB" },
  ];
}

const collectGarbage = (): void => {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
};

function usedMemory(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function makeWorld(): { readonly sets: readonly ReplicaSet[]; readonly pods: readonly Pod[] } {
  const sets: ReplicaSet[] = [];
  const pods: Pod[] = [];
  for (let index = 0; index < PODS / REPLICAS; index += 1) {
    const labels = { app: `app-${index}` };
    const selector = { matchLabels: labels };
    const [template] = makePods(1, "template", "default");
    if (template === undefined) continue;
    const set: ReplicaSet = {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: { name: `app-${index}`, namespace: "default", uid: `set-${index}` },
      spec: {
        replicas: REPLICAS,
        selector,
        template: { metadata: { labels }, spec: template.spec },
      },
    };
    sets.push(set);
    const made = makePods(REPLICAS, `app-${index}`, "default", {
      cpu: "100m",
      memory: "500Mi",
      labels,
      spec: {
        ...(index % 5 === 0
          ? {
              topologySpreadConstraints: [
                {
                  maxSkew: 1,
                  topologyKey: ZONE,
                  whenUnsatisfiable: "DoNotSchedule",
                  labelSelector: selector,
                },
              ],
            }
          : {}),
        ...(index % 10 === 1
          ? {
              affinity: {
                podAntiAffinity: {
                  preferredDuringSchedulingIgnoredDuringExecution: [
                    {
                      weight: 100,
                      podAffinityTerm: {
                        topologyKey: "kubernetes.io/hostname",
                        labelSelector: selector,
                      },
                    },
                  ],
                },
              },
            }
          : {}),
      },
    });
    for (const pod of made)
      pods.push({ ...pod, metadata: { ...pod.metadata, ownerReferences: [controllerRef(set)] } });
  }
  return { sets, pods };
}
