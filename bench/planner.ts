import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Deployment } from "../src/model/kinds.gen.ts";
import { parseRefKey, refOf, type ApiObject, type ObjectRef } from "../src/model/meta.ts";
import type { Plan } from "../src/model/plan.ts";
import { planObject, wakeKeysOfChange } from "../src/planner/plan-object.ts";
import type { ObjectStore } from "../src/store/object-store.ts";
import { compared, median } from "./harness.ts";
import type { Bar, BenchOptions, Metric } from "./harness.ts";
import { deploymentName, openBenchCluster, type BenchCluster } from "./planner-cluster.ts";

/*
 * Planning over the real store's cache: what is timed is finding out who is concerned by a change and planning them,
 * not writing. A change is a new image of a Deployment with 15 pods, all of them Ready, until nothing more is to be done
 * before new pods serve: the new ReplicaSet has its first pods, and the old one has lost its first.
 */
const SMALL = 67;
/** Fewer, to look at something in a shorter time. The bars are for the whole of it. */
const LARGE = Number(process.env["BERTH_BENCH_DEPLOYMENTS"] ?? 10_000);
const CHANGES = 50;
const WRITES_AT_ONCE = 256;

const ONE = "one changed Deployment among 10,000 (150,000 pods): planning";
const ALL = "all 10,000 Deployments changed at once: planning";
const FLAT = "planning of one change at 150,000 pods against 1,000 pods";
const REST = "looking at all 10,000 Deployments when nothing changed";
const PLANS = "plans for each of all changed Deployments, with its sets and pods";
const MEMORY = "memory for each of 150,000 pods, with its share of the rest";

export const bars: readonly Bar[] = [
  { metric: ONE, of: "value", below: 2 },
  { metric: ALL, of: "value", below: 10_000 },
  { metric: FLAT, of: "ratio", below: 1.5 },
];

export async function run({ say, signal }: BenchOptions): Promise<Metric[]> {
  const small = await measureSmall();
  say(`1,000 pods: ${median(small).toFixed(3)} ms a change`);
  signal.throwIfAborted();
  const before = usedBytes();
  await using cluster = await openBenchCluster(LARGE);
  const bytesPerPod = (usedBytes() - before) / cluster.pods;
  say(`150,000 pods: loaded, ${Math.round(bytesPerPod)} bytes for each pod`);
  signal.throwIfAborted();
  const rest = restMs(cluster);
  say(`150,000 pods: ${rest.toFixed(0)} ms to find all Deployments at rest`);
  const large = await changesMs(cluster, CHANGES);
  say(`150,000 pods: ${median(large).toFixed(3)} ms a change`);
  signal.throwIfAborted();
  const { ms: all, plans } = await allChanges(cluster, LARGE);
  say(`150,000 pods: ${all.toFixed(0)} ms for all Deployments`);
  return [
    { name: ONE, value: round(median(large)), unit: "ms" },
    { name: ALL, value: round(all), unit: "ms" },
    compared(FLAT, "ms", large, small),
    { name: REST, value: round(rest), unit: "ms" },
    { name: PLANS, value: round(plans / LARGE), unit: "plans" },
    { name: MEMORY, value: Math.round(bytesPerPod), unit: "bytes" },
  ];
}

/** Like the large cluster, but for its size: what runs first only warms up. */
async function measureSmall(): Promise<readonly number[]> {
  {
    await using cluster = await openBenchCluster(SMALL);
    await changesMs(cluster, SMALL);
  }
  await using cluster = await openBenchCluster(SMALL);
  return await changesMs(cluster, CHANGES);
}

function restMs({ world, now }: BenchCluster): number {
  const startedAt = performance.now();
  for (const object of world.list("apps/v1", "Deployment")) {
    const { steps } = planObject(world.at(now), refOf(object));
    if (steps.length > 0) throw new Error("a Deployment at rest has a plan");
  }
  return performance.now() - startedAt;
}

let versions = 1;

