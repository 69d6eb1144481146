import { describe, expect, test } from "vitest";
import type { Container } from "../../src/model/kinds.gen.ts";
import { planPod } from "../../src/agent/plan-pod.ts";
import type { NodeRoom, PodContainer, PodView } from "../../src/agent/pod-view.ts";
import { pod } from "./pod-builder.ts";

const MI = 2 ** 20;
const NOW = 1_700_000_000_000;
const AMPLE: NodeRoom = {
  cpuMillis: { all: 2000, left: 2000 },
  memoryBytes: { all: 4096 * MI, left: 4096 * MI },
};

/** A running container that has 100m and 64Mi, limited to 200m and 64Mi. */
function view(container: Partial<Container>, more: Partial<PodView> = {}): PodView {
  const base: PodContainer = {
    id: "sandbox-id",
    name: "sandbox",
    labels: {},
    state: "running",
    image: "pause",
    imageId: "i",
    role: "sandbox",
    containerName: "sandbox",
    attempt: 0,
    crashes: 0,
    sandboxId: "",
    startedAt: NOW,
  };
  const app: PodContainer = {
    ...base,
    id: "app-id",
    role: "main",
    containerName: "app",
    sandboxId: "sandbox-id",
    limits: { cpuShares: 102, cpuQuotaUs: 20_000, memoryBytes: 64 * MI },
  };
  const wanted = pod({ containers: [container] });
  return {
    pod: wanted,
    previous: undefined,
    now: NOW,
    ending: false,
    withdrawn: false,
    containers: [base, app],
    probes: new Map(),
    inPostStart: new Set(),
    images: new Map(),
    failures: new Map(),
    readySandbox: "sandbox-id",
    podIp: "10.0.0.1",
    hostIp: "192.0.2.1",
    messages: new Map(),
    room: () => AMPLE,
    ...more,
  };
}

const resources = (cpu: string, cpuLimit: string, memory: string): Partial<Container> => ({
  resources: { requests: { cpu, memory }, limits: { cpu: cpuLimit, memory } },
});
const SAME = resources("100m", "200m", "64Mi");
const MORE = resources("200m", "400m", "128Mi");

function conditions(of: PodView): readonly string[] {
  return (planPod(of).status.conditions ?? []).flatMap(({ type, status, reason, message }) =>
    type.startsWith("PodResize") ? [[type, status, reason, message].filter(Boolean).join(" ")] : [],
  );
}

describe("a running pod whose resources change", () => {
  test("is left alone while it has what its spec says", () => {
    const plan = planPod(view(SAME));
    expect(plan.actions).toEqual([]);
    expect(conditions(view(SAME))).toEqual([]);
    expect(plan.status.containerStatuses?.[0]).toMatchObject({
      resources: SAME.resources,
      allocatedResources: { cpu: "100m", memory: "64Mi" },
    });
  });

  test("is given more without a restart, and says so meanwhile", () => {
    const limits = { cpuShares: 204, cpuQuotaUs: 40_000, memoryBytes: 128 * MI };
    const plan = planPod(view(MORE));
    expect(plan.actions).toEqual([{ kind: "resize", container: "app", id: "app-id", limits }]);
    expect(conditions(view(MORE))).toEqual(["PodResizeInProgress True"]);
    expect(plan.status.containerStatuses?.[0]?.resources?.limits).toEqual({
      cpu: "200m",
      memory: "64Mi",
    });
  });

  test.each([
    ["memory", "stop"],
    ["cpu", "resize"],
  ] as const)(
    "is started anew only for the resource whose policy says so: %s",
    (resourceName, kind) => {
      const policy = [{ resourceName, restartPolicy: "RestartContainer" as const }];
      const wanted = resources("100m", "200m", "128Mi");
      const { actions } = planPod(view({ ...wanted, resizePolicy: policy }));
      expect(actions.map((action) => action.kind)).toEqual([kind]);
    },
  );

  test.each([
    [
      "Infeasible",
      { ...AMPLE, cpuMillis: { all: 150, left: 150 } },
      "PodResizePending True Infeasible Node didn't have enough capacity: cpu, requested: 200, capacity: 150",
    ],
    [
      "Deferred",
      { ...AMPLE, cpuMillis: { all: 2000, left: 150 } },
      "PodResizePending True Deferred Node didn't have enough resource: cpu, requested: 200, used: 1850, capacity: 2000",
    ],
  ])("is not given what the node does not have: %s", (_, room, condition) => {
    const short = view(MORE, { room: () => room });
    expect(planPod(short).actions).toEqual([]);
    expect(conditions(short)).toEqual([condition]);
  });

  test("says why it could not be given", () => {
    const failure = { reason: "Failed", message: "no memory", at: NOW, retryAt: NOW + 1 };
    const failed = view(MORE, { failures: new Map([["resize/app-id", failure]]) });
    expect(conditions(failed)).toEqual(["PodResizeInProgress True Error no memory"]);
  });

  test("drops the condition when it is done, and no other", () => {
    const { status } = planPod(view(MORE));
    const done = planPod(view(SAME, { previous: status })).status.conditions ?? [];
    expect(done.map(({ type }) => type)).toEqual([
      "PodScheduled",
      "Initialized",
      "Ready",
      "ContainersReady",
    ]);
  });

  test("is left alone on a host that does not tell what it has", () => {
    const blind = view(MORE);
    const containers = blind.containers.map(({ limits: _limits, ...rest }) => rest);
    expect(planPod({ ...blind, containers }).actions).toEqual([]);
  });
});
