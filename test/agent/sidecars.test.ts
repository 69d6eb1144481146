import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planPod } from "../../src/agent/plan-pod.ts";
import type { PodContainer, PodView } from "../../src/agent/pod-view.ts";
import { endsAfter } from "../../src/agent/sidecar.ts";
import type { Container, Pod } from "../../src/model/kinds.gen.ts";
import { isReady, podRef } from "./agent-harness.ts";
import { openFakeNode, type FakeNode } from "./fake-node.ts";
import { app, init, look, NOW, probe, render, renderStatus, sandbox } from "./plan-rig.ts";
import { container, pod } from "./pod-builder.ts";

const PRESENT = { kind: "present" } as const;
const UP = {
  readySandbox: "s0",
  podIp: "10.0.0.2",
  images: new Map(["mesh", "prepare", "logs", "app"].map((name) => [name, PRESENT])),
};
const STARTED = { started: true, ready: true };
const STOPPING = "Stopping container";

function sidecar(name: string, more: Partial<Container> = {}): Container {
  return container({ name, restartPolicy: "Always", ...more });
}

/** A sidecar, an init container, another sidecar, and a main. */
function served(more: Parameters<typeof pod>[0] = {}): Pod {
  const initContainers = [sidecar("mesh"), container({ name: "prepare" }), sidecar("logs")];
  return pod({ initContainers, ...more });
}

const DONE = { state: "exited", exitCode: 0, diedAt: NOW } as const;

interface Case {
  readonly name: string;
  readonly pod?: Pod;
  readonly view?: Partial<PodView>;
  readonly containers: readonly PodContainer[];
  readonly actions: readonly string[];
  readonly status?: string;
}

