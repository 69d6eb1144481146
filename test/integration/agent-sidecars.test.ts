import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { LABELS } from "../../src/model/instance.ts";
import type { Container, Probe } from "../../src/model/kinds.gen.ts";
import { podRef } from "../agent/agent-harness.ts";
import { container, pod } from "../agent/pod-builder.ts";
import { openDockerCluster } from "../support/docker-cluster.ts";

const MOUNT = { volumeMounts: [{ name: "notes", mountPath: "/notes" }] };

/** Notes its start and, when it is asked to, its end. */
function noting(name: string, onStart = ""): readonly string[] {
  const bye = `echo -${name} >>/notes/all; exit 0`;
  return [
    "sh",
    "-c",
    `trap '${bye}' TERM; ${onStart} echo +${name} >>/notes/all; while true; do sleep 0.1; done`,
  ];
}

function sidecar(image: string, name: string, more: Partial<Container> = {}): Container {
  return container({
    name,
    image,
    restartPolicy: "Always",
    command: noting(name),
    ...MOUNT,
    ...more,
  });
}

function quick(command: readonly string[]): Probe {
  return {
    exec: { command },
    periodSeconds: 1,
    timeoutSeconds: 5,
    successThreshold: 1,
    failureThreshold: 10,
  };
}

/** A folder of the host that all containers of a pod write their notes to. */
async function notesFolder(): Promise<{
  readonly volumes: readonly [
    { readonly name: string; readonly hostPath: { readonly path: string } },
  ];
  read(): Promise<readonly string[]>;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const path = await mkdtemp(join(tmpdir(), "berth-notes-"));
  return {
    volumes: [{ name: "notes", hostPath: { path } }],
    read: async () => (await readFile(join(path, "all"), "utf8")).trim().split("\n"),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

describe("sidecars on the real Engine", () => {
  test("start in order, once their startup probes have passed, and end in reverse", async () => {
    await using notes = await notesFolder();
    await using cluster = await openDockerCluster();
    const { harness, image } = cluster;
    const startupProbe = quick(["test", "-e", "/tmp/up"]);
    const slow = noting("mesh", "sleep 1; touch /tmp/up;");
    harness.api.put(
      pod({
        image,
        volumes: notes.volumes,
        initContainers: [
          sidecar(image, "mesh", { command: slow, startupProbe }),
          container({
            name: "prepare",
            image,
            command: ["sh", "-c", "echo prepare >>/notes/all"],
            ...MOUNT,
          }),
          sidecar(image, "logs", { readinessProbe: quick(["true"]) }),
        ],
        containers: [{ command: noting("app"), ...MOUNT }],
      }),
    );
    const ready = await harness.untilReady();
    expect(ready.status?.initContainerStatuses).toMatchObject([
      { name: "mesh", started: true, ready: true, state: { running: {} } },
      { name: "prepare", ready: true, state: { terminated: { exitCode: 0 } } },
      { name: "logs", started: true, ready: true, state: { running: {} } },
    ]);
    await expect.poll(() => notes.read(), { timeout: 5_000 }).toContain("+app");
    harness.api.markDeleted(podRef("web"));
    await harness.untilGone();
    expect(await notes.read()).toEqual([
      "+mesh",
      "prepare",
      "+logs",
      "+app",
      "-app",
      "-logs",
      "-mesh",
    ]);
  });

  test("do not keep a pod from finishing, and are ended kindly", async () => {
    await using notes = await notesFolder();
    await using cluster = await openDockerCluster();
    const { harness, runtime, clusterId, image, signal } = cluster;
    harness.api.put(
      pod({
        image,
        volumes: notes.volumes,
        restartPolicy: "Never",
        initContainers: [sidecar(image, "mesh")],
        containers: [
          {
            // It ends once it has seen that the sidecar was up before it.
            command: ["sh", "-c", "until grep -q mesh /notes/all; do sleep 0.1; done; echo done"],
            ...MOUNT,
          },
        ],
      }),
    );
    const done = await harness.until("Succeeded", (one) => one.status?.phase === "Succeeded");
    expect(done.status?.conditions).toContainEqual(
      expect.objectContaining({ type: "Ready", status: "False", reason: "PodCompleted" }),
    );
    expect(await notes.read()).toEqual(["+mesh", "-mesh"]);
    const running = await runtime.list({ [LABELS.cluster]: clusterId }, signal);
    expect(
      running.filter(
        ({ state, labels }) => state === "running" && labels[LABELS.role] !== "sandbox",
      ),
    ).toEqual([]);
  });

  test("are restarted whatever the pod's restart policy, and the main runs on", async () => {
    await using notes = await notesFolder();
    await using cluster = await openDockerCluster();
    const { harness, runtime, image, signal } = cluster;
    harness.api.put(
      pod({
        image,
        volumes: notes.volumes,
        restartPolicy: "Never",
        terminationGracePeriodSeconds: 2,
        initContainers: [
          sidecar(image, "mesh", {
            livenessProbe: { ...quick(["test", "!", "-e", "/tmp/sick"]), failureThreshold: 1 },
          }),
        ],
        containers: [{ command: noting("app"), ...MOUNT }],
      }),
    );
    const ready = await harness.untilReady();
    const mesh = ready.status?.initContainerStatuses?.[0]?.containerID?.replace("docker://", "");
    const main = harness.container()?.containerID;
    const sick = { command: ["touch", "/tmp/sick"], timeoutMs: 10_000, maxOutputBytes: 100 };
    await runtime.exec(mesh ?? "", sick, signal);
    const healed = await harness.until(
      "the sidecar runs again",
      ({ status }) =>
        status?.initContainerStatuses?.[0]?.restartCount === 1 &&
        status.initContainerStatuses[0].ready,
    );
    expect(healed.status?.phase).toBe("Running");
    expect(harness.container()).toMatchObject({ containerID: main, restartCount: 0 });
    expect(harness.events.map(({ message }) => message)).toContain(
      "Init container mesh failed liveness probe",
    );
  });
});

describe("the ends of pods on the real Engine", () => {
  test("the pod's stop signal is heard", async () => {
    await using notes = await notesFolder();
    await using cluster = await openDockerCluster();
    const { harness, image } = cluster;
    const script =
      "trap 'echo usr1 >>/notes/all; exit 0' USR1; echo up >>/notes/all; while true; do sleep 0.1; done";
    harness.api.put(
      pod({
        image,
        volumes: notes.volumes,
        containers: [
          { command: ["sh", "-c", script], lifecycle: { stopSignal: "SIGUSR1" }, ...MOUNT },
        ],
      }),
    );
    await harness.untilReady();
    await expect.poll(() => notes.read(), { timeout: 5_000 }).toEqual(["up"]);
    harness.api.markDeleted(podRef("web"));
    await harness.untilGone();
    expect(await notes.read()).toEqual(["up", "usr1"]);
  });

  test("a pod over its deadline fails; its sidecar ends last", async () => {
    await using notes = await notesFolder();
    await using cluster = await openDockerCluster();
    const { harness, image } = cluster;
    harness.api.put(
      pod({
        image,
        volumes: notes.volumes,
        activeDeadlineSeconds: 4,
        initContainers: [sidecar(image, "mesh")],
        containers: [{ command: noting("app"), ...MOUNT }],
      }),
    );
    await harness.untilReady();
    const failed = await harness.until("Failed", (one) => one.status?.phase === "Failed");
    expect(failed.status).toMatchObject({ reason: "DeadlineExceeded" });
    await expect
      .poll(() => notes.read(), { timeout: 10_000 })
      .toEqual(["+mesh", "+app", "-app", "-mesh"]);
  });
});
