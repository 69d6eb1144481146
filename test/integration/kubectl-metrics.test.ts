import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HorizontalPodAutoscaler, PodDisruptionBudget } from "../../src/model/kinds.gen.ts";
import { BERTH_PATHS } from "../../src/model/node-endpoints.ts";
import type { UsageReport } from "../../src/model/usage.ts";
import { startTestApi } from "../support/api-server.ts";
import type { ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";
import { cells, findKubectls, openKubectl } from "../support/kubectl.ts";
import type { Kubectl } from "../support/kubectl.ts";

const binaries = await findKubectls();

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startTestApi();
  await api.put(build.namespace("shop"));
  await api.put(build.node({ name: "a" }));
  const set = (await api.put(build.replicaSet())).object;
  const uids = new Map<string, string>();
  for (const name of ["web-1", "web-2"]) {
    const made = (await api.put(build.pod({ name, owner: set as never }))).object;
    uids.set(name, made.metadata.uid ?? "");
  }
  const pod = (name: string, cpuNanocores: number): UsageReport["pods"][number] => ({
    namespace: "shop",
    name,
    uid: uids.get(name) ?? "",
    containers: [{ name: "app", cpuNanocores, memoryBytes: 20 * 2 ** 20 }],
  });
  const report: UsageReport = {
    node: "a",
    windowMs: 15_000,
    usage: { cpuNanocores: 2_000_000_000, memoryBytes: 2 ** 30 },
    pods: [pod("web-1", 250_000_000), pod("web-2", 1_250_000)],
  };
  const node = await api.node("a");
  await node.request("POST", BERTH_PATHS.usageReport, report);
  await api.put({
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: "keep", namespace: "shop" },
    spec: { minAvailable: 2, selector: { matchLabels: { app: "web" } } },
    status: {
      currentHealthy: 2,
      desiredHealthy: 2,
      disruptionsAllowed: 0,
      expectedPods: 2,
      observedGeneration: 1,
    },
  } as PodDisruptionBudget);
  await api.put({
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "web", namespace: "shop" },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
      minReplicas: 1,
      maxReplicas: 9,
      metrics: [
        {
          type: "Resource",
          resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } },
        },
      ],
    },
    status: {
      currentReplicas: 2,
      desiredReplicas: 2,
      currentMetrics: [
        { type: "Resource", resource: { name: "cpu", current: { averageUtilization: 31 } } },
      ],
      conditions: [{ type: "ScalingActive", status: "True", reason: "ValidMetricFound" }],
    },
  } as HorizontalPodAutoscaler);
  await api.put(build.cronJob({ schedule: "*/5 * * * *", timeZone: "Europe/Berlin" }));
});
afterAll(() => api[Symbol.asyncDispose]());

describe.for(binaries)("kubectl $minor", (binary) => {
  let kubectl: Kubectl;
  beforeAll(async () => {
    kubectl = await openKubectl(binary, await api.kubeconfig());
  });
  afterAll(() => kubectl[Symbol.asyncDispose]());

  test("top pods and top nodes", async () => {
    expect(cells(await kubectl.text("top", "pods", "-n", "shop"))).toEqual([
      ["NAME", "CPU(cores)", "MEMORY(bytes)"],
      ["web-1", "250m", "20Mi"],
      ["web-2", "2m", "20Mi"],
    ]);
    const containers = await kubectl.text("top", "pod", "web-1", "-n", "shop", "--containers");
    expect(containers).toMatch(/^web-1\s+app\s+250m\s+20Mi/m);
    expect(await kubectl.text("top", "nodes", "--no-headers")).toMatch(
      /^a\s+2000m\s+50%\s+1024Mi\s+12%/,
    );
  });

  test("get and describe autoscalers, budgets and CronJobs", async () => {
    const get = async (resource: string): Promise<string> =>
      await kubectl.text("get", resource, "-n", "shop", "--no-headers");
    expect(await get("hpa")).toMatch(/^web\s+Deployment\/web\s+cpu: 31%\/50%\s+1\s+9\s+2\s/);
    expect(await get("pdb")).toMatch(/^keep\s+2\s+N\/A\s+0\s/);
    expect(await get("cronjobs")).toMatch(
      /^tick\s+\*\/5 \* \* \* \*\s+Europe\/Berlin\s+False\s+0\s+<none>/,
    );
    const describeIt = (kind: string, name: string): Promise<string> =>
      kubectl.text("describe", kind, name, "-n", "shop");
    expect(await describeIt("hpa", "web")).toMatch(/resource cpu on pods[^\n]*31%/);
    expect(await describeIt("hpa", "web")).toMatch(/ScalingActive\s+True\s+ValidMetricFound/);
    expect(await describeIt("pdb", "keep")).toMatch(/Allowed disruptions:\s+0/);
    expect(await describeIt("cronjob", "tick")).toMatch(/Schedule:\s+\*\/5 \* \* \* \*/);
  });

  test("drain asks for evictions, and is told why there is none", async () => {
    const drain = await kubectl.run("drain", "a", "--dry-run=server", "--timeout=2s");
    expect(drain.output).toContain(
      "Cannot evict pod as it would violate the pod's disruption budget.",
    );
    expect(drain.code).not.toBe(0);
    const left = api.objects.get({
      apiVersion: "v1",
      kind: "Pod",
      namespace: "shop",
      name: "web-1",
    });
    expect(left?.object.metadata.deletionTimestamp).toBeUndefined();
  });
});