const CASES: readonly Case[] = [
  {
    name: "the first sidecar goes before all others",
    containers: [sandbox({})],
    actions: ["create mesh #0 crashes=0 in s0"],
  },
  {
    name: "a sidecar that runs and has no startup probe lets the next go on",
    containers: [sandbox({}), init("mesh", {})],
    actions: ["create prepare #0 crashes=0 in s0"],
    status:
      "Pending; mesh: running; prepare: waiting PodInitializing; logs: waiting PodInitializing; app: waiting PodInitializing",
  },
  {
    name: "a sidecar whose startup probe has not passed holds up the next",
    pod: served({ initContainers: [sidecar("mesh", { startupProbe: probe() })] }),
    containers: [sandbox({}), init("mesh", {})],
    actions: [],
    status: "Pending; mesh: running; app: waiting PodInitializing",
  },
  {
    name: "its startup probe lets the next go on",
    pod: served({ initContainers: [sidecar("mesh", { startupProbe: probe() })] }),
    containers: [sandbox({}), init("mesh", {})],
    view: { probes: new Map([["i-mesh", { started: true, ready: false }]]) },
    actions: ["create app #0 crashes=0 in s0"],
  },
  {
    name: "a sidecar whose postStart hook still runs holds up the next",
    containers: [sandbox({}), init("mesh", {})],
    view: { inPostStart: new Set(["i-mesh"]) },
    actions: [],
  },
  {
    name: "mains follow the last sidecar",
    containers: [sandbox({}), init("mesh", {}), init("prepare", DONE), init("logs", {})],
    actions: ["create app #0 crashes=0 in s0"],
  },
  {
    name: "all run: the pod is Ready",
    containers: [sandbox({}), init("mesh", {}), init("prepare", DONE), init("logs", {}), app({})],
    actions: [],
    status:
      "Running Ready; mesh: running; prepare: terminated Completed 0; logs: running; app: running",
  },
  {
    name: "a sidecar that is not ready keeps the pod from being so",
    pod: served({ initContainers: [sidecar("mesh", { readinessProbe: probe() })] }),
    containers: [sandbox({}), init("mesh", {}), app({})],
    actions: [],
    status: "Running; mesh: running; app: running",
  },
  {
    name: "a sidecar that dies is restarted beside the mains",
    containers: [sandbox({}), init("mesh", { ...DONE, exitCode: 1 }), init("logs", {}), app({})],
    actions: ["create mesh #1 crashes=1 in s0"],
    status:
      "Running; mesh: terminated Error 1; prepare: terminated Completed 0; logs: running; app: running",
    view: {
      previous: {
        phase: "Running",
        initContainerStatuses: [
          {
            name: "prepare",
            image: "app:1",
            imageID: "",
            ready: true,
            restartCount: 0,
            lastState: {},
            state: { terminated: { exitCode: 0, reason: "Completed" } },
          },
        ],
      },
    },
  },
  {
    name: "even when it ended well and the pod never restarts",
    pod: served({ restartPolicy: "Never" }),
    containers: [sandbox({}), init("mesh", DONE), init("prepare", DONE), init("logs", {}), app({})],
    actions: ["create mesh #1 crashes=1 in s0"],
  },
  {
    name: "with back-off",
    containers: [
      sandbox({}),
      init("mesh", { ...DONE, attempt: 1, crashes: 1, diedAt: NOW - 9_999 }),
      init("prepare", DONE),
      init("logs", {}),
      app({}),
    ],
    actions: [],
    status:
      "Running; mesh: waiting CrashLoopBackOff (back-off 10s restarting failed container=mesh pod=web_shop(web-uid)) last Completed 0; prepare: terminated Completed 0; logs: running; app: running",
  },
  {
    name: "one that dies while a later init container runs does not hold that up",
    containers: [
      sandbox({}),
      init("mesh", { ...DONE, attempt: 1, crashes: 1 }),
      init("prepare", DONE),
    ],
    actions: ["create logs #0 crashes=0 in s0"],
  },
  {
    name: "one that is gone under running mains is made again",
    pod: served({ initContainers: [sidecar("mesh")] }),
    containers: [sandbox({}), app({})],
    actions: ["create mesh #0 crashes=0 in s0"],
    status: "Pending; mesh: waiting PodInitializing; app: running",
  },
  {
    name: "a sidecar that failed its startup probe is stopped",
    pod: served({ initContainers: [sidecar("mesh", { startupProbe: probe() })] }),
    containers: [sandbox({}), init("mesh", {})],
    view: {
      probes: new Map([["i-mesh", { started: false, ready: false, failed: { probe: "startup" } }]]),
    },
    actions: ["stop i-mesh grace=30000: Init container mesh failed startup probe"],
  },
  {
    name: "a sidecar that failed its liveness probe is stopped with the probe's grace",
    pod: served({ initContainers: [sidecar("mesh", { livenessProbe: probe() })] }),
    containers: [sandbox({}), init("mesh", {}), app({})],
    view: {
      probes: new Map([["i-mesh", { ...STARTED, failed: { probe: "liveness", graceMs: 7_000 } }]]),
    },
    actions: ["stop i-mesh grace=7000: Init container mesh failed liveness probe"],
  },
  {
    name: "when all mains have ended for good, sidecars are stopped in reverse",
    pod: served({ restartPolicy: "Never" }),
    containers: [sandbox({}), init("mesh", {}), init("prepare", DONE), init("logs", {}), app(DONE)],
    actions: [
      `stop i-mesh grace=30000 after i-logs: ${STOPPING} mesh`,
      `stop i-logs grace=30000: ${STOPPING} logs`,
    ],
    status:
      "Running; mesh: running; prepare: terminated Completed 0; logs: running; app: terminated Completed 0",
  },
  {
    name: "then no sidecar is started any more, and how it ended does not count",
    pod: served({ restartPolicy: "OnFailure", initContainers: [sidecar("mesh")] }),
    containers: [sandbox({}), init("mesh", { ...DONE, exitCode: 143 }), app(DONE)],
    actions: ["release-sandbox"],
    status: "Succeeded; mesh: terminated Error 143 signal=15; app: terminated Completed 0",
  },
  {
    name: "a failed main fails the pod although its sidecar ended well",
    pod: served({ restartPolicy: "Never", initContainers: [sidecar("mesh")] }),
    containers: [sandbox({}), init("mesh", DONE), app({ ...DONE, exitCode: 4 })],
    actions: ["release-sandbox"],
  },
  {
    name: "a pod that must go ends its mains first, then its sidecars in reverse",
    containers: [sandbox({}), init("mesh", {}), init("prepare", DONE), init("logs", {}), app({})],
    view: { ending: true, withdrawn: true, previous: { phase: "Running" } },
    actions: [
      `stop i-mesh grace=30000 after i-logs a0: ${STOPPING} mesh`,
      `stop i-logs grace=30000 after a0: ${STOPPING} logs`,
      `stop a0 grace=30000: ${STOPPING} app`,
    ],
  },
  {
    name: "the pod runs on until its last sidecar has ended",
    pod: served({ initContainers: [sidecar("mesh")] }),
    containers: [sandbox({}), init("mesh", {}), app(DONE)],
    view: { ending: true, withdrawn: true, previous: { phase: "Running" } },
    actions: [`stop i-mesh grace=30000: ${STOPPING} mesh`],
    status: "Running; mesh: running; app: terminated Completed 0",
  },
  {
    name: "one that starts anew under running mains leaves the pod Running",
    pod: served({ initContainers: [sidecar("mesh", { startupProbe: probe() })] }),
    containers: [sandbox({}), init("mesh", { attempt: 1 }), app({})],
    actions: [],
    status: "Running; mesh: running; app: running",
  },
  {
    name: "in a new sandbox a sidecar that ended well backs off as any other",
    pod: served({ initContainers: [sidecar("mesh")] }),
    containers: [sandbox({ id: "s1", attempt: 1 }), init("mesh", { ...DONE, crashes: 1 })],
    view: { readySandbox: "s1" },
    actions: [],
  },
  {
    name: "a new sandbox starts with the first sidecar again",
    containers: [
      sandbox({ id: "s1", attempt: 1 }),
      init("mesh", { ...DONE, exitCode: 137 }),
      init("prepare", DONE),
      init("logs", { ...DONE, exitCode: 137 }),
      app({ ...DONE, exitCode: 137 }),
    ],
    view: { readySandbox: "s1" },
    actions: ["create mesh #1 crashes=1 in s1"],
  },
];

