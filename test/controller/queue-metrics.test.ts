import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { Loop } from "../../src/controller/loop.ts";
import { PLANNER_QUEUES, queueOf } from "../../src/controller/planner-queues.ts";
import { QueueMetrics } from "../../src/controller/queue-metrics.ts";
import { ManualClock, settle } from "../support/manual-clock.ts";

test("a loop's depth, adds, waits, looks and retries are told under its name", async () => {
  const clock = new ManualClock();
  const registry = new Registry();
  const stop = new AbortController();
  let release = (): void => undefined;
  const loop = new Loop({
    name: "planner-job",
    clock,
    logger: silentLogger,
    workers: 1,
    metrics: new QueueMetrics(registry),
    reconcile: async (key) => {
      if (key === "bad") throw new Error("no");
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return {};
    },
  });
  const running = loop.run(stop.signal);
  loop.add("first");
  await settle();
  loop.add("bad");
  loop.add("bad");
  expect(await figure(registry, 'workqueue_depth{name="planner-job"}')).toBe(1);
  await clock.advance(2000);
  release();
  await settle();
  expect(await figure(registry, 'workqueue_depth{name="planner-job"}')).toBe(0);
  expect(await figure(registry, 'workqueue_adds_total{name="planner-job"}')).toBe(2);
  expect(await figure(registry, 'workqueue_retries_total{name="planner-job"}')).toBe(1);
  expect(
    await figure(registry, 'workqueue_queue_duration_seconds_sum{name="planner-job"}'),
  ).toBeCloseTo(2);
  expect(
    await figure(registry, 'workqueue_work_duration_seconds_sum{name="planner-job"}'),
  ).toBeCloseTo(2);
  expect(await figure(registry, 'workqueue_work_duration_seconds_count{name="planner-job"}')).toBe(
    2,
  );
  stop.abort();
  await running;
});

test.each([
  ["apps/v1/Deployment/shop/web", "planner-deployment"],
  ["v1/Service/shop/web", "planner-service"],
  ["v1/Namespace//shop", "planner-namespace"],
  ["autoscaling/v2/HorizontalPodAutoscaler/shop/web", "planner-horizontalpodautoscaler"],
  ["v1/ConfigMap/shop/constructor", "planner-other"],
])("%s waits in %s", (key, queue) => {
  expect(queueOf(key)).toBe(queue);
  expect(PLANNER_QUEUES.map(({ name }) => name)).toContain(queue);
});

async function figure(registry: Registry, series: string): Promise<number | undefined> {
  const text = await registry.metrics();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}
