import { beforeEach, describe, expect, test } from "vitest";
import type { PodContainer } from "../../src/agent/pod-view.ts";
import { DialError, type Connection, type Dial } from "../../src/agent/streams/netns-dial.ts";
import { STREAM_IDLE_MS, createStreamHandler } from "../../src/agent/streams/stream-handler.ts";
import { openTunnelStream } from "../../src/client/tunnel-stream.ts";
import { LABELS } from "../../src/model/instance.ts";
import { TunnelPeer, type TunnelEvents, type TunnelLink } from "../../src/model/tunnel-peer.ts";
import { CHANNEL, type TunnelRequest } from "../../src/model/tunnel.ts";
import { toPodContainer } from "../../src/agent/pod-view.ts";
import { FakeRuntime } from "../support/fake-runtime.ts";
import { ManualClock } from "../support/manual-clock.ts";

const target = { namespace: "shop", pod: "web", podUid: "u1" };
const stdio = { stdin: true, stdout: true, stderr: true, tty: false };
const exec = (...command: readonly string[]): TunnelRequest => ({
  kind: "exec",
  ...target,
  ...stdio,
  container: "app",
  command,
});
const forward: TunnelRequest = { kind: "portForward", ...target, port: 8080 };

let clock: ManualClock;
let runtime: FakeRuntime;
let containers: readonly PodContainer[];
beforeEach(async () => {
  clock = new ManualClock(0);
  runtime = new FakeRuntime(clock);
  runtime.images.set("app:1", { id: "sha256:1", user: "", sizeBytes: 1 });
  const made: PodContainer[] = [];
  for (const role of ["sandbox", "main"] as const) {
    const name = role === "main" ? "app" : "sandbox";
    const labels = { [LABELS.container]: name, [LABELS.role]: role, [LABELS.attempt]: "0" };
    const { id } = await runtime.create({
      name,
      image: "app:1",
      labels,
      network: { kind: "container", id: made[0]?.id ?? "" },
      ...(role === "sandbox"
        ? {
            network: {
              kind: "none",
              dns: { servers: [], search: [], options: [] },
              hosts: [],
              sysctls: {},
            } as const,
          }
        : {}),
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
      stdin: true,
      tty: false,
    });
    await runtime.start(id);
    const observed = await runtime.inspect(id);
    if (observed !== undefined) made.push(toPodContainer(observed, 0));
  }
  containers = made;
});

/** A client of the handler: the two ends of a tunnel in memory. */
class Client {
  readonly output: Record<number, string> = {};
  readonly over = Promise.withResolvers<string>();
  readonly accepted = Promise.withResolvers<void>();
  readonly link: TunnelLink;

  constructor(
    request: TunnelRequest,
    options: {
      readonly refuseExec?: boolean;
      readonly policyForbidsExec?: () => boolean;
      readonly dial?: Dial;
    } = {},
  ) {
    const handler = createStreamHandler({
      runtime,
      clock,
      containersOf: (uid) => (uid === "u1" ? containers : undefined),
      dial: () => Promise.reject(new DialError("connection refused")),
      refuseExec: false,
      ...options,
    });
    const onOpen = (asked: TunnelRequest, link: TunnelLink): TunnelEvents => {
      const { stream, events } = openTunnelStream(link, clock);
      handler(asked, stream).then(
        () => link.close(),
        (error: unknown) => {
          const { code = 500, message } = error as Error & { readonly code?: number };
          link.reset(code, message);
        },
      );
      return events;
    };
    const wire = { isWritable: () => true, onViolation: (what: string) => this.over.resolve(what) };
    const server: TunnelPeer = new TunnelPeer({
      ...wire,
      send: (message) => queueMicrotask(() => node.receive(message)),
    });
    const node: TunnelPeer = new TunnelPeer({
      ...wire,
      onOpen,
      send: (message) => queueMicrotask(() => server.receive(message)),
    });
    const link = server.open(request, {
      accepted: () => this.accepted.resolve(),
      data: (channel, chunk) => {
        this.output[channel] = `${this.output[channel] ?? ""}${Buffer.from(chunk).toString()}`;
        link?.taken(channel, chunk.length);
      },
      ended: () => undefined,
      closed: () => this.over.resolve("closed"),
      failed: (code, message) => this.over.resolve(`${code} ${message}`),
      drained: () => undefined,
    });
    if (link === undefined) throw new Error("the stream was not opened");
    this.link = link;
  }
}

