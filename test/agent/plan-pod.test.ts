import { describe, expect, test } from "vitest";
import { planPod } from "../../src/agent/plan-pod.ts";
import type { PodContainer, PodView } from "../../src/agent/pod-view.ts";
import type { Pod } from "../../src/model/kinds.gen.ts";
import {
  app,
  init,
  known,
  look,
  NOW,
  probe,
  render,
  renderStatus,
  sandbox,
  SECOND,
} from "./plan-rig.ts";
import { container, pod } from "./pod-builder.ts";

interface Case {
  readonly name: string;
  readonly pod?: Pod;
  readonly view?: Partial<PodView>;
  readonly containers?: readonly PodContainer[];
  readonly actions: readonly string[];
  /** `phase; container: state` as a line. */
  readonly status?: string;
  readonly lookAgainIn?: number;
}

const IMAGE = { images: new Map([["app", { kind: "present" } as const]]) };
const UP = { readySandbox: "s0", podIp: "10.0.0.2", ...IMAGE };

const CASES: readonly Case[] = [
  {
    name: "a new pod gets a sandbox, and its image is looked for meanwhile",
    actions: ["create-sandbox #0", "prepare-image app"],
    status: "Pending; app: waiting ContainerCreating",
  },
  {
    name: "a container is made while the sandbox still starts",
    containers: [sandbox({ state: "created" })],
    view: IMAGE,
    actions: ["start-sandbox s0", "create app #0 crashes=0 in s0"],
  },
  {
    name: "a container that mounts a part of a volume waits for the volumes",
    pod: pod({
      containers: [{ volumeMounts: [{ name: "v", mountPath: "/v", subPath: "a" }] }],
      volumes: [{ name: "v", emptyDir: {} }],
    }),
    containers: [sandbox({})],
    view: IMAGE,
    actions: ["set-up-sandbox s0"],
  },
  {
    name: "a container is not started before the sandbox has its address",
    containers: [sandbox({}), app({ state: "created" })],
    view: IMAGE,
    actions: ["set-up-sandbox s0"],
  },
  {
    name: "a container is started once the sandbox is ready",
    containers: [sandbox({}), app({ state: "created" })],
    view: UP,
    actions: ["start app a0"],
    status: "Pending; app: waiting ContainerCreating",
  },
  {
    name: "a pod that runs is left alone",
    containers: [sandbox({}), app({})],
    view: UP,
    actions: [],
    status: "Running Ready; app: running",
  },
  {
    name: "a readiness probe that has not passed keeps a pod unready",
    pod: pod({ containers: [{ readinessProbe: probe() }] }),
    containers: [sandbox({}), app({})],
    view: UP,
    actions: [],
    status: "Running; app: running",
  },
  {
    name: "a container that failed its liveness probe is stopped",
    pod: pod({ containers: [{ livenessProbe: probe() }] }),
    containers: [sandbox({}), app({})],
    view: {
      ...UP,
      probes: new Map([
        ["a0", { started: true, ready: false, failed: { probe: "liveness", graceMs: 5 * SECOND } }],
      ]),
    },
    actions: ["stop a0 grace=5000: Container app failed liveness probe, will be restarted"],
  },
  {
    name: "the first death is followed by a restart at once",
    containers: [sandbox({}), app({ state: "exited", exitCode: 1, diedAt: NOW })],
    view: UP,
    actions: ["create app #1 crashes=1 in s0"],
    status: "Running; app: terminated Error 1",
  },
  {
    name: "the second death waits ten seconds",
    containers: [
      sandbox({}),
      app({ id: "a1", attempt: 1, crashes: 1, state: "exited", exitCode: 1, diedAt: NOW - 9_999 }),
    ],
    view: UP,
    actions: [],
    status:
      "Running; app: waiting CrashLoopBackOff (back-off 10s restarting failed container=app pod=web_shop(web-uid)) last Error 1",
    lookAgainIn: 1,
  },
  {
    name: "the wait is over at exactly ten seconds",
    containers: [
      sandbox({}),
      app({ id: "a1", attempt: 1, crashes: 1, state: "exited", exitCode: 1, diedAt: NOW - 10_000 }),
    ],
    view: UP,
    actions: ["create app #2 crashes=2 in s0"],
  },
  {
    name: "the wait grows to five minutes and no further",
    containers: [
      sandbox({}),
      app({ id: "a9", attempt: 9, crashes: 9, state: "exited", exitCode: 1, diedAt: NOW - 1 }),
    ],
    view: UP,
    actions: [],
    status:
      "Running; app: waiting CrashLoopBackOff (back-off 5m0s restarting failed container=app pod=web_shop(web-uid)) last Error 1",
    lookAgainIn: 1_999,
  },
  {
    name: "ten minutes of running make the next restart immediate again",
    containers: [
      sandbox({}),
      app({
        id: "a9",
        attempt: 9,
        crashes: 9,
        state: "exited",
        exitCode: 1,
        startedAt: NOW - 600_000,
        diedAt: NOW,
      }),
    ],
    view: UP,
    actions: ["create app #10 crashes=1 in s0"],
  },
  {
    name: "of the dead only the newest is kept",
    containers: [
      sandbox({}),
      app({ state: "exited", exitCode: 1, diedAt: NOW }),
      app({ id: "a1", attempt: 1, state: "exited", exitCode: 1, diedAt: NOW }),
      app({ id: "a2", attempt: 2 }),
    ],
    view: UP,
    actions: ["remove a0"],
    status: "Running Ready; app: running last Error 1",
  },
  {
    name: "a container removed behind our back is made again, and counts",
    containers: [sandbox({}), app({ state: "exited", exitCode: 137, vanished: true, diedAt: NOW })],
    view: UP,
    actions: ["create app #1 crashes=1 in s0"],
    status:
      "Running; app: terminated ContainerStatusUnknown 137 signal=9 (The container was removed behind the agent's back)",
  },
  {
    name: "a command that cannot run is told as such, then as crash loop",
    containers: [
      sandbox({}),
      app({
        id: "a1",
        attempt: 1,
        crashes: 1,
        state: "created",
        error: "no such file",
        exitCode: 127,
        startedAt: undefined,
        diedAt: NOW - 1,
      }),
    ],
    view: UP,
    actions: [],
    status: "Running; app: waiting RunContainerError (no such file) last ContainerCannotRun 127",
    lookAgainIn: 1_999,
  },
  {
    name: "an OOM kill of the first process is told as such",
    pod: pod({ restartPolicy: "Never" }),
    containers: [
      sandbox({}),
      app({ state: "exited", exitCode: 137, oomKilled: true, diedAt: NOW }),
    ],
    view: UP,
    actions: ["release-sandbox"],
    status: "Failed; app: terminated OOMKilled 137 signal=9",
  },
  {
    name: "an OOM kill that the first process survived is no reason",
    pod: pod({ restartPolicy: "Never" }),
    containers: [sandbox({}), app({ state: "exited", exitCode: 0, oomKilled: true, diedAt: NOW })],
    view: UP,
    actions: ["release-sandbox"],
    status: "Succeeded; app: terminated Completed 0",
  },
  {
    name: "OnFailure restarts a failure",
    pod: pod({ restartPolicy: "OnFailure" }),
    containers: [sandbox({}), app({ state: "exited", exitCode: 2, diedAt: NOW })],
    view: UP,
    actions: ["create app #1 crashes=1 in s0"],
  },
  {
    name: "OnFailure lets a success be",
    pod: pod({ restartPolicy: "OnFailure" }),
    containers: [sandbox({}), app({ state: "exited", exitCode: 0, diedAt: NOW })],
    view: UP,
    actions: ["release-sandbox"],
    status: "Succeeded; app: terminated Completed 0",
  },
  {
    name: "a finished pod is never started again, even if all its containers are gone",
    pod: pod({ restartPolicy: "Never" }),
    view: {
      previous: {
        phase: "Succeeded",
        containerStatuses: [known({ state: { terminated: { exitCode: 0, reason: "Completed" } } })],
      },
    },
    actions: [],
    status: "Succeeded; app: terminated Completed 0",
  },
  {
    name: "init containers go first, one at a time",
    pod: pod({ initContainers: [container({ name: "one" }), container({ name: "two" })] }),
    containers: [sandbox({})],
    view: { ...UP, images: new Map([["one", { kind: "present" }]]) },
    actions: ["create one #0 crashes=0 in s0"],
    status:
      "Pending; one: waiting PodInitializing; two: waiting PodInitializing; app: waiting PodInitializing",
  },
  {
    name: "the next init container follows a success",
    pod: pod({ initContainers: [container({ name: "one" }), container({ name: "two" })] }),
    containers: [sandbox({}), init("one", { state: "exited", exitCode: 0, diedAt: NOW })],
    view: { ...UP, images: new Map([["two", { kind: "present" }]]) },
    actions: ["create two #0 crashes=0 in s0"],
  },
  {
    name: "mains follow when all init containers are done",
    pod: pod({ initContainers: [container({ name: "one" })] }),
    containers: [sandbox({}), init("one", { state: "exited", exitCode: 0, diedAt: NOW })],
    view: UP,
    actions: ["create app #0 crashes=0 in s0"],
  },
  {
    name: "a failed init container is tried again",
    pod: pod({ initContainers: [container({ name: "one" })] }),
    containers: [sandbox({}), init("one", { state: "exited", exitCode: 1, diedAt: NOW })],
    view: { ...UP, images: new Map([["one", { kind: "present" }]]) },
    actions: ["create one #1 crashes=1 in s0"],
    status: "Pending; one: terminated Error 1; app: waiting PodInitializing",
  },
  {
    name: "a failed init container fails a pod that never restarts",
    pod: pod({ restartPolicy: "Never", initContainers: [container({ name: "one" })] }),
    containers: [sandbox({}), init("one", { state: "exited", exitCode: 1, diedAt: NOW })],
    view: UP,
    actions: ["release-sandbox"],
    status: "Failed; one: terminated Error 1; app: waiting PodInitializing",
  },
  {
    name: "init containers run again in a new sandbox",
    pod: pod({ initContainers: [container({ name: "one" })] }),
    containers: [
      sandbox({ id: "s1", attempt: 1 }),
      init("one", { state: "exited", exitCode: 0, diedAt: NOW }),
      app({ state: "exited", exitCode: 137, diedAt: NOW }),
    ],
    view: { ...UP, readySandbox: "s1", images: new Map([["one", { kind: "present" }]]) },
    actions: ["create one #1 crashes=0 in s1"],
  },
  {
    name: "init containers do not run again under a running main",
    pod: pod({ initContainers: [container({ name: "one" })] }),
    containers: [sandbox({}), app({})],
    view: UP,
    actions: [],
  },
  {
    name: "nor when they ran in the sandbox before this one",
    pod: pod({ initContainers: [container({ name: "one" })] }),
    containers: [
      sandbox({ id: "s1", attempt: 1 }),
      init("one", { state: "exited", exitCode: 0, diedAt: NOW }),
      app({ id: "a1", attempt: 1, sandboxId: "s1" }),
    ],
    view: { ...UP, readySandbox: "s1" },
    actions: [],
  },
  {
    name: "when the sandbox dies, what still runs is stopped first",
    containers: [sandbox({ state: "exited", diedAt: NOW }), app({})],
    view: UP,
    actions: ["stop a0 grace=30000: Pod sandbox changed, it will be killed and re-created."],
  },
  {
    name: "then a new sandbox is made",
    containers: [
      sandbox({ state: "exited", diedAt: NOW }),
      app({ state: "exited", exitCode: 137, diedAt: NOW }),
    ],
    view: UP,
    actions: ["create-sandbox #1"],
  },
  {
    name: "a sandbox that vanished is replaced by the next attempt",
    containers: [
      sandbox({ state: "exited", diedAt: NOW, vanished: true }),
      app({ state: "exited", exitCode: 137, diedAt: NOW }),
    ],
    view: UP,
    actions: ["create-sandbox #1"],
  },
  {
    name: "a sandbox that was replaced is removed",
    containers: [
      sandbox({ state: "exited", diedAt: NOW }),
      sandbox({ id: "s1", attempt: 1 }),
      app({ id: "a1", attempt: 1, sandboxId: "s1" }),
    ],
    view: { ...UP, readySandbox: "s1" },
    actions: ["remove s0"],
  },
  {
    name: "a container made for the old sandbox is made anew",
    containers: [sandbox({ id: "s1", attempt: 1 }), app({ state: "created", sandboxId: "s0" })],
    view: { ...UP, readySandbox: "s1" },
    actions: ["create app #0 crashes=0 in s1"],
  },
  {
    name: "a new sandbox is not made for containers that wait out their back-off",
    containers: [
      sandbox({ state: "exited", diedAt: NOW, vanished: true }),
      app({ state: "exited", crashes: 2, exitCode: 1, diedAt: NOW - 11_000 }),
    ],
    view: UP,
    actions: [],
  },
  {
    name: "a container that ended with its sandbox has done nothing wrong: it is not held back",
    containers: [
      sandbox({ state: "exited", exitCode: 255, diedAt: NOW }),
      app({ state: "exited", crashes: 4, exitCode: 255, diedAt: NOW - 9_000 }),
    ],
    view: UP,
    actions: ["create-sandbox #1"],
  },
  {
    name: "an image that cannot be pulled is told, and tried again when due",
    containers: [sandbox({})],
    view: {
      ...UP,
      images: new Map([
        [
          "app",
          {
            kind: "failed",
            reason: "ErrImagePull",
            message: "no",
            at: NOW - 1_999,
            retryAt: NOW + 8_000,
          },
        ],
      ]),
    },
    actions: [],
    status: "Pending; app: waiting ErrImagePull (no)",
    lookAgainIn: 1,
  },
  {
    name: "then it is told as back-off",
    containers: [sandbox({})],
    view: {
      ...UP,
      images: new Map([
        [
          "app",
          {
            kind: "failed",
            reason: "ErrImagePull",
            message: "no",
            at: NOW - 2_000,
            retryAt: NOW + 8_000,
          },
        ],
      ]),
    },
    actions: [],
    status:
      'Pending; app: waiting ImagePullBackOff (Back-off pulling image "app:1": ErrImagePull: no)',
    lookAgainIn: 8_000,
  },
  {
    name: "and pulled again",
    containers: [sandbox({})],
    view: {
      ...UP,
      images: new Map([
        [
          "app",
          { kind: "failed", reason: "ErrImagePull", message: "no", at: NOW - 10_000, retryAt: NOW },
        ],
      ]),
    },
    actions: ["prepare-image app"],
  },
  {
    name: "what could not be made is told until it is",
    containers: [sandbox({})],
    view: {
      ...UP,
      failures: new Map([
        [
          "app",
          {
            reason: "CreateContainerConfigError",
            message: 'secret "x" not found',
            at: NOW,
            retryAt: NOW + 1_000,
          },
        ],
      ]),
    },
    actions: [],
    status: 'Pending; app: waiting CreateContainerConfigError (secret "x" not found)',
    lookAgainIn: 1_000,
  },
  {
    name: "a pod that must go is first withdrawn",
    containers: [sandbox({}), app({})],
    view: { ...UP, ending: true },
    actions: ["withdraw"],
    status: "Pending Ready; app: running",
  },
  {
    name: "then its containers are stopped",
    containers: [sandbox({}), app({})],
    view: { ...UP, ending: true, withdrawn: true },
    actions: ["stop a0 grace=30000: Stopping container app"],
  },
  {
    name: "then all of it is removed",
    containers: [sandbox({}), app({ state: "exited", exitCode: 0, diedAt: NOW })],
    view: { ...UP, ending: true, withdrawn: true, previous: { phase: "Running" } },
    actions: ["remove-pod"],
    status: "Succeeded; app: terminated Completed 0",
  },
  {
    name: "a pod over its deadline is ended",
    pod: pod({ activeDeadlineSeconds: 60 }),
    containers: [sandbox({}), app({})],
    view: { ...UP, previous: { phase: "Running", startTime: "2023-11-14T22:12:20Z" } },
    actions: ["stop a0 grace=30000: Stopping container app"],
    status: "Failed DeadlineExceeded; app: running",
  },
];

