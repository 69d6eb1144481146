import { parentPort, workerData } from "node:worker_threads";
import { invariant } from "../../src/base/assert.ts";
import { serveSources } from "../../src/sync/serve-sources.ts";
import type { WorkerSettings } from "../../src/sync/source-protocol.ts";

// The real worker, but a file that says so ends it in the middle of a call.
invariant(parentPort !== null, "must be started as a worker thread");
serveSources(parentPort, workerData as WorkerSettings, (files) => {
  if (files.some(({ content }) => Buffer.from(content).toString().startsWith("crash")))
    process.exit(7);
  return { manifests: [], problems: [], warnings: [] };
});