describe("planPod() with sidecars", () => {
  test.for(CASES)("$name", ({ pod: wanted = served(), view, containers, actions, status }) => {
    const plan = planPod(look(wanted, containers, { ...UP, ...view }));
    expect(plan.actions.map(render)).toEqual(actions);
    if (status !== undefined) expect(renderStatus(plan.status)).toBe(status);
  });

  test("the statuses say what has started and what is ready", () => {
    const inPostStart = new Set(["i-logs"]);
    const all = [sandbox({}), init("mesh", {}), init("prepare", DONE), init("logs", {})];
    const { status } = planPod(look(served(), all, { ...UP, inPostStart }));
    expect(
      status.initContainerStatuses?.map(({ name, started, ready }) => ({ name, started, ready })),
    ).toEqual([
      { name: "mesh", started: true, ready: true },
      { name: "prepare", started: false, ready: true },
      { name: "logs", started: false, ready: false },
    ]);
    expect(status.conditions?.find(({ type }) => type === "Initialized")).toMatchObject({
      status: "False",
      message: "containers with incomplete status: [logs]",
    });
    expect(status.conditions?.find(({ type }) => type === "ContainersReady")).toMatchObject({
      message: "containers with unready status: [logs app]",
    });
  });
});

test("a sidecar that has started is initialized, ready or not", () => {
  const wanted = served({
    initContainers: [sidecar("mesh", { readinessProbe: probe() }), sidecar("logs")],
  });
  const { status } = planPod(look(wanted, [sandbox({}), init("mesh", {})], UP));
  expect(status.conditions?.find(({ type }) => type === "Initialized")?.message).toBe(
    "containers with incomplete status: [logs]",
  );
});

