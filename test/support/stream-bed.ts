import { dirname, join } from "node:path";
import { readdir, realpath } from "node:fs/promises";
import { silentLogger } from "../../src/base/logger.ts";
import { systemClock } from "../../src/base/system-clock.ts";
import { runTunnel } from "../../src/client/tunnel-client.ts";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { pod, NODE, type PodOptions } from "../agent/pod-builder.ts";
import { startTestApi, type ApiUnderTest } from "./api-server.ts";
import { openDockerCluster, type DockerCluster } from "./docker-cluster.ts";
import { eventually } from "./eventually.ts";
import { findKubectls, type KubectlBinary } from "./kubectl.ts";

/** An API and one agent on the real Engine with the tunnel between them: what streams need, and no more. */
export interface StreamBed extends AsyncDisposable {
  readonly api: ApiUnderTest;
  readonly cluster: DockerCluster;
  /** Runs a pod, and shows it in the API as it runs. */
  run(options: PodOptions): Promise<Pod>;
}

const MINORS: readonly string[] = ["1.29", "1.30", "1.31", "1.32", "1.33"];

/** Every kubectl that is on the machine: streams are where they differ most. */
export async function findAllKubectls(): Promise<readonly KubectlBinary[]> {
  const found = await findKubectls();
  const folder = dirname(await realpath(found[0]?.path ?? ""));
  const names = new Set(await readdir(folder));
  const real = MINORS.filter((minor) => names.has(`kubectl.${minor}`));
  return real.length === 0
    ? found
    : real.map((minor) => ({ path: join(folder, `kubectl.${minor}`), minor }));
}

export async function openStreamBed(): Promise<StreamBed> {
  const api = await startTestApi();
  const cluster = await openDockerCluster();
  const { harness } = cluster;
  const stop = new AbortController();
  await eventually("the agent answers", () => harness.logs !== undefined);
  const { server, ...tls } = await api.credentials(`system:node:${NODE}`, ["system:nodes"]);
  const tunnel = runTunnel({
    server,
    tls,
    handler: async (request, stream) => harness.logs?.(request, stream),
    signal: stop.signal,
    clock: systemClock,
    logger: silentLogger,
  });
  await eventually("the node is connected", () => api.server.tunnels.isConnected(NODE));
  return {
    api,
    cluster,
    run: async (options) => {
      const wanted = { ...pod({ image: cluster.image, ...options }), status: { phase: "Running" } };
      const { object } = await api.put(wanted as Pod);
      harness.api.put({
        ...wanted,
        metadata: { ...wanted.metadata, uid: object.metadata.uid ?? "" },
      } as Pod);
      return await harness.untilReady(wanted.metadata.name);
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await tunnel;
      await cluster[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}
