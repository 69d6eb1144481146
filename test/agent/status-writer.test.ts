import { expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { StatusWriter } from "../../src/agent/status-writer.ts";
import type { Pod, PodStatus } from "../../src/model/kinds.gen.ts";
import { ManualClock, settle } from "../support/manual-clock.ts";
import { podRef } from "./agent-harness.ts";
import { FakeApi } from "./fake-api.ts";
import { pod } from "./pod-builder.ts";

const GATE = { type: "example.com/gate", status: "True" } as const;
const READY = { type: "Ready", status: "True" } as const;
const RUNNING: PodStatus = { phase: "Running", conditions: [READY] };

function bench() {
  const api = new FakeApi();
  const clock = new ManualClock();
  const stored = api.put<Pod>({ ...pod(), status: { phase: "Pending", conditions: [GATE] } });
  const writer = new StatusWriter(stored, {
    client: api,
    clock,
    logger: silentLogger,
    signal: new AbortController().signal,
  });
  const status = (): PodStatus | undefined => (api.peek(podRef("web")) as Pod | undefined)?.status;
  const writes = (): number => api.calls.filter((call) => call.endsWith("/status")).length;
  return { api, clock, stored, writer, status, writes };
}

test("writes a change once, and keeps the conditions of others", async () => {
  const { writer, status, writes } = bench();
  writer.offer(RUNNING);
  await writer.flush();
  writer.offer({ ...RUNNING });
  await writer.flush();
  expect(status()?.conditions).toEqual([READY, GATE]);
  expect(writes()).toBe(1);
});

test("holds a status that only says what is waited for, and lets a better one overtake it", async () => {
  const { clock, writer, status, writes } = bench();
  writer.offer({ phase: "Pending", reason: "Waiting" });
  await settle();
  expect(writes()).toBe(0);
  writer.offer(RUNNING);
  await settle();
  expect([writes(), status()?.phase]).toEqual([1, "Running"]);
  await clock.advance(1_000);
  expect(writes()).toBe(1);
});

test("a conflict is written again from the newest version", async () => {
  const { api, stored, writer, status } = bench();
  api.put<Pod>({ ...stored, metadata: { ...stored.metadata, labels: { new: "yes" } } });
  writer.offer(RUNNING);
  await writer.flush();
  expect(status()?.phase).toBe("Running");
  expect(api.peek(podRef("web"))?.metadata.labels).toEqual({ new: "yes" });
});

test("a pod of the same name is not touched", async () => {
  const { api, writer, status } = bench();
  api.erase(podRef("web"));
  api.put<Pod>({ ...pod({ uid: "another" }), status: { phase: "Pending" } });
  writer.offer(RUNNING);
  await writer.flush();
  expect(status()).toEqual({ phase: "Pending" });
});

test("what the API could not take is written when it is back", async () => {
  const { api, clock, writer, status } = bench();
  api.away = true;
  writer.offer(RUNNING);
  await clock.advance(5_000);
  api.away = false;
  await clock.advance(10_000);
  expect(status()?.phase).toBe("Running");
});

test("what somebody else wrote in its place is put right", async () => {
  const { api, writer, status } = bench();
  writer.offer(RUNNING);
  await writer.flush();
  const current = api.peek(podRef("web")) as Pod;
  writer.update(api.put<Pod>({ ...current, status: { phase: "Unknown", conditions: [GATE] } }));
  await writer.flush();
  expect(status()?.phase).toBe("Running");
});
