import { expect, test } from "vitest";
import { TunnelError } from "../../src/client/tunnel-client.ts";
import type { TunnelStream } from "../../src/client/tunnel-stream.ts";
import type { LogRequest } from "../../src/model/tunnel.ts";
import { pod } from "../agent/pod-builder.ts";
import { openDockerCluster, type DockerCluster } from "../support/docker-cluster.ts";

/** Asks for a log; `enough` ends a followed one. */
async function read(
  { harness, signal }: DockerCluster,
  more: Partial<LogRequest> = {},
  enough: (text: string) => boolean = () => false,
): Promise<string> {
  const stop = new AbortController();
  let text = "";
  const request: LogRequest = {
    kind: "logs",
    namespace: "shop",
    pod: "web",
    podUid: "web-uid",
    container: "app",
    follow: false,
    previous: false,
    timestamps: false,
    ...more,
  };
  const stream: TunnelStream = {
    signal: AbortSignal.any([signal, stop.signal]),
    activeAt: 0,
    accept: () => undefined,
    end: () => undefined,
    read: () => {
      throw new Error("a log reads nothing");
    },
    write: (chunk: Uint8Array) => {
      text += Buffer.from(chunk).toString("utf8");
      if (enough(text)) stop.abort();
      return Promise.resolve();
    },
  };
  try {
    await harness.logs?.(request, stream);
  } catch (error) {
    if (error instanceof TunnelError) return `${error.code} ${error.message}`;
    if (!stop.signal.aborted) throw error;
  }
  return text;
}

test("logs: whole, tail, limit, time-stamps, follow, previous, and what cannot be", async () => {
  await using cluster = await openDockerCluster();
  const { harness, runtime, image, signal } = cluster;
  const script = "for i in 1 2 3; do echo line $i; done; sleep 0.3; echo oops >&2; exec sleep 1000";
  harness.api.put(pod({ image, containers: [{ command: ["sh", "-c", script] }] }));
  await harness.untilReady();
  expect(await read(cluster, { follow: true }, (text) => text.includes("oops"))).toBe(
    "line 1\nline 2\nline 3\noops\n",
  );
  expect(await read(cluster, { tailLines: 2 })).toBe("line 3\noops\n");
  expect(await read(cluster, { limitBytes: 9 })).toBe("line 1\nli");
  expect(await read(cluster, { timestamps: true, tailLines: 1 })).toMatch(
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z oops\n$/,
  );
  expect(await read(cluster, { sinceSeconds: 3600 })).toContain("line 1");
  expect(await read(cluster, { sinceTime: "2090-01-01T00:00:00Z" })).toBe("");
  expect(await read(cluster, { previous: true })).toBe(
    '400 previous terminated container "app" in pod "web" not found',
  );
  expect(await read(cluster, { podUid: "other" })).toBe('404 pod "shop/web" is not on this node');
  expect(await read(cluster, { container: "none" })).toBe(
    '400 container "none" in pod "web" is waiting to start',
  );
  await runtime.kill(
    (harness.container()?.containerID ?? "").replace("docker://", ""),
    "SIGKILL",
    signal,
  );
  await harness.until("restarted", (one) => one.status?.containerStatuses?.[0]?.restartCount === 1);
  expect(await read(cluster, { previous: true })).toBe("line 1\nline 2\nline 3\noops\n");
});
