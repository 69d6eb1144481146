import { describe, expect, test } from "vitest";
import { memberSpec } from "../../src/agent/container-spec.ts";
import { ephemeralContainers, findRunning, judgedPod } from "../../src/agent/ephemeral.ts";
import { planPod } from "../../src/agent/plan-pod.ts";
import type { PodContainer, PodView } from "../../src/agent/pod-view.ts";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { app, init, known, look, NOW, render, sandbox } from "./plan-rig.ts";
import { container, pod } from "./pod-builder.ts";

const PRESENT = { kind: "present" } as const;
const UP = {
  readySandbox: "s0",
  podIp: "10.0.0.2",
  images: new Map(["app", "prepare", "shell"].map((name) => [name, PRESENT])),
};
const DONE = { state: "exited", exitCode: 3, diedAt: NOW } as const;

function debugged(more: Parameters<typeof pod>[0] = {}): Pod {
  const base = pod(more);
  const shell = { ...container({ name: "shell" }), targetContainerName: "app" };
  return { ...base, spec: { ...base.spec, ephemeralContainers: [shell] } };
}

function shell(more: Parameters<typeof app>[0] = {}): PodContainer {
  return { ...app({ id: "e0", ...more }), role: "ephemeral", containerName: "shell" };
}

interface Case {
  readonly name: string;
  readonly pod?: Pod;
  readonly view?: Partial<PodView>;
  readonly containers: readonly PodContainer[];
  readonly actions: readonly string[];
  readonly phase?: string;
}

const RAN = known({ name: "shell", containerID: "docker://e0" });

const CASES: readonly Case[] = [
  {
    name: "it is started beside what runs",
    containers: [sandbox({}), app({})],
    actions: ["create shell #0 crashes=0 in s0"],
    phase: "Running",
  },
  {
    name: "it waits for no init container",
    pod: debugged({ initContainers: [container({ name: "prepare" })] }),
    containers: [sandbox({}), init("prepare", {})],
    actions: ["create shell #0 crashes=0 in s0"],
    phase: "Pending",
  },
  {
    name: "it does not count as a main that has begun",
    pod: debugged({ initContainers: [container({ name: "prepare" })] }),
    containers: [sandbox({}), shell()],
    actions: ["create prepare #0 crashes=0 in s0"],
    phase: "Pending",
  },
  {
    name: "made, it is started",
    containers: [sandbox({}), app({}), shell({ state: "created" })],
    actions: ["start shell e0"],
  },
  {
    name: "it is never restarted, however it ended",
    containers: [sandbox({}), app({}), shell(DONE)],
    actions: [],
    phase: "Running",
  },
  {
    name: "nor made again when nothing of it is on the host any more",
    view: { previous: { phase: "Running", ephemeralContainerStatuses: [RAN] } },
    containers: [sandbox({}), app({})],
    actions: [],
  },
  {
    name: "nor in a new sandbox",
    containers: [
      sandbox({ state: "exited", exitCode: 0, diedAt: NOW }),
      app({ state: "exited", exitCode: 0, diedAt: NOW - 600_000 }),
      shell(DONE),
    ],
    actions: ["create-sandbox #1"],
  },
  {
    name: "it does not hold up the end of the pod: it is stopped with it",
    pod: debugged({ restartPolicy: "Never" }),
    containers: [sandbox({}), app({ state: "exited", exitCode: 0, diedAt: NOW }), shell()],
    actions: ["stop e0 grace=30000: Stopping container shell"],
    phase: "Succeeded",
  },
  {
    name: "with a pod that is deleted it is stopped",
    view: { ending: true, withdrawn: true },
    containers: [sandbox({}), app({}), shell()],
    actions: [
      "stop a0 grace=30000: Stopping container app",
      "stop e0 grace=30000: Stopping container shell",
    ],
  },
];

describe("planPod() of a pod with an added container", () => {
  test.each(CASES)("$name", ({ pod: wanted = debugged(), view, containers, actions, phase }) => {
    const plan = planPod(look(wanted, containers, { ...UP, ...view }));
    expect(plan.actions.map(render)).toEqual(actions);
    if (phase !== undefined) expect(plan.status.phase).toBe(phase);
  });

  test("tells how it is in a list of its own, and is never ready", () => {
    const { status } = planPod(look(debugged(), [sandbox({}), app({}), shell()], UP));
    expect(status.containerStatuses?.map(({ name }) => name)).toEqual(["app"]);
    expect(status.ephemeralContainerStatuses).toMatchObject([
      { name: "shell", ready: false, restartCount: 0, state: { running: {} } },
    ]);
    expect(status.conditions?.find(({ type }) => type === "Ready")?.status).toBe("True");
  });

  test("tells how it ended", () => {
    const { status } = planPod(look(debugged(), [sandbox({}), app({}), shell(DONE)], UP));
    expect(status.ephemeralContainerStatuses?.[0]?.state).toMatchObject({
      terminated: { exitCode: 3, reason: "Error" },
    });
  });
});

test("memberSpec() joins the processes of the container that it is to look at", () => {
  const [spec] = ephemeralContainers(debugged());
  expect(spec).not.toHaveProperty("targetContainerName");
  const question = { pod: debugged(), container: container({ name: "shell" }), attempt: 0 };
  const made = memberSpec({
    ...question,
    node: {
      clusterId: "c",
      nodeName: "a",
      hasAppArmor: false,
      pauseImage: "pause",
      memoryBytes: 1e9,
      allocatable: { cpuMillis: 1000, memoryBytes: 1e9, ephemeralBytes: 1e9 },
      hasIpv6: false,
      domain: "cluster.local",
      dnsIp: "10.96.0.10",
      hostResolver: { servers: [], searches: [], options: [] },
    } as unknown as Parameters<typeof memberSpec>[0]["node"],
    role: "ephemeral",
    crashes: 0,
    sandboxId: "s0",
    targetId: "a0",
    env: new Map(),
    mounts: [],
    profiles: {},
    imageUser: "",
  });
  expect(made.pid).toEqual({ container: "a0" });
});

test("findRunning() finds a running container by name, and no other", () => {
  const containers = [sandbox({}), app(DONE), app({ id: "a1" })];
  expect(findRunning(containers, "app")?.id).toBe("a1");
  expect(findRunning(containers, "sandbox")).toBeUndefined();
});

test("judgedPod() is the added container alone, and the whole pod for any other", () => {
  const whole = debugged();
  expect(judgedPod(whole, container({ name: "app" }))).toBe(whole);
  const alone = judgedPod(whole, container({ name: "shell" }));
  expect(alone.spec.containers.map(({ name }) => name)).toEqual(["shell"]);
});
