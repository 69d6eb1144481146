import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kill } from "node:process";
import { describe, expect, test } from "vitest";
import { openDockerRuntime } from "../../src/agent/docker-runtime.ts";
import { removeNodeState } from "../../src/agent/remove-node.ts";
import { ensurePauseImage } from "../../src/agent/pause-image.ts";
import { LABELS } from "../../src/model/instance.ts";
import { describeRuntime, type ContractSubject } from "../support/runtime-contract.ts";
import { ensureTestImage } from "../support/test-image.ts";

async function open(): Promise<ContractSubject> {
  const signal = AbortSignal.timeout(60_000);
  const runtime = await openDockerRuntime({}, signal);
  const clusterId = randomBytes(3).toString("hex");
  return {
    runtime,
    clusterId,
    image: await ensureTestImage(runtime, signal),
    async [Symbol.asyncDispose]() {
      await removeNodeState(runtime, { clusterId, volumes: true }, AbortSignal.timeout(60_000));
      runtime.close();
    },
  };
}

describeRuntime("The Docker driver", open);

describe("The Docker driver", () => {
  test("says where it looked for the daemon, and the cure", async () => {
    const opening = openDockerRuntime(
      { socketPath: "/run/no-such.sock" },
      AbortSignal.timeout(5_000),
    );
    await expect(opening).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(
        /"\/run\/no-such\.sock".*apt-get install docker\.io/,
      ) as string,
    });
  });

  test("does not take something else for a Docker Engine", async () => {
    const folder = await mkdtemp(join(tmpdir(), "berth-socket-"));
    const server = createServer((socket) => {
      socket.once("data", () =>
        socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
      );
    });
    const socketPath = join(folder, "other.sock");
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    try {
      const opening = openDockerRuntime({ socketPath }, AbortSignal.timeout(5_000));
      await expect(opening).rejects.toMatchObject({ code: "unsupported" });
    } finally {
      server.close();
      await rm(folder, { recursive: true });
    }
  });

  test("ends the process of a command that ran out of time", async () => {
    await using subject = await open();
    const { runtime, image, clusterId } = subject;
    const signal = AbortSignal.timeout(60_000);
    const { id } = await runtime.create(
      {
        name: `timeout-${clusterId}`,
        image,
        labels: { [LABELS.cluster]: clusterId, [LABELS.specHash]: "h1" },
        network: {
          kind: "none",
          dns: { servers: [], search: [], options: [] },
          hosts: [],
          sysctls: {},
        },
        command: ["sleep", "1000"],
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
    await runtime.start(id, signal);
    const command = ["sh", "-c", "echo begun; exec sleep 777"];
    const result = await runtime.exec(id, { command, timeoutMs: 700, maxOutputBytes: 100 }, signal);
    expect(result).toEqual({ output: "begun\n", timedOut: true });
    const processes = await runtime.exec(
      id,
      { command: ["ps"], timeoutMs: 10_000, maxOutputBytes: 10_000 },
      signal,
    );
    expect(processes.output).toContain("sleep 1000");
    expect(processes.output).not.toContain("sleep 777");
  });

  test("refuses an image that nobody has, and says so", async () => {
    await using subject = await open();
    const pulling = subject.runtime.pull("localhost:1/absent:1", AbortSignal.timeout(30_000));
    await expect(pulling).rejects.toMatchObject({ code: "registry-unavailable" });
  });

  test("imports the pause image once; it ignores signals but SIGTERM, which ends it", async () => {
    await using subject = await open();
    const { runtime, image, clusterId } = subject;
    const signal = AbortSignal.timeout(60_000);
    const pause = await ensurePauseImage(runtime, process.arch, signal);
    expect(await ensurePauseImage(runtime, process.arch, signal)).toBe(pause);
    const base = {
      labels: { [LABELS.cluster]: clusterId, [LABELS.specHash]: "h1" },
      network: {
        kind: "none",
        dns: { servers: [], search: [], options: [] },
        hosts: [],
        sysctls: {},
      },
      env: [],
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
    } as const;
    const { id } = await runtime.create(
      { ...base, name: `pause-${clusterId}`, image: pause, mounts: [] },
      signal,
    );
    await runtime.start(id, signal);
    const pid = (await runtime.inspect(id, signal))?.pid ?? 0;
    expect(kill(pid, 0)).toBe(true);
    await runtime.kill(id, "SIGUSR1", signal);
    expect((await runtime.inspect(id, signal))?.state).toBe("running");
    for await (const event of follow(subject, id)) if (event === "die") break;
    expect(await runtime.inspect(id, signal)).toMatchObject({ state: "exited", exitCode: 0 });
    expect(image).not.toBe(pause);
  });
});

/** Sends SIGTERM once events are heard, and gives the kinds of events of the container. */
async function* follow(
  { runtime, clusterId }: ContractSubject,
  id: string,
): AsyncGenerator<string> {
  const signal = AbortSignal.timeout(20_000);
  const events = runtime.events({ [LABELS.cluster]: clusterId }, Date.now() - 60_000, signal);
  await runtime.kill(id, "SIGTERM", signal);
  for await (const event of events) if (event.containerId === id) yield event.kind;
}
