import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { systemClock } from "../../src/base/system-clock.ts";
import { CALM, type HollowBehavior } from "../../src/agent/hollow-chance.ts";
import { runHollowNode } from "../../src/agent/hollow-node.ts";
import type { Node, PersistentVolume, Pod } from "../../src/model/kinds.gen.ts";
import { isReady, podRef } from "./agent-harness.ts";
import { FakeApi } from "./fake-api.ts";
import { NODE, pod } from "./pod-builder.ts";

const AT_ONCE = [0, 2] as const;
const QUICK: HollowBehavior = {
  ...CALM,
  pull: AT_ONCE,
  create: AT_ONCE,
  start: AT_ONCE,
  stop: AT_ONCE,
  probe: AT_ONCE,
};
const PROBE = {
  httpGet: { port: 80, scheme: "HTTP" },
  periodSeconds: 10,
  timeoutSeconds: 1,
  successThreshold: 1,
  failureThreshold: 3,
} as const;

async function withNode(
  behavior: HollowBehavior,
  work: (api: FakeApi) => Promise<void>,
): Promise<void> {
  const stateDir = await mkdtemp(join(tmpdir(), "berth-hollow-"));
  const api = new FakeApi();
  const podCidr = "10.1.2.0/24";
  api.put<Node>({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: NODE },
    spec: { podCIDR: podCidr },
  });
  const stop = new AbortController();
  const running = runHollowNode({
    client: api,
    pods: api.informer<Pod>("Pod"),
    volumes: api.informer<PersistentVolume>("PersistentVolume"),
    events: { record: () => undefined, flush: () => Promise.resolve() },
    nodeName: NODE,
    nodeIp: "198.18.0.1",
    cluster: {
      clusterId: "hollow",
      version: "0.1.0",
      podCidr,
      serviceCidr: "10.250.0.0/16",
      dnsIp: "10.250.0.10",
      domain: "cluster.local",
    },
    stateDir,
    clock: systemClock,
    logger: silentLogger,
    signal: stop.signal,
    behavior,
    cpus: 8,
    memoryBytes: 2 ** 35,
  });
  try {
    await work(api);
  } finally {
    stop.abort(new Error("the test is over"));
    await running;
    await rm(stateDir, { recursive: true, force: true });
  }
}

function find(api: FakeApi, name: string): Pod | undefined {
  return api.pods().find((one) => one.metadata.name === name);
}

test("a hollow node brings pods up, probes them and ends them", async () => {
  await withNode(QUICK, async (api) => {
    api.put(pod({ containers: [{ readinessProbe: PROBE }] }));
    const ready = await api.until("web is Ready", () => {
      const found = find(api, "web");
      return found !== undefined && isReady(found) && found;
    });
    expect(ready.status?.podIP).toMatch(/^10\.1\.2\.\d+$/);
    api.markDeleted(podRef("web"));
    await api.until("web is gone", () => find(api, "web") === undefined);
  });
});

test("containers of a hollow node crash as often as they are told to, and start again", async () => {
  await withNode({ ...QUICK, crashesPerHour: 3_600 * 20 }, async (api) => {
    api.put(pod());
    await api.until("it has crashed", () => {
      const status = find(api, "web")?.status?.containerStatuses?.[0];
      return status !== undefined && status.restartCount > 0 && status.lastState.terminated;
    });
  });
});

test("a pod whose probes all fail is never Ready", async () => {
  await withNode({ ...QUICK, probeFails: 1 }, async (api) => {
    api.put(pod({ containers: [{ readinessProbe: PROBE }] }));
    api.put(pod({ name: "other" }));
    await api.until("the other one is Ready", () => {
      const other = find(api, "other");
      return other !== undefined && isReady(other);
    });
    await api.until("web runs", () => find(api, "web")?.status?.phase === "Running");
    expect(isReady(find(api, "web") ?? pod())).toBe(false);
  });
});
