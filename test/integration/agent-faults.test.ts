import { describe, expect, test } from "vitest";
import { openDockerRuntime } from "../../src/agent/docker-runtime.ts";
import type { ContainerRuntime } from "../../src/agent/runtime.ts";
import { findCondition } from "../../src/model/condition.ts";
import { LABELS } from "../../src/model/instance.ts";
import type { Node, Pod } from "../../src/model/kinds.gen.ts";
import { isReady, podRef } from "../agent/agent-harness.ts";
import { NODE, pod } from "../agent/pod-builder.ts";
import { openDockerCluster, type DockerCluster } from "../support/docker-cluster.ts";
import { eventually } from "../support/eventually.ts";
import { EngineProxy } from "../support/engine-proxy.ts";

const RUN = ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 0.1; done"];
const SANDBOX_START = /^\/containers\/[^/]+\/start/;

interface Broken extends DockerCluster {
  readonly proxy: EngineProxy;
  /** The Engine itself, past all faults. */
  readonly engine: ContainerRuntime;
}

async function open(options: { readonly callLimitMs?: number } = {}): Promise<Broken> {
  const proxy = await EngineProxy.open();
  const engine = await openDockerRuntime({}, AbortSignal.timeout(10_000));
  const cluster = await openDockerCluster({
    socketPath: proxy.socketPath,
    relistMs: 1_000,
    callLimitMs: 2_000,
    ...options,
  });
  return {
    ...cluster,
    proxy,
    engine,
    async [Symbol.asyncDispose]() {
      // Cleaning up goes through the proxy too.
      for (const rule of rules.splice(0)) rule.lift();
      await cluster[Symbol.asyncDispose]();
      engine.close();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

const rules: { lift(): void }[] = [];

function faulty(
  { proxy }: Broken,
  rule: Parameters<EngineProxy["break"]>[0],
): ReturnType<EngineProxy["break"]> {
  const made = proxy.break(rule);
  rules.push(made);
  return made;
}

function plain(cluster: Broken, name = "web", more: Parameters<typeof pod>[0] = {}): Pod {
  const { image, clusterId } = cluster;
  const uid = `${name}-${clusterId}`;
  return pod({
    name,
    uid,
    image,
    terminationGracePeriodSeconds: 1,
    containers: [{ command: RUN }],
    ...more,
  });
}

async function containers(cluster: Broken): Promise<readonly string[]> {
  const labels = { [LABELS.cluster]: cluster.clusterId };
  const listed = await cluster.engine.list(labels, cluster.signal);
  return listed
    .map(({ labels: own, state }) => `${own[LABELS.podName]} ${own[LABELS.container]} ${state}`)
    .toSorted();
}

const UP = ["web app running", "web sandbox running"];

describe("an agent whose Engine", () => {
  test("says 500 to a create and does it all the same makes nothing twice", async () => {
    await using cluster = await open();
    const fault = { do: "done-but", status: 500, message: "context canceled" } as const;
    const sandbox = faulty(cluster, { path: /name=berth_sandbox/, times: 1, fault });
    const app = faulty(cluster, { path: /name=berth_app/, times: 1, fault });
    cluster.harness.api.put(plain(cluster));
    const ready = await cluster.harness.untilReady();
    expect([sandbox.met, app.met]).toEqual([1, 1]);
    expect(await containers(cluster)).toEqual(UP);
    expect(ready.status?.containerStatuses?.[0]?.restartCount).toBe(0);
  });

  test("loses the answer to a create and to a start makes nothing twice", async () => {
    await using cluster = await open();
    const fault = { do: "lose-answer" } as const;
    faulty(cluster, { method: "POST", path: /name=berth_app/, times: 1, fault });
    faulty(cluster, { method: "POST", path: SANDBOX_START, times: 1, fault });
    cluster.harness.api.put(plain(cluster));
    await cluster.harness.untilReady();
    expect(await containers(cluster)).toEqual(UP);
  });

  test.for(["created", "running", "exited"] as const)(
    "has another container of that name, %s, of the same pod, puts the right one in its place",
    async (state) => {
      await using cluster = await open();
      const { engine, harness, signal, clusterId } = cluster;
      const blocker = await block(cluster, { [LABELS.cluster]: clusterId }, state);
      harness.api.put(plain(cluster));
      await harness.untilReady();
      expect(await engine.inspect(blocker, signal)).toBeUndefined();
      expect((await containers(cluster)).filter((one) => one.startsWith("web"))).toEqual(UP);
    },
  );

  test("has somebody else's container of that name leaves it alone and takes another name", async () => {
    await using cluster = await open();
    const { engine, harness, signal } = cluster;
    const blocker = await block(cluster, {}, "running");
    try {
      harness.api.put(plain(cluster));
      await harness.untilReady();
      expect(await engine.inspect(blocker, signal)).toMatchObject({ state: "running" });
      expect(await containers(cluster)).toEqual(UP);
    } finally {
      await engine.remove(blocker, signal);
    }
  });

  test("keeps a name in mind whose container is gone takes another name", async () => {
    await using cluster = await open();
    const name = /name=berth_app_web_shop_[^_]+_0$/;
    const message = 'Conflict. The container name "/x" is already in use by container "0123"';
    faulty(cluster, { path: name, fault: { do: "answer", status: 409, message } });
    cluster.harness.api.put(plain(cluster));
    await cluster.harness.untilReady();
    expect(await containers(cluster)).toEqual(UP);
  });

  test("never answers about one container keeps the others going, and stays Ready", async () => {
    await using cluster = await open({ callLimitMs: 60_000 });
    const { harness, engine, signal } = cluster;
    harness.api.put(plain(cluster, "stuck"));
    await harness.untilReady("stuck");
    const id = (harness.container("stuck")?.containerID ?? "").replace("docker://", "");
    faulty(cluster, { path: new RegExp(`^/containers/${id}/`), fault: { do: "hang" } });
    // Each gives cause to look at it, and hangs.
    await engine.kill(id, "SIGKILL", signal);
    harness.api.put(plain(cluster, "web"));
    await harness.untilReady("web");
    const healthy = (harness.container("web")?.containerID ?? "").replace("docker://", "");
    await engine.kill(healthy, "SIGKILL", signal);
    await harness.until(
      "web started again",
      (one) => isReady(one) && one.status?.containerStatuses?.[0]?.restartCount === 1,
      "web",
    );
    const node = harness.api.peek({ apiVersion: "v1", kind: "Node", name: NODE }) as Node;
    expect(findCondition(node.status?.conditions, "Ready")?.status).toBe("True");
  });

  test("hangs when one container starts does not hold up the next pods, and tells of the stuck one", async () => {
    await using cluster = await open({ callLimitMs: 3_000 });
    const { harness } = cluster;
    const hung = faulty(cluster, {
      method: "POST",
      path: SANDBOX_START,
      times: 1,
      fault: { do: "hang" },
    });
    harness.api.put(plain(cluster, "stuck"));
    await eventually("the start hangs", () => hung.met === 1);
    harness.api.put(plain(cluster, "web"));
    await harness.untilReady("web");
    // It ran out of time; the next try works.
    await harness.untilReady("stuck");
    const told = harness.events
      .filter(({ pod: about }) => about === "stuck")
      .map(({ message }) => message);
    expect(told.join("\n")).toMatch(/Failed to create pod sandbox: .*did not answer in time/);
  });

  test("starts a container, but answers after we hung up, is found out", async () => {
    await using cluster = await open();
    faulty(cluster, {
      method: "POST",
      path: SANDBOX_START,
      times: 2,
      fault: { do: "late", ms: 4_000 },
    });
    cluster.harness.api.put(plain(cluster));
    const ready = await cluster.harness.untilReady();
    expect(ready.status?.containerStatuses?.[0]?.restartCount).toBe(0);
    expect(await containers(cluster)).toEqual(UP);
  });

  test("tells no events is looked at often enough", async () => {
    await using cluster = await open();
    const { harness, proxy, engine, signal } = cluster;
    harness.api.put(plain(cluster));
    await harness.untilReady();
    faulty(cluster, { path: /^\/events/, fault: { do: "mute" } });
    const before = proxy.calls.length;
    await proxy.goAway();
    await proxy.comeBack();
    await eventually("it listens again", () =>
      proxy.calls.slice(before).some((call) => call.startsWith("GET /events")),
    );
    const id = (harness.container()?.containerID ?? "").replace("docker://", "");
    await engine.kill(id, "SIGKILL", signal);
    await harness.until(
      "started again",
      (one) => isReady(one) && one.status?.containerStatuses?.[0]?.restartCount === 1,
    );
  });

  test("talks nonsense, or hangs up in the middle of an answer, is asked again", async () => {
    await using cluster = await open();
    const { harness } = cluster;
    faulty(cluster, { path: /^\/containers\/json/, times: 2, fault: { do: "garbage" } });
    faulty(cluster, {
      method: "GET",
      path: /^\/containers\/[^/]+\/json/,
      times: 1,
      fault: { do: "cut", afterBytes: 100 },
    });
    faulty(cluster, { method: "POST", path: /name=berth_app/, times: 1, fault: { do: "garbage" } });
    faulty(cluster, { method: "POST", path: SANDBOX_START, times: 2, fault: { do: "close" } });
    faulty(cluster, { path: /^\/events/, times: 2, fault: { do: "garbage" } });
    harness.api.put(plain(cluster));
    await harness.untilReady();
    expect(await containers(cluster)).toEqual(UP);
  });

  test("goes away and comes back is waited for; what ran goes on", async () => {
    await using cluster = await open();
    const { harness, proxy, engine, signal } = cluster;
    harness.api.put(plain(cluster));
    const ready = await harness.untilReady();
    await proxy.goAway();
    harness.api.put(plain(cluster, "late"));
    const id = (harness.container()?.containerID ?? "").replace("docker://", "");
    await eventually("a call fails", () =>
      harness.events.some(({ pod: about, type }) => about === "late" && type === "Warning"),
    );
    await proxy.comeBack();
    await harness.untilReady("late");
    expect(await engine.inspect(id, signal)).toMatchObject({ state: "running" });
    expect(harness.pod()?.status).toEqual(ready.status);
  });

  test("does not end a container in time is asked again, and says of a removal that it is under way", async () => {
    await using cluster = await open();
    const { harness } = cluster;
    harness.api.put(plain(cluster));
    await harness.untilReady();
    faulty(cluster, { method: "POST", path: /\/kill/, times: 2, fault: { do: "hang" } });
    const busy = {
      do: "answer",
      status: 409,
      message: "removal of container x is already in progress",
    } as const;
    faulty(cluster, { method: "DELETE", path: /^\/containers\//, times: 1, fault: busy });
    harness.api.markDeleted(podRef("web"));
    await harness.untilGone("web", 40_000);
  });

  test("says 503 to everything for a while is patiently asked", async () => {
    await using cluster = await open();
    const fault = { do: "answer", status: 503, message: "the daemon is shutting down" } as const;
    faulty(cluster, { method: "POST", path: /./, times: 2, fault });
    cluster.harness.api.put(plain(cluster));
    await cluster.harness.untilReady();
    expect(await containers(cluster)).toEqual(UP);
  });

  test("says that a container ended with 255 has it started again", async () => {
    await using cluster = await open();
    const { harness, engine, signal } = cluster;
    harness.api.put(plain(cluster));
    await harness.untilReady();
    const id = (harness.container()?.containerID ?? "").replace("docker://", "");
    const body = (found: unknown): unknown => {
      const inspection = found as { readonly State: object };
      return { ...inspection, State: { ...inspection.State, ExitCode: 255 } };
    };
    faulty(cluster, { path: new RegExp(`^/containers/${id}/json`), fault: { do: "change", body } });
    await engine.kill(id, "SIGKILL", signal);
    const again = await harness.until(
      "started again",
      (one) => isReady(one) && one.status?.containerStatuses?.[0]?.restartCount === 1,
    );
    expect(again.status?.containerStatuses?.[0]?.lastState.terminated).toMatchObject({
      exitCode: 255,
      reason: "Error",
    });
  });

  test("cuts a log off says so to its reader, and hangs nobody", async () => {
    await using cluster = await open();
    const { harness, runtime, signal } = cluster;
    const command = ["sh", "-c", "echo a line that is cut; trap 'exit 0' TERM; sleep 1000 & wait"];
    harness.api.put(plain(cluster, "web", { containers: [{ command }] }));
    await harness.untilReady();
    const id = (harness.container()?.containerID ?? "").replace("docker://", "");
    faulty(cluster, { path: /\/logs/, fault: { do: "cut", afterBytes: 12 } });
    const read = async (): Promise<number> => {
      let bytes = 0;
      const options = { follow: true, timestamps: false };
      for await (const chunk of runtime.logs(id, options, signal)) bytes += chunk.length;
      return bytes;
    };
    await expect(read()).rejects.toThrow();
  });
});

/** Takes the name of the pod's container before the agent can. */
async function block(
  { engine, image, signal, clusterId }: Broken,
  labels: Readonly<Record<string, string>>,
  state: "created" | "running" | "exited",
): Promise<string> {
  const { id } = await engine.create(
    {
      name: `berth_app_web_shop_web-${clusterId}_0`,
      image,
      labels: { ...labels, [LABELS.specHash]: "another" },
      network: {
        kind: "none",
        dns: { servers: [], search: [], options: [] },
        hosts: [],
        sysctls: {},
      },
      command: ["sleep", state === "exited" ? "0" : "1000"],
      env: [],
      mounts: [],
      groups: [],
      capabilitiesAdd: [],
      capabilitiesDrop: [],
      privileged: false,
      noNewPrivileges: true,
      readOnlyRoot: false,
      cpuShares: 2,
      cpuQuotaUs: 0,
      memoryBytes: 0,
      oomScoreAdj: 0,
      stdin: false,
      tty: false,
    },
    signal,
  );
  if (state !== "created") await engine.start(id, signal);
  return id;
}
