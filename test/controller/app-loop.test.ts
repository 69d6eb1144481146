import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { createAppLoop } from "../../src/controller/app-loop.ts";
import { StoreWorld } from "../../src/controller/store-world.ts";
import { ensureSystemObjects } from "../../src/controller/system-objects.ts";
import type { App, Release } from "../../src/model/kinds.gen.ts";
import { openObjectStore } from "../../src/store/cached-object-store.ts";
import { openLmdbStore } from "../../src/store/lmdb-store.ts";
import { FakeSources } from "../support/fake-sources.ts";
import { ManualClock } from "../support/manual-clock.ts";

test("an App that is made between the loop's making and its start is looked at", async () => {
  const dir = await mkdtemp(join(tmpdir(), "berth-loop-"));
  const clock = new ManualClock();
  const sources = new FakeSources();
  const store = await openLmdbStore({ path: join(dir, "store"), clock });
  const objects = await openObjectStore({ store, clock, freeze: true });
  const stop = new AbortController();
  try {
    await ensureSystemObjects(objects);
    sources.commit({
      "a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {}\n",
    });
    const loop = createAppLoop({
      objects,
      world: new StoreWorld(objects),
      sources,
      events: { write: () => undefined },
      clock,
      logger: silentLogger,
      serviceCidr: "10.96.0.0/16",
      reservedIps: [],
    });
    const spec = {
      repo: "/repo",
      branch: "main",
      path: ".",
      namespace: "default",
      intervalSeconds: 15,
      prune: true,
    };
    const app: App = {
      apiVersion: "berth.dev/v1",
      kind: "App",
      metadata: { name: "root" },
      spec,
    };
    await objects.create(app);
    const healthy = new Promise<void>((resolve) => {
      objects.subscribe(({ object }) => {
        if (object.kind === "Release" && (object as Release).status.phase === "Healthy") resolve();
      });
    });
    const running = loop.run(stop.signal);
    await healthy;
    stop.abort();
    await running.catch(() => undefined);
    expect(stop.signal.aborted).toBe(true);
  } finally {
    stop.abort();
    await objects.close();
    await store.close();
    await rm(dir, { recursive: true, force: true });
  }
});
