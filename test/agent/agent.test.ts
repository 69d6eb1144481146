import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { LABELS } from "../../src/model/instance.ts";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { isReady, podRef } from "./agent-harness.ts";
import { settle } from "../support/manual-clock.ts";
import { openFakeNode, type FakeNode } from "./fake-node.ts";
import { container, pod } from "./pod-builder.ts";

/** An agent that has brought one pod up. */
async function openWith(wanted: Pod): Promise<FakeNode> {
  const node = await openFakeNode();
  node.harness.api.put(wanted);
  node.harness.start();
  await node.reach("the pod is Ready", () => isReady(node.harness.pod() ?? wanted));
  return node;
}

function waiting(node: FakeNode): string {
  const state = node.harness.container()?.state.waiting;
  return state === undefined ? "" : `${state.reason}: ${state.message ?? ""}`;
}

describe("runAgent()", () => {
  test("brings a pod up with as few calls as can be", async () => {
    await using node = await openWith(pod());
    const calls = node.runtime.calls.filter(
      (call) => !/^(info|image berth|loadImage|list)/.test(call),
    );
    expect(calls.toSorted()).toEqual(
      [
        "create berth_sandbox_web_shop_web-uid_0",
        "image app:1",
        "create berth_app_web_shop_web-uid_0",
        "start sandbox",
        "inspect",
        "start app",
        "inspect",
      ].toSorted(),
    );
    expect(node.harness.pod()?.status).toMatchObject({
      phase: "Running",
      podIP: "10.1.2.2",
      hostIP: "192.168.0.1",
    });
    expect([...node.network.wires.keys()]).toEqual(["web-uid"]);
    expect(node.harness.events.map((event) => event.reason)).toEqual([
      "Pulled",
      "Created",
      "Started",
    ]);
  });

  test("makes the container while the sandbox starts", async () => {
    await using node = await openFakeNode();
    const started = Promise.withResolvers<void>();
    node.runtime.intercept = (call) =>
      call === "start sandbox" ? started.promise : Promise.resolve();
    node.harness.api.put(pod());
    node.harness.start();
    await node.reach("the container is made", () =>
      node.runtime.calls.includes("create berth_app_web_shop_web-uid_0"),
    );
    expect(node.runtime.running()).toEqual([]);
    started.resolve();
    await node.reach("Ready", () => isReady(node.harness.pod() ?? pod()));
  });

  test("restarts what dies: at once, then after 10 and 20 seconds", async () => {
    await using node = await openWith(pod());
    node.runtime.die("app", 1);
    await node.reach("the first restart", () => node.runtime.running().includes("app#1"));
    node.runtime.die("app", 1);
    await node.reach("back-off", () =>
      waiting(node).startsWith("CrashLoopBackOff: back-off 10s restarting failed container=app"),
    );
    await node.pass(9_900);
    expect(node.runtime.running()).not.toContain("app#2");
    await node.pass(200);
    await node.reach("the second restart", () => node.runtime.running().includes("app#2"));
    node.runtime.die("app", 1);
    await node.reach("longer back-off", () =>
      waiting(node).startsWith("CrashLoopBackOff: back-off 20s"),
    );
    expect(node.harness.container()).toMatchObject({
      restartCount: 2,
      lastState: { terminated: { exitCode: 1, reason: "Error" } },
    });
    expect(node.harness.events.filter((event) => event.reason === "BackOff")).toHaveLength(2);
  });

  test("an agent that starts anew does not forget the back-off", async () => {
    await using node = await openWith(pod());
    node.runtime.die("app", 1);
    await node.reach("the first restart", () => node.runtime.running().includes("app#1"));
    node.runtime.die("app", 1);
    await node.reach("back-off", () => waiting(node).startsWith("CrashLoopBackOff"));
    await node.harness.stop();
    node.harness.start();
    await node.pass(9_000);
    expect(node.runtime.running()).toEqual(["sandbox#0"]);
    await node.pass(2_000);
    await node.reach("the second restart", () => node.runtime.running().includes("app#2"));
  });

  test("adopts what runs and touches nothing", async () => {
    const readinessProbe = {
      exec: { command: ["true"] },
      periodSeconds: 10,
      timeoutSeconds: 1,
      successThreshold: 1,
      failureThreshold: 3,
    };
    await using node = await openWith(pod({ containers: [{ readinessProbe }] }));
    const before = node.runtime.find("app").id;
    const version = node.harness.pod()?.metadata.resourceVersion;
    await node.harness.stop();
    node.runtime.calls.length = 0;
    node.harness.start();
    await node.pass(1_000);
    expect(node.runtime.find("app").id).toBe(before);
    expect(node.runtime.calls.filter((call) => /^(create|start|kill|remove)/.test(call))).toEqual(
      [],
    );
    expect(node.harness.pod()?.metadata.resourceVersion).toBe(version);
  });

  test("a container that is removed behind its back comes back", async () => {
    await using node = await openWith(pod());
    node.runtime.erase("app");
    await node.reach("it is back", () => node.runtime.running().includes("app#1"));
    await node.reach("Ready", () => isReady(node.harness.pod() ?? pod()));
    expect(node.harness.container()?.restartCount).toBe(1);
  });

  test.for(["die", "erase"] as const)(
    "when the sandbox is gone (%s), all of the pod is made anew with its address",
    async (how) => {
      await using node = await openWith(pod());
      if (how === "die") node.runtime.die("sandbox", 137);
      else node.runtime.erase("sandbox");
      await node.reach(
        "the new pod runs",
        () => node.runtime.running().join(" ") === "app#1 sandbox#1",
      );
      await node.reach(
        "Ready",
        () => isReady(node.harness.pod() ?? pod()) && node.harness.container()?.restartCount === 1,
      );
      expect(node.harness.pod()?.status?.podIP).toBe("10.1.2.2");
      expect(node.network.wires.get("web-uid")).toBe(node.runtime.find("sandbox").pid);
    },
  );

  test("a lost event is found by the listing", async () => {
    await using node = await openWith(pod());
    node.runtime.deaf = true;
    await node.harness.stop();
    node.harness.start();
    await node.reach("it listens", () => node.harness.logs !== undefined);
    node.runtime.die("app", 1);
    await node.pass(29_000);
    expect(node.runtime.running()).toEqual(["sandbox#0"]);
    await node.pass(2_000);
    await node.reach("it is back", () => node.runtime.running().includes("app#1"));
  });

  test("an agent that is told to end while it begins, ends", async () => {
    await using node = await openFakeNode();
    for (let turns = 0; turns < 60; turns += 1) {
      node.harness.start();
      for (let turn = 0; turn < turns; turn += 1) await settle();
      await node.harness.stop();
    }
    expect(node.runtime.count()).toBe(0);
  });

  test("a call that hangs for one pod holds up no other", async () => {
    await using node = await openFakeNode();
    node.runtime.intercept = (call) =>
      call.startsWith("create berth_app_stuck") ? new Promise(() => undefined) : Promise.resolve();
    node.harness.api.put(pod({ name: "stuck" }));
    node.harness.api.put(pod());
    node.harness.start();
    await node.reach("the other is Ready", () => isReady(node.harness.pod() ?? pod()));
  });

  test("starts at most two containers per core at a time", async () => {
    await using node = await openFakeNode();
    let now = 0;
    let most = 0;
    node.runtime.intercept = async (call) => {
      if (!/^(start|create berth)/.test(call)) return;
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
    };
    const names = Array.from({ length: 12 }, (_, index) => `web-${index}`);
    for (const name of names) node.harness.api.put(pod({ name }));
    node.harness.start();
    await node.reach("all Ready", () =>
      names.every((name) => isReady(node.harness.pod(name) ?? pod())),
    );
    expect(most).toBe(4);
  });
});