/** The planning time of each of `count` changes, one after the other. */
async function changesMs(cluster: BenchCluster, count: number): Promise<readonly number[]> {
  const times: number[] = [];
  const planning = new Planning(cluster);
  versions += 1;
  for (let index = 0; index < count; index += 1) {
    await changeImage(cluster, index);
    times.push(await planning.settle());
  }
  planning.close();
  return times;
}

/** The planning time of all changes at once, round by round: what one round plans is written before the next. */
async function allChanges(
  cluster: BenchCluster,
  count: number,
): Promise<{ readonly ms: number; readonly plans: number }> {
  const planning = new Planning(cluster);
  versions += 1;
  await inParallel(
    Array.from({ length: count }, (_, index) => index),
    (index) => changeImage(cluster, index),
  );
  const ms = await planning.settle();
  planning.close();
  return { ms, plans: planning.plans };
}

async function changeImage({ objects }: BenchCluster, index: number): Promise<void> {
  const ref = { apiVersion: "apps/v1", kind: "Deployment", ...deploymentName(index) };
  const deployment = objects.get(ref)?.object as Deployment;
  const [container] = deployment.spec.template.spec.containers;
  if (container === undefined) throw new Error("a Deployment without a container");
  const image = `registry.example/web:${versions}.0.0`;
  const { template } = deployment.spec;
  const spec = { ...template.spec, containers: [{ ...container, image }] };
  const next: Deployment = {
    ...deployment,
    spec: { ...deployment.spec, template: { ...template, spec } },
  };
  await objects.update(next);
}

/** The planner's loop with a stop-watch: finding out who is concerned and planning them are timed, writing is not. */
class Planning {
  readonly #cluster: BenchCluster;
  #keys = new Set<string>();
  readonly #unsubscribe: () => void;
  #ms = 0;
  plans = 0;

  constructor(cluster: BenchCluster) {
    this.#cluster = cluster;
    const { world, now, objects } = cluster;
    this.#unsubscribe = objects.subscribe((event) => {
      const startedAt = performance.now();
      const { kind, previous } = event;
      const after = kind === "deleted" && previous !== undefined ? undefined : event.object;
      for (const key of wakeKeysOfChange(world.at(now), previous, after)) this.#keys.add(key);
      this.#ms += performance.now() - startedAt;
    });
  }

  close(): void {
    this.#unsubscribe();
  }

  /** Plans and writes until nothing is left to plan. Returns what the planning alone took, since the last call. */
  async settle(): Promise<number> {
    while (this.#keys.size > 0) {
      const keys = [...this.#keys];
      this.#keys = new Set();
      this.plans += keys.length;
      const startedAt = performance.now();
      const plans = keys.map((key) => this.#plan(parseRefKey(key)));
      this.#ms += performance.now() - startedAt;
      await inParallel(plans, (plan) => carryOut(plan, this.#cluster.objects));
    }
    const ms = this.#ms;
    this.#ms = 0;
    return ms;
  }

  #plan(ref: ObjectRef): Plan {
    const { world, now } = this.#cluster;
    return planObject(world.at(now), ref);
  }
}

async function carryOut({ steps }: Plan, objects: ObjectStore): Promise<void> {
  for (const step of steps) {
    if (step.kind === "create") await objects.create(step.object);
    else if (step.kind === "update") await objects.update(step.object);
    else if (step.kind === "update-status") await updateStatus(step.object, objects);
    else if (step.kind === "delete") await objects.remove(step.ref, { uid: step.uid });
  }
}

/** A status whose object an earlier step of the plan changed is planned again. */
async function updateStatus(object: ApiObject, objects: ObjectStore): Promise<void> {
  const current = objects.get(refOf(object));
  if (current?.object.metadata.resourceVersion !== object.metadata.resourceVersion) return;
  await objects.updateStatus(object);
}

/** Many at a time, so that the store commits them in groups. */
async function inParallel<T>(items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += WRITES_AT_ONCE)
    await Promise.all(items.slice(start, start + WRITES_AT_ONCE).map(task));
}

/** Heap and buffers in use, after a collection. */
function usedBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
