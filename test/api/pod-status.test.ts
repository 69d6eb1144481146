import { describe, expect, test } from "vitest";
import { formatTime } from "../../src/base/clock.ts";
import { summarisePod } from "../../src/api/columns/pod-status.ts";
import type { Condition } from "../../src/model/meta.ts";
import type { ContainerState, ContainerStatus, Pod, PodStatus } from "../../src/model/kinds.gen.ts";
import { renderTable } from "../support/api-table.ts";
import { NOW, at, container, pod } from "../support/builders.ts";

const RUNNING: ContainerState = { running: { startedAt: at(-60) } };
const waiting = (reason: string): ContainerState => ({ waiting: { reason } });
const ended = (exitCode: number, reason = "", signal?: number): ContainerState => ({
  terminated: { exitCode, reason, ...(signal === undefined ? {} : { signal }) },
});

function status(state: ContainerState, fields: Partial<ContainerStatus> = {}): ContainerStatus {
  const ready = state.running !== undefined;
  return {
    name: "app",
    image: "",
    imageID: "",
    ready,
    restartCount: 0,
    state,
    lastState: {},
    ...fields,
  };
}

interface Shape {
  readonly phase?: PodStatus["phase"];
  readonly main?: readonly ContainerStatus[];
  readonly init?: readonly ContainerStatus[];
  readonly conditions?: readonly Condition[];
  readonly reason?: string;
  readonly terminating?: boolean;
}

function podOf({
  phase = "Running",
  main = [],
  init,
  conditions = [],
  reason,
  terminating,
}: Shape): Pod {
  const base = pod({ name: "web", terminating: terminating ?? false });
  const names = (list: readonly unknown[]) =>
    list.map((_, index) => container({ name: `c${index}` }));
  return {
    ...base,
    spec: {
      ...base.spec,
      containers: main.length === 0 ? [container()] : names(main),
      ...(init === undefined ? {} : { initContainers: names(init) }),
    },
    status: {
      phase,
      conditions,
      containerStatuses: main,
      ...(init === undefined ? {} : { initContainerStatuses: init }),
      ...(reason === undefined ? {} : { reason }),
    },
  };
}

const READY: Condition = { type: "Ready", status: "True" };
const INITIALIZED: Condition = { type: "Initialized", status: "True" };

describe("the STATUS column says", () => {
  const rows: readonly (readonly [string, Shape])[] = [
    ["Pending", { phase: "Pending" }],
    ["Running", { main: [status(RUNNING)] }],
    ["ContainerCreating", { phase: "Pending", main: [status(waiting("ContainerCreating"))] }],
    ["ErrImageNeverPull", { phase: "Pending", main: [status(waiting("ErrImageNeverPull"))] }],
    ["CrashLoopBackOff", { main: [status(waiting("CrashLoopBackOff"), { restartCount: 3 })] }],
    ["CrashLoopBackOff", { main: [status(waiting("CrashLoopBackOff")), status(waiting("Other"))] }],
    ["Completed", { phase: "Succeeded", main: [status(ended(0, "Completed"))] }],
    ["Error", { phase: "Failed", main: [status(ended(1, "Error"))] }],
    ["OOMKilled", { main: [status(ended(137, "OOMKilled")), status(RUNNING)] }],
    ["ExitCode:3", { phase: "Failed", main: [status(ended(3))] }],
    ["Signal:9", { phase: "Failed", main: [status(ended(137, "", 9))] }],
    ["Running", { main: [status(ended(0, "Completed")), status(RUNNING)], conditions: [READY] }],
    ["NotReady", { main: [status(ended(0, "Completed")), status(RUNNING)] }],
    ["Evicted", { phase: "Failed", reason: "Evicted" }],
    ["Init:0/2", { phase: "Pending", init: [status(RUNNING), status(waiting("PodInitializing"))] }],
    ["Init:1/2", { phase: "Pending", init: [status(ended(0, "Completed")), status(RUNNING)] }],
    ["Init:Error", { phase: "Pending", init: [status(ended(1, "Error"))] }],
    ["Init:ExitCode:7", { phase: "Pending", init: [status(ended(7))] }],
    ["Init:CrashLoopBackOff", { phase: "Pending", init: [status(waiting("CrashLoopBackOff"))] }],
    [
      "PodInitializing",
      {
        phase: "Pending",
        init: [status(ended(0, "Completed"))],
        main: [status(waiting("PodInitializing"))],
      },
    ],
    [
      "Running",
      { init: [status(ended(1, "Error"))], main: [status(RUNNING)], conditions: [INITIALIZED] },
    ],
    ["Terminating", { main: [status(RUNNING)], terminating: true }],
    ["Unknown", { main: [status(RUNNING)], terminating: true, reason: "NodeLost" }],
    ["Completed", { phase: "Succeeded", main: [status(ended(0, "Completed"))], terminating: true }],
  ];
  test.each(rows)("%s", (word, shape) => {
    expect(summarisePod(podOf(shape), NOW).status).toBe(word);
  });
});

