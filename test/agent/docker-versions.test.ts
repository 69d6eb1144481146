import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDockerRuntime } from "../../src/agent/docker-runtime.ts";
import type { ContainerRuntime, ContainerSpec } from "../../src/agent/runtime.ts";
import { LABELS } from "../../src/model/instance.ts";

/*
 * What the driver sends and reads under each version of the Engine API. The answers are written by hand from the
 * API's published reference and version history; no such Engine runs here. 1.41 is also held by the integration tests
 * against a real one.
 */

interface Recorded {
  readonly path: string;
  readonly body: unknown;
}

interface Engine {
  readonly api: string;
  readonly oldest?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const ID = "4fa6e0f0c678".padEnd(64, "0");
const SIGNAL = AbortSignal.timeout(20_000);

/** Leaves out what that version leaves out. */
function inspection(api: string): unknown {
  const minor = Number(api.split(".")[1]);
  const old = minor < 52 ? { IPAddress: "", Bridge: "", MacAddress: "" } : {};
  return {
    Id: ID,
    Created: "2026-01-02T03:04:05.000000001Z",
    Path: "sleep",
    State: {
      Status: "exited",
      Running: false,
      Pid: 0,
      ExitCode: 137,
      OOMKilled: true,
      Dead: false,
      Error: "",
      StartedAt: "2026-01-02T03:04:05.5Z",
      FinishedAt: "2026-01-02T03:04:06.25Z",
    },
    Image: "sha256:abc",
    ResolvConfPath: `/var/lib/docker/containers/${ID}/resolv.conf`,
    Name: "/berth_app",
    GraphDriver: { Name: "overlay2", Data: { UpperDir: "/var/lib/docker/overlay2/x/diff" } },
    ...(minor >= 48 ? { ImageManifestDescriptor: { digest: "sha256:def" } } : {}),
    Config: {
      Hostname: "web",
      Image: "app:1",
      Labels: { [LABELS.container]: "app" },
      StopSignal: "SIGQUIT",
      Tty: false,
      ...(minor < 52 ? { OnBuild: null } : {}),
    },
    NetworkSettings: { ...old, Networks: {} },
  };
}

const IMAGE = {
  Id: "sha256:abc",
  RepoTags: ["app:1"],
  RepoDigests: [],
  Size: 4_242,
};

/** As of 1.52 an image's configuration leaves out what is not set; before 1.44 there was a second size. */
function image(api: string): unknown {
  const minor = Number(api.split(".")[1]);
  return {
    ...IMAGE,
    ...(minor < 44 ? { VirtualSize: 4_242 } : {}),
    ...(minor < 45 ? { Container: "", ContainerConfig: {} } : {}),
    Config: minor < 52 ? { User: "", Cmd: null, Labels: null } : { Cmd: ["sh"] },
  };
}

/** As of 1.52 events lack the fields that were there twice. */
function event(api: string): unknown {
  const minor = Number(api.split(".")[1]);
  return {
    ...(minor < 52 ? { status: "die", id: ID, from: "app:1" } : {}),
    Type: "container",
    Action: "die",
    Actor: { ID, Attributes: { exitCode: "137", [LABELS.podUid]: "u1" } },
    scope: "local",
    time: 1_767_323_046,
    timeNano: 1_767_323_046_250_000_000,
  };
}

/** Pulls tell what went wrong twice; the first of them is to go. */
function pullError(): unknown {
  return { errorDetail: { message: "manifest for app:2 not found: manifest unknown" } };
}

async function withEngine(
  engine: Engine,
  work: (socketPath: string, calls: readonly Recorded[]) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "berth-versions-"));
  const socketPath = join(folder, "docker.sock");
  const calls: Recorded[] = [];
  const server = createServer((call, answer) => void serve(engine, call, answer, calls));
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  try {
    await work(socketPath, calls);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  }
}

async function serve(
  engine: Engine,
  call: IncomingMessage,
  answer: ServerResponse,
  calls: Recorded[],
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of call as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  const path = call.url ?? "";
  calls.push({ path, body: text === "" ? undefined : JSON.parse(text) });
  const { api, oldest = "1.24", headers = {} } = engine;
  const json = (status: number, body: unknown): void => {
    answer.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  };
  const asked = /^\/v(\d+\.\d+)/.exec(path)?.[1];
  if (path === "/_ping") answer.writeHead(200, { "Api-Version": api, ...headers }).end("OK");
  else if (path === "/version") json(200, { ApiVersion: api, MinAPIVersion: oldest });
  else if (asked === undefined || minorOf(asked) > minorOf(api) || minorOf(asked) < minorOf(oldest))
    json(400, { message: `client version ${asked ?? "?"} is not supported` });
  else if (path.includes("/containers/create")) json(201, { Id: ID, Warnings: [] });
  else if (path.includes("/images/create")) json(200, pullError());
  else if (path.includes("/images/")) json(200, image(asked));
  else if (path.includes("/events")) json(200, event(asked));
  else if (path.includes(`/containers/${ID}/json`)) json(200, inspection(asked));
  else json(404, { message: "no such thing" });
}