describe("runAgent() with sidecars", () => {
  async function up(wanted: Pod): Promise<FakeNode> {
    const node = await openFakeNode();
    node.harness.api.put(wanted);
    node.harness.start();
    await node.reach("the pod is Ready", () => isReady(node.harness.pod() ?? wanted));
    return node;
  }

  const two = served({ initContainers: [sidecar("mesh"), sidecar("logs")] });

  test("starts them in order and ends them in reverse, after the mains", async () => {
    await using node = await up(two);
    node.harness.api.markDeleted(podRef("web"));
    await node.reach("gone", () => node.harness.pod() === undefined);
    const calls = node.runtime.calls.filter((call) => /^(start|kill)/.test(call));
    expect(calls.filter((call) => !call.includes("sandbox"))).toEqual([
      "start mesh",
      "start logs",
      "start app",
      "kill app SIGTERM",
      "kill logs SIGTERM",
      "kill mesh SIGTERM",
    ]);
  });

  test("what the mains leave of the grace is for the sidecars, and never less than two seconds", async () => {
    const node = await openFakeNode();
    await using _ = node;
    node.runtime.programs.set("deaf", { isDeaf: true });
    const deaf = { command: ["deaf"] };
    const wanted = pod({
      initContainers: [sidecar("mesh", deaf)],
      containers: [deaf],
      terminationGracePeriodSeconds: 10,
    });
    node.harness.api.put(wanted);
    node.harness.start();
    await node.reach("Ready", () => isReady(node.harness.pod() ?? wanted));
    node.harness.api.markDeleted(podRef("web"));
    const kills = (): readonly string[] =>
      node.runtime.calls.filter((call) => call.startsWith("kill "));
    await node.reach("SIGTERM", () => kills().length > 0);
    await node.pass(9_900);
    expect(kills()).toEqual(["kill app SIGTERM"]);
    await node.pass(200);
    await node.reach("the main is killed", () => kills().length === 3);
    expect(kills().toSorted()).toEqual([
      "kill app SIGKILL",
      "kill app SIGTERM",
      "kill mesh SIGTERM",
    ]);
    await node.pass(1_800);
    expect(kills()).not.toContain("kill mesh SIGKILL");
    await node.pass(200);
    await node.reach("gone", () => node.harness.pod() === undefined);
    expect(kills().at(-1)).toBe("kill mesh SIGKILL");
  });

  test("preStop hooks of all run at once", async () => {
    const lifecycle = { preStop: { exec: { command: ["bye"] } } };
    await using node = await up(
      pod({ initContainers: [sidecar("mesh", { lifecycle })], containers: [{ lifecycle }] }),
    );
    node.harness.api.markDeleted(podRef("web"));
    await node.reach("gone", () => node.harness.pod() === undefined);
    const calls = node.runtime.calls.filter((call) => /^(exec|kill)/.test(call));
    expect(calls.map((call) => call.split(" ")[0])).toEqual(["exec", "exec", "kill", "kill"]);
    expect(calls.slice(2)).toEqual(["kill app SIGTERM", "kill mesh SIGTERM"]);
  });

  test("a postStart hook holds up what comes after the sidecar", async () => {
    await using node = await openFakeNode();
    const hook = Promise.withResolvers<void>();
    node.runtime.exec = async () => {
      node.runtime.calls.push("exec");
      await hook.promise;
      return { exitCode: 0, output: "", timedOut: false };
    };
    const lifecycle = { postStart: { exec: { command: ["hello"] } } };
    const wanted = served({ initContainers: [sidecar("mesh", { lifecycle })] });
    node.harness.api.put(wanted);
    node.harness.start();
    await node.reach("the hook runs", () => node.runtime.calls.includes("exec"));
    await node.pass(5_000);
    expect(node.runtime.running().filter((name) => !name.startsWith("sandbox"))).toEqual([
      "mesh#0",
    ]);
    expect(node.harness.pod()?.status?.initContainerStatuses?.[0]).toMatchObject({
      started: false,
      ready: false,
    });
    hook.resolve();
    await node.reach("Ready", () => isReady(node.harness.pod() ?? wanted));
  });

  test("they do not keep a pod from succeeding", async () => {
    await using node = await openFakeNode();
    node.runtime.programs.set("work", { exits: 0 });
    node.harness.api.put(
      served({
        restartPolicy: "Never",
        initContainers: [sidecar("mesh")],
        containers: [{ command: ["work"] }],
      }),
    );
    node.harness.start();
    await node.reach("Succeeded", () => node.harness.pod()?.status?.phase === "Succeeded");
    await node.reach("nothing runs", () => node.runtime.running().length === 0);
    expect(node.runtime.calls.filter((call) => call.startsWith("start"))).toEqual([
      "start sandbox",
      "start mesh",
      "start app",
    ]);
  });
});

describe("endsAfter()", () => {
  test("every order of ends that heeds it ends all, and no sidecar before one that needs it", () => {
    const kinds = fc.array(fc.boolean(), { maxLength: 5 });
    fc.assert(
      fc.property(kinds, fc.nat({ max: 3 }), (sidecars, mains) => {
        const initContainers = sidecars.map((isSidecar, index) =>
          isSidecar ? sidecar(`i${index}`) : container({ name: `i${index}` }),
        );
        const wanted = pod({ initContainers });
        const running = [
          ...initContainers.map(({ name }) => init(name, {})),
          ...Array.from({ length: mains }, (_, index) => app({ id: `a${index}` })),
        ];
        let left = running;
        for (let round = 0; left.length > 0; round += 1) {
          expect(round).toBeLessThanOrEqual(running.length);
          const next = left.filter((one) => endsAfter(wanted, left, one).length > 0);
          expect(next.length).toBeLessThan(left.length);
          // Those that end now are mains, plain init containers, and at most one sidecar.
          const ending = left.filter((one) => !next.includes(one));
          const serving = ending.filter(
            ({ containerName }) =>
              initContainers.find(({ name }) => name === containerName)?.restartPolicy === "Always",
          );
          if (serving.length > 0) expect(ending.at(-1)).toBe(serving[0]);
          left = next;
        }
      }),
      { numRuns: 100 },
    );
  });
});