describe("the end of a pod", () => {
  test("withdrawn first, then SIGTERM, then removed with all it had", async () => {
    await using node = await openWith(pod({ volumes: [{ name: "v", emptyDir: {} }] }));
    const withdrawn = Promise.withResolvers<void>();
    node.harness.api.withdrawal = () => withdrawn.promise;
    node.harness.api.markDeleted(podRef("web"));
    await node.reach("withdrawal is asked", () =>
      node.harness.api.calls.some((call) =>
        call.includes("/withdrawals?namespace=shop&pod=web&uid=web-uid&timeoutMs=2000"),
      ),
    );
    expect(node.runtime.running()).toContain("app#0");
    withdrawn.resolve();
    await node.reach("it is gone", () => node.harness.pod() === undefined);
    expect(node.runtime.calls.filter((call) => call.startsWith("kill"))).toEqual([
      "kill app SIGTERM",
    ]);
    expect(node.runtime.count()).toBe(0);
    // A listing waits for every volume plugin of the host.
    expect(node.runtime.calls).not.toContain("listVolumes");
    expect(await node.runtime.listVolumes({ [LABELS.podUid]: "web-uid" })).toEqual([]);
    expect([...node.network.wires]).toEqual([]);
    expect(node.harness.api.calls.at(-1)).toBe("DELETE v1/Pod/shop/web grace=0");
    expect(node.harness.events.at(-1)).toMatchObject({
      reason: "Killing",
      message: "Stopping container app",
    });
  });

  test("who does not hear SIGTERM gets SIGKILL when the grace is over, and the pod says so", async () => {
    await using node = await openFakeNode();
    node.runtime.programs.set("deaf", { isDeaf: true });
    node.harness.api.put(pod({ containers: [{ command: ["deaf"] }] }));
    node.harness.start();
    await node.reach("Ready", () => isReady(node.harness.pod() ?? pod()));
    node.harness.api.markDeleted(podRef("web"));
    await node.reach("SIGTERM", () => node.runtime.calls.includes("kill app SIGTERM"));
    await node.pass(29_900);
    expect(node.runtime.calls).not.toContain("kill app SIGKILL");
    await node.pass(200);
    await node.reach("it is gone", () => node.harness.pod() === undefined);
    expect(node.runtime.calls).toContain("kill app SIGKILL");
    expect(node.harness.events.map((event) => event.reason)).toContain("GracePeriodExceeded");
  });

  test("a shorter grace counts at once", async () => {
    await using node = await openFakeNode();
    node.runtime.programs.set("deaf", { isDeaf: true });
    node.harness.api.put(pod({ containers: [{ command: ["deaf"] }] }));
    node.harness.start();
    await node.reach("Ready", () => isReady(node.harness.pod() ?? pod()));
    node.harness.api.markDeleted(podRef("web"));
    await node.reach("SIGTERM", () => node.runtime.calls.includes("kill app SIGTERM"));
    node.harness.api.markDeleted(podRef("web"), 1);
    await node.pass(1_000);
    await node.reach("it is gone", () => node.harness.pod() === undefined);
  });

  test("preStop runs before SIGTERM", async () => {
    await using node = await openWith(
      pod({ containers: [{ lifecycle: { preStop: { exec: { command: ["bye"] } } } }] }),
    );
    node.harness.api.markDeleted(podRef("web"));
    await node.reach("it is gone", () => node.harness.pod() === undefined);
    const calls = node.runtime.calls.filter((call) => /^(exec|kill)/.test(call));
    expect(calls).toEqual(["exec app bye", "kill app SIGTERM"]);
  });

  test("a pod that was never made is let go", async () => {
    await using node = await openFakeNode();
    const wanted = pod();
    node.harness.api.put({
      ...wanted,
      metadata: { ...wanted.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
    });
    node.harness.start();
    await node.reach("it is gone", () => node.harness.pod() === undefined);
    expect(node.runtime.calls.filter((call) => call.startsWith("create"))).toEqual([]);
  });

  test("a pod that is gone from the API is stopped and removed without a word there", async () => {
    await using node = await openWith(pod());
    node.harness.api.erase(podRef("web"));
    await node.reach("it is gone", () => node.runtime.count() === 0);
    expect(node.runtime.calls).toContain("kill app SIGTERM");
    expect(node.harness.api.calls.filter((call) => call.startsWith("DELETE"))).toEqual([]);
  });

  test("containers of pods that the API does not know are removed at the start", async () => {
    await using node = await openWith(pod());
    await node.harness.stop();
    node.harness.api.erase(podRef("web"));
    node.harness.start();
    await node.reach("they are gone", () => node.runtime.count() === 0);
  });
});

describe("while the API is away", () => {
  test("pods are kept running, and nothing unknown is removed", async () => {
    await using node = await openWith(pod());
    node.harness.api.away = true;
    node.runtime.die("app", 1);
    await node.reach("it is back", () => node.runtime.running().includes("app#1"));
    node.harness.api.away = false;
    await node.pass(20_000);
    await node.reach("the status follows", () => node.harness.container()?.restartCount === 1);
  });

  test("what the agent does not remember is left alone until the API has spoken", async () => {
    await using node = await openWith(pod());
    node.harness.api.away = true;
    await node.harness.stop();
    await rm(join(node.harness.stateDir, "pods.json"));
    node.harness.start();
    const lists = (): number => node.runtime.calls.filter((call) => call.startsWith("list")).length;
    const before = lists();
    await node.passUntil("it has looked around often", () => lists() > before + 2);
    expect(node.runtime.running()).toEqual(["app#0", "sandbox#0"]);
  });

  test("an agent that starts anew heals from what it remembers", async () => {
    await using node = await openWith(pod());
    await node.pass(600);
    await node.reach("it is written down", () => node.runtime.calls.length > 0);
    node.harness.api.away = true;
    await node.harness.stop();
    node.runtime.die("app", 1);
    node.harness.start();
    // It waits a while for the API first.
    await node.passUntil("it is back", () => node.runtime.running().includes("app#1"));
    expect(node.runtime.calls.filter((call) => call.startsWith("remove"))).toEqual([]);
  });
});

describe("what can go wrong on the way up", () => {
  test("a missing ConfigMap is told, and waited for", async () => {
    await using node = await openFakeNode();
    const env = [{ name: "C", valueFrom: { configMapKeyRef: { name: "settings", key: "COLOR" } } }];
    node.harness.api.put(pod({ containers: [{ env }] }));
    node.harness.start();
    await node.reachHeld(
      "it is told",
      () => waiting(node) === 'CreateContainerConfigError: configmap "settings" not found',
    );
    node.harness.config("settings", { COLOR: "blue" });
    await node.pass(1_000);
    await node.reach("Ready", () => isReady(node.harness.pod() ?? pod()));
    expect(node.runtime.specOf("app").env).toEqual(["C=blue"]);
  });

  test("an image that nobody has is told, then pulled once it is there", async () => {
    await using node = await openFakeNode();
    node.harness.api.put(pod({ image: "new:1" }));
    node.harness.start();
    await node.reachHeld("ErrImagePull", () => waiting(node).startsWith("ErrImagePull"));
    await node.pass(2_100);
    await node.reachHeld("ImagePullBackOff", () =>
      waiting(node).startsWith('ImagePullBackOff: Back-off pulling image "new:1"'),
    );
    node.runtime.registry.set("new:1", { id: "sha256:new", user: "", sizeBytes: 5 });
    await node.pass(8_500);
    await node.reach("Ready", () => isReady(node.harness.pod() ?? pod()));
    expect(node.runtime.calls.filter((call) => call === "pull new:1")).toHaveLength(2);
  });

  test("an image that failed for one pod is not pulled for the next before its time", async () => {
    await using node = await openFakeNode();
    node.harness.api.put(pod({ image: "new:1" }));
    node.harness.start();
    await node.reachHeld("ErrImagePull", () => waiting(node).startsWith("ErrImagePull"));
    node.harness.api.put(pod({ name: "other", image: "new:1" }));
    await node.reachHeld("the other waits too", () =>
      JSON.stringify(node.harness.container("other") ?? "").includes("ErrImagePull"),
    );
    expect(node.runtime.calls.filter((call) => call === "pull new:1")).toHaveLength(1);
  });

  test.for([
    { image: "app:2", imagePullPolicy: "Never", told: "ErrImageNeverPull" },
    { image: "UPPER//x", imagePullPolicy: "IfNotPresent", told: "InvalidImageName" },
  ] as const)("$told", async ({ image, imagePullPolicy, told }) => {
    await using node = await openFakeNode();
    node.harness.api.put(pod({ containers: [{ image, imagePullPolicy }] }));
    node.harness.start();
    await node.reachHeld(told, () => waiting(node).startsWith(told));
    expect(node.runtime.calls.filter((call) => call.startsWith("pull"))).toEqual([]);
  });

  test("a container that must not be root and might be is refused", async () => {
    await using node = await openFakeNode();
    node.harness.api.put(pod({ securityContext: { runAsNonRoot: true } }));
    node.harness.start();
    await node.reachHeld("it is told", () =>
      waiting(node).startsWith(
        "CreateContainerConfigError: container has runAsNonRoot and image will run as root",
      ),
    );
  });

  test("a command that cannot be run is told, and tried again with back-off", async () => {
    await using node = await openFakeNode();
    node.runtime.programs.set("nope", { cannotRun: "no such file or directory" });
    node.harness.api.put(pod({ containers: [{ command: ["nope"] }] }));
    node.harness.start();
    await node.reachHeld(
      "RunContainerError",
      () => waiting(node) === "RunContainerError: no such file or directory",
    );
    await node.pass(2_100);
    await node.reachHeld("CrashLoopBackOff", () =>
      waiting(node).startsWith("CrashLoopBackOff: back-off 10s"),
    );
    expect(node.harness.container()?.lastState.terminated).toMatchObject({
      reason: "ContainerCannotRun",
      exitCode: 127,
    });
  });

  test("a pod on the pod network waits for the node to have one", async () => {
    await using node = await openFakeNode();
    node.harness.api.put({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "node-a" },
      spec: {},
    } as never);
    node.harness.api.put(pod());
    node.harness.api.put(pod({ name: "host", hostNetwork: true }));
    node.harness.start();
    await node.reach("the pod on the host's network is Ready", () =>
      isReady(node.harness.pod("host") ?? pod()),
    );
    expect(node.runtime.running()).toEqual(["app#0", "sandbox#0"]);
    const stored = node.harness.api.peek({ apiVersion: "v1", kind: "Node", name: "node-a" });
    node.harness.api.put({ ...stored, spec: { podCIDR: "10.1.2.0/24" } } as never);
    await node.reach("so is the other", () => isReady(node.harness.pod() ?? pod()));
  });
});