describe("planPod()", () => {
  test.for(CASES)(
    "$name",
    ({ pod: wanted = pod(), view, containers = [], actions, status, lookAgainIn }) => {
      const plan = planPod(look(wanted, containers, view));
      expect(plan.actions.map(render)).toEqual(actions);
      if (status !== undefined) expect(renderStatus(plan.status)).toBe(status);
      if (lookAgainIn !== undefined) expect((plan.lookAgainAt ?? 0) - NOW).toBe(lookAgainIn);
    },
  );

  test("tells of a back-off once per attempt", () => {
    const dead = app({ attempt: 3, crashes: 3, state: "exited", exitCode: 1, diedAt: NOW });
    const plan = planPod(look(pod(), [sandbox({}), dead], UP));
    expect(plan.notices).toEqual([
      {
        key: "BackOff/app/3",
        container: "app",
        type: "Warning",
        reason: "BackOff",
        message: "Back-off restarting failed container app in pod web_shop(web-uid)",
      },
    ]);
  });

  test("moves the time of a condition only when its status turns", () => {
    const before = planPod(look(pod(), [sandbox({}), app({})], UP)).status;
    const later = {
      ...look(pod(), [sandbox({}), app({})], UP),
      previous: before,
      now: NOW + 60 * SECOND,
    };
    expect(planPod(later).status).toEqual(before);
    const unready = planPod({
      ...later,
      probes: new Map([["a0", { started: true, ready: false }]]),
    }).status;
    const times = unready.conditions?.map(
      (one) => `${one.type} ${one.status} ${one.lastTransitionTime ?? ""}`,
    );
    expect(times).toEqual([
      "PodScheduled True 2023-11-14T22:13:20Z",
      "Initialized True 2023-11-14T22:13:20Z",
      "Ready False 2023-11-14T22:14:20Z",
      "ContainersReady False 2023-11-14T22:14:20Z",
    ]);
  });

  test("the order of what is observed does not show", () => {
    const all = [
      sandbox({}),
      app({ state: "exited", exitCode: 1, diedAt: NOW }),
      app({ id: "a1", attempt: 1 }),
    ];
    expect(planPod(look(pod(), all.toReversed(), UP))).toEqual(planPod(look(pod(), all, UP)));
  });
});
