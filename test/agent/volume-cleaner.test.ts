import { afterEach, beforeEach, expect, test } from "vitest";
import { RuntimeError } from "../../src/agent/runtime.ts";
import { cleanVolumes } from "../../src/agent/volume-cleaner.ts";
import { silentLogger } from "../../src/base/logger.ts";
import type { PersistentVolume } from "../../src/model/kinds.gen.ts";
import { refOf } from "../../src/model/meta.ts";
import { VOLUME_FINALIZER } from "../../src/model/storage.ts";
import { ManualClock, settle } from "../support/manual-clock.ts";
import { FakeApi } from "./fake-api.ts";

let api: FakeApi;
let clock: ManualClock;
let removed: string[];
let failure: RuntimeError | undefined;
let stop: AbortController;
let running: Promise<void>;

beforeEach(() => {
  api = new FakeApi();
  clock = new ManualClock();
  removed = [];
  failure = undefined;
  stop = new AbortController();
  running = cleanVolumes({
    client: api,
    volumes: api.informer<PersistentVolume>("PersistentVolume"),
    runtime: {
      removeVolume: (name: string) => {
        if (failure !== undefined) return Promise.reject(failure);
        removed.push(name);
        return Promise.resolve();
      },
    } as unknown as Parameters<typeof cleanVolumes>[0]["runtime"],
    clock,
    logger: silentLogger,
    signal: stop.signal,
  });
});

afterEach(async () => {
  stop.abort();
  await running;
});

function volume(
  phase: "Bound" | "Released",
  fields: { readonly policy?: "Delete" | "Retain"; readonly deleted?: boolean } = {},
): PersistentVolume {
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: {
      name: "disk",
      uid: "uid-disk",
      finalizers: [VOLUME_FINALIZER],
      ...(fields.deleted === false ? {} : { deletionTimestamp: "2026-01-01T00:00:00Z" }),
    },
    spec: {
      accessModes: ["ReadWriteOnce"],
      capacity: { storage: "1Gi" },
      persistentVolumeReclaimPolicy: fields.policy ?? "Delete",
      volumeMode: "Filesystem",
      csi: { driver: "docker.berth.dev", volumeHandle: "berth-disk" },
    },
    status: { phase },
  };
}

function finalizers(): readonly string[] | undefined {
  return api.peek(refOf(volume("Bound")))?.metadata.finalizers;
}

test("a deleted, released volume goes, then it is let go", async () => {
  api.put(volume("Released"));
  await settle();
  expect(removed).toEqual(["berth-disk"]);
  expect(finalizers()).toEqual([]);
});

test.each([
  ["is still bound", volume("Bound")],
  ["is to be kept", volume("Released", { policy: "Retain" })],
  ["was not deleted", volume("Released", { deleted: false })],
])("the data of a volume that %s stay", async (_, kept) => {
  api.put(kept);
  await settle();
  expect(removed).toEqual([]);
  expect(finalizers()).toEqual([VOLUME_FINALIZER]);
});

test("a volume that is in use is tried again, and not let go before", async () => {
  failure = new RuntimeError("conflict", "volume is in use");
  api.put(volume("Released"));
  await settle();
  expect(finalizers()).toEqual([VOLUME_FINALIZER]);
  failure = undefined;
  await clock.advance(500);
  await settle();
  expect(removed).toEqual(["berth-disk"]);
  expect(finalizers()).toEqual([]);
});