describe("pods that end", () => {
  test("a pod that succeeded gives its sandbox back and keeps its container for the log", async () => {
    await using node = await openFakeNode();
    node.runtime.programs.set("work", { exits: 0 });
    node.harness.api.put(pod({ restartPolicy: "Never", containers: [{ command: ["work"] }] }));
    node.harness.start();
    await node.reach("Succeeded", () => node.harness.pod()?.status?.phase === "Succeeded");
    await node.reach("the sandbox is gone", () => node.runtime.count() === 1);
    expect(node.harness.container()?.state.terminated).toMatchObject({
      exitCode: 0,
      reason: "Completed",
    });
    expect([...node.network.wires]).toEqual([]);
    await node.pass(60_000);
    expect(node.runtime.find("app").labels[LABELS.attempt]).toBe("0");
  });

  test("init containers run in order before the mains", async () => {
    await using node = await openFakeNode();
    node.runtime.programs.set("init", { exits: 0 });
    const initContainers = ["one", "two"].map((name) => container({ name, command: ["init"] }));
    node.harness.api.put(pod({ initContainers }));
    node.harness.start();
    await node.reach("Ready", () => isReady(node.harness.pod() ?? pod()));
    expect(node.runtime.calls.filter((call) => call.startsWith("start"))).toEqual([
      "start sandbox",
      "start one",
      "start two",
      "start app",
    ]);
    expect(
      node.harness
        .pod()
        ?.status?.initContainerStatuses?.map(({ name, ready }) => `${name} ${ready}`),
    ).toEqual(["one true", "two true"]);
  });
});