describe("exec", () => {
  test("gives the output and how it ended", async () => {
    const client = new Client(exec("echo", "hi"));
    expect(await client.over.promise).toBe("closed");
    expect(client.output).toEqual({
      [CHANNEL.stdout]: "hi\n",
      [CHANNEL.error]: '{"metadata":{},"status":"Success"}',
    });
    expect(runtime.processes).toBe(0);
  });

  test("keeps stderr apart, and tells the exit code as kubectl reads it", async () => {
    const client = new Client(exec("stderr", "oops"));
    await client.over.promise;
    expect(client.output[CHANNEL.stderr]).toBe("oops\n");
    const failed = new Client(exec("false"));
    await failed.over.promise;
    expect(JSON.parse(failed.output[CHANNEL.error] ?? "")).toEqual({
      metadata: {},
      status: "Failure",
      message: "command terminated with non-zero exit code: exit status 1",
      reason: "NonZeroExitCode",
      details: { causes: [{ reason: "ExitCode", message: "1" }] },
    });
  });

  test("feeds the command until the input ends", async () => {
    const client = new Client(exec("cat"));
    await client.accepted.promise;
    client.link.write(CHANNEL.stdin, Buffer.from("in "));
    client.link.write(CHANNEL.stdin, Buffer.from("and out"));
    client.link.end(CHANNEL.stdin);
    expect(await client.over.promise).toBe("closed");
    expect(client.output[CHANNEL.stdout]).toBe("in and out");
  });

  test("a client that goes away leaves no process behind", async () => {
    const client = new Client(exec("sleep", "1000"));
    await client.accepted.promise;
    expect(runtime.processes).toBe(1);
    client.link.reset(499, "gone");
    while (runtime.processes > 0) await Promise.resolve();
  });

  test("a session in which nothing is said ends after four hours", async () => {
    const client = new Client(exec("sleep", "1000"));
    await client.accepted.promise;
    await clock.advance(STREAM_IDLE_MS - 1);
    expect(runtime.processes).toBe(1);
    client.link.write(CHANNEL.stdin, Buffer.from("x"));
    await Promise.resolve();
    await Promise.resolve();
    await clock.advance(STREAM_IDLE_MS - 1);
    expect(runtime.processes).toBe(1);
    await clock.advance(1);
    expect(await client.over.promise).toBe("408 the session was idle for 4 hours");
    expect(runtime.processes).toBe(0);
  });

  test.each([
    ["another pod", { podUid: "u2" }, '404 pod "shop/web" is not on this node'],
    [
      "another container",
      { container: "side" },
      '404 container not found ("side"): it does not run in pod "web"',
    ],
    ["the sandbox", { container: "sandbox" }, /^404 container not found/],
  ])("refuses %s", async (_, more, message) => {
    const client = new Client({ ...exec("echo"), ...more } as TunnelRequest);
    expect(await client.over.promise).toMatch(message);
  });
});

test("attach joins the process, and leaves it when the client goes", async () => {
  const client = new Client({ kind: "attach", ...target, ...stdio, container: "app" });
  await client.accepted.promise;
  client.link.write(CHANNEL.stdin, Buffer.from("hello"));
  while (client.output[CHANNEL.stdout] === undefined) await Promise.resolve();
  expect(client.output[CHANNEL.stdout]).toBe("hello");
  client.link.reset(499, "gone");
  while (runtime.processes > 0) await Promise.resolve();
  expect(runtime.find("app").state).toBe("running");
});

describe("port-forward", () => {
  test("carries both directions and their ends", async () => {
    const dialled: unknown[] = [];
    const dial: Dial = (to) => {
      dialled.push(to);
      const input: string[] = [];
      const ended = Promise.withResolvers<void>();
      async function* answer(): AsyncGenerator<Uint8Array> {
        await ended.promise;
        yield Buffer.from(`got ${input.join("")}`);
      }
      const connection: Connection = {
        output: answer(),
        write: (chunk) => Promise.resolve(void input.push(Buffer.from(chunk).toString())),
        endInput: () => ended.resolve(),
        hangUp: () => ended.resolve(),
      };
      return Promise.resolve(connection);
    };
    const client = new Client(forward, { dial });
    client.link.write(CHANNEL.stdin, Buffer.from("ping"));
    client.link.end(CHANNEL.stdin);
    expect(await client.over.promise).toBe("closed");
    expect(client.output[CHANNEL.stdout]).toBe("got ping");
    expect(dialled).toEqual([{ pid: containers[0]?.pid, port: 8080 }]);
  });

  test.each([
    [{}, /^500 error forwarding port 8080 to pod u1: .* connection refused$/],
    [{ port: 0 }, "400 0 is no port"],
    [{ port: 70_000 }, "400 70000 is no port"],
  ])("refuses %j", async (more, message) => {
    const client = new Client({ ...forward, ...more });
    expect(await client.over.promise).toMatch(message);
  });
});

test("a node may refuse all but logs", async () => {
  const options = { refuseExec: true };
  for (const request of [exec("echo"), forward]) {
    expect(await new Client(request, options).over.promise).toMatch(
      /^403 this node was started with --disable-exec/,
    );
  }
  const logs: TunnelRequest = {
    kind: "logs",
    ...target,
    container: "app",
    follow: false,
    previous: false,
    timestamps: false,
  };
  expect(await new Client(logs, options).over.promise).toBe("closed");
});

test("a node's policy may refuse all but logs, for as long as it says so", async () => {
  let forbids = true;
  const options = { policyForbidsExec: () => forbids };
  for (const request of [exec("echo"), forward]) {
    expect(await new Client(request, options).over.promise).toMatch(
      /^403 this node's policy says "exec: false"/,
    );
  }
  forbids = false;
  expect(await new Client({ ...forward, port: 0 }, options).over.promise).toBe("400 0 is no port");
});

test("what a newer control plane asks is refused by name", async () => {
  const client = new Client({ kind: "teleport", ...target } as unknown as TunnelRequest);
  expect(await client.over.promise).toBe(
    '501 this node cannot answer "teleport": upgrade Berth on it',
  );
});
