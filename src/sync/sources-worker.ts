import { parentPort, workerData } from "node:worker_threads";
import { invariant } from "../base/assert.ts";
import { loadManifests } from "../schema/load-manifests.ts";
import { serveSources } from "./serve-sources.ts";
import type { WorkerSettings } from "./source-protocol.ts";

invariant(parentPort !== null, "sources-worker must be started as a worker thread");
serveSources(parentPort, workerData as WorkerSettings, loadManifests);
