import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runAgent } from "../src/agent/agent.ts";
import { AMPLE_HOST } from "../src/agent/resources/open-resources.ts";
import { silentLogger } from "../src/base/logger.ts";
import { systemClock } from "../src/base/system-clock.ts";
import { createEventRecorder } from "../src/client/event-recorder.ts";
import { createApiClient } from "../src/client/http-client.ts";
import type { Informer } from "../src/client/client.ts";
import { createInformer } from "../src/client/informer.ts";
import { readKubeconfig } from "../src/client/kubeconfig.ts";
import type { EndpointSlice, PersistentVolume, Pod, Service } from "../src/model/kinds.gen.ts";
import type { ApiObject } from "../src/model/meta.ts";
import { resourceOf } from "../src/model/resources.ts";
import { VOLUME_NODE_LABEL } from "../src/model/storage.ts";
import { FakeRuntime } from "../test/support/fake-runtime.ts";

/** Real agents that join the cluster from this process, with hosts in memory. They ask of the API what a node does. */
export async function startIdleNodes(kubeconfig: string, count: number): Promise<AsyncDisposable> {
  const stop = new AbortController();
  const { signal } = stop;
  const client = createApiClient(readKubeconfig(await readFile(kubeconfig, "utf8")));
  const folder = await mkdtemp(join(tmpdir(), "berth-bench-nodes-"));
  const tools = { clock: systemClock, logger: silentLogger, signal };
  const follow = <T extends ApiObject>(
    apiVersion: string,
    kind: string,
    query: Readonly<Record<string, string>> = {},
  ): Informer<T> => createInformer<T>(client, resourceOf({ apiVersion, kind }), query, tools);
  const running = Array.from({ length: count }, async (_, index) => {
    const nodeName = `idle-${index}`;
    // As the node's proxy does.
    follow<Service>("v1", "Service");
    follow<EndpointSlice>("discovery.k8s.io/v1", "EndpointSlice");
    await runAgent({
      client,
      pods: follow<Pod>("v1", "Pod", { fieldSelector: `spec.nodeName=${nodeName}` }),
      volumes: follow<PersistentVolume>("v1", "PersistentVolume", {
        labelSelector: `${VOLUME_NODE_LABEL}=${nodeName}`,
      }),
      runtime: new FakeRuntime(systemClock),
      events: createEventRecorder(client, { component: "bench", host: nodeName, ...tools }),
      openNetwork: () => new Promise(() => undefined),
      nodeName,
      nodeIp: `192.0.2.${index + 1}`,
      cluster: await client.request("GET", "/apis/berth.dev/v1/cluster", undefined, signal),
      stateDir: join(folder, nodeName),
      host: AMPLE_HOST,
      ...tools,
    });
  });
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The benchmark is over"));
      await Promise.allSettled(running);
      client.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