describe("the node", () => {
  test("is registered, reports itself and keeps its lease", async () => {
    await using node = await openFakeNode();
    node.harness.api.erase({ apiVersion: "v1", kind: "Node", name: "node-a" });
    node.harness.start();
    const ref = { apiVersion: "v1", kind: "Node", name: "node-a" };
    await node.reach("it is there", () =>
      JSON.stringify(node.harness.api.peek(ref) ?? {}).includes("KubeletReady"),
    );
    expect(node.harness.api.peek(ref)).toMatchObject({
      metadata: { labels: { "kubernetes.io/hostname": "node-a", "kubernetes.io/os": "linux" } },
      status: {
        capacity: { cpu: "2", memory: "4Gi", pods: "110" },
        addresses: [{ type: "InternalIP", address: "192.168.0.1" }, { type: "Hostname" }],
        nodeInfo: { kubeletVersion: "v1.33.0+berth.0.1.0", containerRuntimeVersion: "fake://1" },
      },
    });
    await node.pass(30_500);
    const renewals = node.harness.api.calls.filter((call) => call.startsWith("PUT coordination"));
    expect(renewals.length).toBeGreaterThanOrEqual(4);
  });

  test("is not Ready when its runtime has not answered for three minutes", async () => {
    await using node = await openWith(pod());
    node.runtime.intercept = (call) =>
      call === "list" ? Promise.reject(new Error("down")) : Promise.resolve();
    const ref = { apiVersion: "v1", kind: "Node", name: "node-a" };
    await node.pass(170_000);
    expect(JSON.stringify(node.harness.api.peek(ref))).toContain("KubeletReady");
    await node.pass(40_000);
    expect(JSON.stringify(node.harness.api.peek(ref))).toContain("ContainerRuntimeUnhealthy");
    node.runtime.intercept = () => Promise.resolve();
    await node.pass(45_000);
    expect(JSON.stringify(node.harness.api.peek(ref))).toContain("KubeletReady");
    expect(node.runtime.running()).toEqual(["app#0", "sandbox#0"]);
  });
});