function minorOf(version: string): number {
  return Number(version.split(".")[1]);
}

const SPEC: ContainerSpec = {
  name: "berth_app",
  image: "app:1",
  labels: { [LABELS.cluster]: "abc123", [LABELS.specHash]: "h1" },
  network: { kind: "container", id: "s0" },
  env: ["A=1"],
  mounts: [
    { kind: "bind", source: "/a", target: "/a", readOnly: true },
    { kind: "bind", source: "/b", target: "/b", readOnly: true, propagation: "rslave" },
    { kind: "bind", source: "/c", target: "/c", readOnly: false },
  ],
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
};

const VERSIONS = Array.from({ length: 12 }, (_, index) => `1.${41 + index}`);

describe.for(VERSIONS)("under Engine API %s the driver", (api) => {
  async function withRuntime(
    work: (runtime: ContainerRuntime, calls: readonly Recorded[]) => Promise<void>,
  ): Promise<void> {
    await withEngine({ api }, async (socketPath, calls) => {
      const runtime = await openDockerRuntime({ socketPath }, SIGNAL);
      try {
        await work(runtime, calls);
      } finally {
        runtime.close();
      }
    });
  }

  test("names the version in each call, and keeps read-only mounts flat as Kubernetes has them", async () => {
    await withRuntime(async (runtime, calls) => {
      expect(await runtime.create(SPEC, SIGNAL)).toEqual({ id: ID });
      const made = calls.at(-1);
      expect(made?.path).toBe(`/v${api}/containers/create?name=berth_app`);
      const body = made?.body as { readonly HostConfig: { readonly Mounts: unknown } } | undefined;
      const mounts = body?.HostConfig.Mounts;
      const flat = minorOf(api) >= 44 ? { ReadOnlyNonRecursive: true } : undefined;
      expect(mounts).toEqual([
        {
          Type: "bind",
          Source: "/a",
          Target: "/a",
          ReadOnly: true,
          ...(flat && { BindOptions: flat }),
        },
        {
          Type: "bind",
          Source: "/b",
          Target: "/b",
          ReadOnly: true,
          BindOptions: { Propagation: "rslave", ...flat },
        },
        { Type: "bind", Source: "/c", Target: "/c", ReadOnly: false },
      ]);
    });
  });

  test("reads containers, images and events", async () => {
    await withRuntime(async (runtime) => {
      expect(await runtime.inspect(ID, SIGNAL)).toMatchObject({
        id: ID,
        name: "berth_app",
        labels: { [LABELS.container]: "app" },
        state: "exited",
        exitCode: 137,
        oomKilled: true,
        stopSignal: "SIGQUIT",
        startedAt: Date.parse("2026-01-02T03:04:05.5Z"),
        finishedAt: Date.parse("2026-01-02T03:04:06.25Z"),
      });
      expect(await runtime.image("app:1", SIGNAL)).toMatchObject({ user: "", sizeBytes: 4_242 });
      const events = [];
      for await (const one of runtime.events({}, 0, SIGNAL)) events.push(one);
      expect(events.map((one) => ({ ...one, at: Math.round(one.at) }))).toEqual([
        expect.objectContaining({ kind: "die", containerId: ID, at: 1_767_323_046_250 }),
      ]);
    });
  });

  test("hears that a pull failed", async () => {
    await withRuntime(async (runtime) => {
      await expect(runtime.pull("app:2", SIGNAL)).rejects.toMatchObject({
        code: "image-not-found",
      });
    });
  });
});

describe("the driver", () => {
  test("speaks 1.52 with a newer Engine that still knows it", async () => {
    await withEngine({ api: "1.56", oldest: "1.44" }, async (socketPath, calls) => {
      const runtime = await openDockerRuntime({ socketPath }, SIGNAL);
      await runtime.inspect(ID, SIGNAL);
      expect(calls.at(-1)?.path).toBe(`/v1.52/containers/${ID}/json`);
      runtime.close();
    });
  });

  test.for<Engine & { readonly says: RegExp }>([
    {
      api: "1.40",
      says: /it offers API 1\.40 and Berth needs 1\.41 or newer; upgrade to Docker 20\.10/,
    },
    {
      api: "1.60",
      oldest: "1.53",
      says: /it wants API 1\.53 or newer and this Berth speaks 1\.41 to 1\.52; upgrade Berth/,
    },
    {
      api: "1.41",
      headers: { "Libpod-Api-Version": "5.4.0" },
      says: /Podman answers there, and Berth needs a Docker Engine/,
    },
  ])("refuses API $api, $headers: $says", async ({ says, ...engine }) => {
    await withEngine(engine, async (socketPath) => {
      await expect(openDockerRuntime({ socketPath }, SIGNAL)).rejects.toMatchObject({
        code: "unsupported",
        message: expect.stringMatching(says) as string,
      });
    });
  });
});