describe("the RESTARTS column counts", () => {
  const last = (offset: number): Partial<ContainerStatus> => ({
    lastState: { terminated: { exitCode: 1, reason: "Error", finishedAt: at(offset) } },
  });

  test("all containers, with the newest end", () => {
    const main = [
      status(RUNNING, { restartCount: 2, ...last(-300) }),
      status(RUNNING, { restartCount: 1, ...last(-120) }),
    ];
    expect(summarisePod(podOf({ main }), NOW).restarts).toBe("3 (2m ago)");
  });

  test("nothing without a restart", () => {
    expect(summarisePod(podOf({ main: [status(RUNNING, last(-120))] }), NOW).restarts).toBe("0");
  });

  test("init containers only while they run", () => {
    const init = [status(waiting("CrashLoopBackOff"), { restartCount: 4, ...last(-60) })];
    const main = [status(RUNNING, { restartCount: 1, ...last(-10) })];
    expect(summarisePod(podOf({ init, main }), NOW).restarts).toBe("4 (60s ago)");
    expect(summarisePod(podOf({ init, main, conditions: [INITIALIZED] }), NOW).restarts).toBe(
      "1 (10s ago)",
    );
  });
});

test("the READY column counts containers that serve", () => {
  const main = [status(RUNNING), status(RUNNING, { ready: false }), status(ended(0, "Completed"))];
  expect(summarisePod(podOf({ main }), NOW).ready).toBe("1/3");
});

test("sidecars count with the containers that they serve, and hold up nothing once they have started", () => {
  const mesh = (more: Partial<ContainerStatus>): Pod => {
    const finishedAt = formatTime(NOW - 60_000);
    const lastState = { terminated: { exitCode: 1, reason: "Error", finishedAt } };
    const restarted = { name: "mesh", restartCount: 2, lastState, ...more };
    const init = [status(RUNNING, restarted), status(waiting("PodInitializing"), { name: "c1" })];
    const base = podOf({ phase: "Pending", init, main: [status(waiting("PodInitializing"))] });
    const [, setup] = base.spec.initContainers ?? [];
    const sidecar = container({ name: "mesh", restartPolicy: "Always" });
    const initContainers = [sidecar, ...(setup === undefined ? [] : [setup])];
    return { ...base, spec: { ...base.spec, initContainers } };
  };
  const starting = summarisePod(mesh({ started: false, ready: false }), NOW);
  expect([starting.status, starting.ready]).toEqual(["Init:0/2", "0/2"]);
  const started = mesh({ started: true, ready: true });
  expect(summarisePod(started, NOW).status).toBe("Init:1/2");
  const up = { ...started, status: { ...started.status, conditions: [INITIALIZED] } } as Pod;
  expect(summarisePod(up, NOW)).toMatchObject({ ready: "1/2", restarts: "2 (60s ago)" });
});

test("a table of pods", () => {
  const running = {
    ...podOf({ main: [status(RUNNING)] }),
    metadata: { ...pod({ name: "web-1" }).metadata },
  };
  const addressed: Pod = {
    ...running,
    status: { ...podOf({ main: [status(RUNNING)] }).status, phase: "Running", podIP: "10.32.0.5" },
  };
  const unbound = pod({ name: "web-2", node: "", phase: "Pending" });
  expect(renderTable([addressed, unbound], true)).toBe(
    [
      "NAME    READY   STATUS    RESTARTS   AGE   IP          NODE     NOMINATED NODE   READINESS GATES",
      "web-1   1/1     Running   0          2m    10.32.0.5   a        <none>           <none>",
      "web-2   0/1     Pending   0          2m    <none>      <none>   <none>           <none>",
    ].join("\n"),
  );
});
