import { expect, test } from "vitest";
import { HEARTBEAT_MS, reportNode, RUNTIME_DEADLINE_MS } from "../../src/agent/node-status.ts";
import { DEFAULT_NODE_RESOURCES } from "../../src/agent/resources/node-config.ts";
import type { PressureType } from "../../src/agent/resources/pressure.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { findCondition } from "../../src/model/condition.ts";
import type { Lease, Node } from "../../src/model/kinds.gen.ts";
import { eventually } from "../support/eventually.ts";
import { FakeRuntime } from "../support/fake-runtime.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { FakeApi } from "./fake-api.ts";

const NODE = { apiVersion: "v1", kind: "Node", name: "alpha" };
const LEASE = {
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  namespace: "kube-node-lease",
  name: "alpha",
};

async function withReporter(
  work: (bench: {
    readonly api: FakeApi;
    readonly clock: ManualClock;
    readonly node: () => Node | undefined;
    readonly ready: () => string;
    readonly parts: string[];
    runtimeSeenAt: number;
    pressures: ReadonlySet<PressureType>;
  }) => Promise<void>,
): Promise<void> {
  const api = new FakeApi();
  const clock = new ManualClock();
  const stop = new AbortController();
  const parts: string[] = [];
  const node = (): Node | undefined => api.peek(NODE) as Node | undefined;
  const ready = (): string => {
    const condition = findCondition(node()?.status?.conditions, "Ready");
    return `${condition?.status} ${condition?.reason}`;
  };
  const bench = {
    api,
    clock,
    node,
    ready,
    parts,
    runtimeSeenAt: clock.monotonic(),
    stuck: 0,
    pressures: new Set<PressureType>(),
  };
  const running = reportNode({
    client: api,
    runtime: new FakeRuntime(clock),
    nodeName: "alpha",
    version: "0.1.0",
    address: "192.0.2.7",
    clock,
    logger: silentLogger,
    runtimeSeenAt: () => bench.runtimeSeenAt,
    stuckContainers: () => bench.stuck,
    resources: {
      config: { ...DEFAULT_NODE_RESOURCES, maxPods: 50 },
      diskBytes: 10 * 2 ** 30,
      allocatable: { cpuMillis: 1500, memoryBytes: 3 * 2 ** 30, ephemeralBytes: 9 * 2 ** 30 },
    },
    pressures: () => bench.pressures,
    gotPodCidr: (podCidr) => parts.push(podCidr),
    signal: stop.signal,
  });
  try {
    await eventually("the node is there", () => ready() === "True KubeletReady");
    await work(bench);
  } finally {
    stop.abort();
    await running.catch(() => undefined);
  }
}

test("registers the node with what it is and has", async () => {
  await withReporter(async ({ node }) => {
    expect(node()?.status?.addresses).toContainEqual({ type: "InternalIP", address: "192.0.2.7" });
    expect(node()?.status?.capacity?.["pods"]).toBe("50");
    expect(node()?.status?.allocatable).toEqual({
      cpu: "1500m",
      memory: "3Gi",
      "ephemeral-storage": "9Gi",
      pods: "50",
    });
    expect(node()?.status?.nodeInfo?.kubeletVersion).toBe("v1.33.0+berth.0.1.0");
    expect(node()?.metadata.labels?.["kubernetes.io/hostname"]).toBeDefined();
  });
});

test("renews its lease at each heartbeat, and leaves the status alone meanwhile", async () => {
  await withReporter(async ({ api, clock }) => {
    const renewed = (): string => (api.peek(LEASE) as Lease | undefined)?.spec.renewTime ?? "";
    await eventually("the first lease", () => renewed() !== "");
    const first = renewed();
    const writes = api.calls.filter((call) => call.endsWith("/status")).length;
    await eventually("the sleepers", () => clock.sleeping >= 2);
    await clock.advance(HEARTBEAT_MS);
    await eventually("the next lease", () => renewed() > first);
    expect(api.calls.filter((call) => call.endsWith("/status"))).toHaveLength(writes);
  });
});

test("takes back what the control plane wrote of it while it was silent", async () => {
  await withReporter(async ({ api, clock, node, ready }) => {
    const stored = node();
    if (stored === undefined) throw new Error("no node");
    const conditions = [{ type: "Ready", status: "Unknown", reason: "NodeStatusUnknown" } as const];
    api.put<Node>({ ...stored, status: { ...stored.status, conditions } });
    await eventually("the sleepers", () => clock.sleeping >= 2);
    await clock.advance(HEARTBEAT_MS);
    await eventually("it is Ready again", () => ready() === "True KubeletReady");
  });
});

test("says so when its container runtime is not well, and when it is again", async () => {
  await withReporter(async (bench) => {
    const { clock, ready } = bench;
    await eventually("the sleepers", () => clock.sleeping >= 2);
    bench.runtimeSeenAt = clock.monotonic() - RUNTIME_DEADLINE_MS;
    await clock.advance(HEARTBEAT_MS);
    await eventually("it is not Ready", () => ready().startsWith("False "));
    bench.runtimeSeenAt = clock.monotonic();
    await eventually("the sleepers", () => clock.sleeping >= 2);
    await clock.advance(HEARTBEAT_MS);
    await eventually("it is Ready again", () => ready() === "True KubeletReady");
  });
});

test("comes back when somebody deletes its Node, and learns its part of the pod network", async () => {
  await withReporter(async ({ api, clock, node, parts }) => {
    await api.delete(NODE, { graceSeconds: 0 });
    await eventually("the sleepers", () => clock.sleeping >= 2);
    await clock.advance(HEARTBEAT_MS);
    await eventually("the node is there again", () => node() !== undefined);
    const stored = node();
    if (stored === undefined) throw new Error("no node");
    api.put<Node>({ ...stored, spec: { ...stored.spec, podCIDR: "10.32.5.0/24" } });
    await eventually("the part is told", () => parts.includes("10.32.5.0/24"));
  });
});

test("says what it runs out of, and when that is over, with the next heartbeat", async () => {
  await withReporter(async (bench) => {
    const said = (type: string): string => {
      const condition = findCondition(bench.node()?.status?.conditions, type);
      return `${condition?.status} ${condition?.reason}`;
    };
    expect(said("MemoryPressure")).toBe("False KubeletHasSufficientMemory");
    expect(said("PIDPressure")).toBe("False KubeletHasSufficientPID");
    bench.pressures = new Set(["DiskPressure"]);
    await bench.clock.advance(HEARTBEAT_MS);
    await eventually("told", () => said("DiskPressure") === "True KubeletHasDiskPressure");
    bench.pressures = new Set();
    await bench.clock.advance(HEARTBEAT_MS);
    await eventually("over", () => said("DiskPressure") === "False KubeletHasNoDiskPressure");
  });
});
