import { expect, test } from "vitest";
import { TunnelError } from "../../src/client/tunnel-client.ts";
import type { TunnelStream } from "../../src/client/tunnel-stream.ts";
import type { LogRequest } from "../../src/model/tunnel.ts";
import { pod } from "../agent/pod-builder.ts";
import { openDockerCluster, type DockerCluster } from "../support/docker-cluster.ts";

/** Asks for a log; `enough`, told its last words, ends a followed one. */
async function read(
  { harness, signal }: DockerCluster,
  more: Partial<LogRequest> = {},
  enough: (tail: string) => boolean = () => false,
): Promise<string> {
  const stop = new AbortController();
  const parts: string[] = [];
  let tail = "";
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
      const part = Buffer.from(chunk).toString("utf8");
      parts.push(part);
      tail = (tail + part).slice(-100);
      if (enough(tail)) stop.abort();
      return Promise.resolve();
    },
  };
  try {
    await harness.logs?.(request, stream);
  } catch (error) {
    if (error instanceof TunnelError) return `${error.code} ${error.message}`;
    if (!stop.signal.aborted) throw error;
  }
  return parts.join("");
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

test("logs: lines longer than Docker's, going on where a reader was, and the log of what has ended", async () => {
  await using cluster = await openDockerCluster();
  const { harness, runtime, image, signal } = cluster;
  // One line of 50,000 characters, then three short ones.
  const script =
    `awk 'BEGIN { while (count++ < 50000) printf "x"; print "" }'; ` +
    "for i in 1 2 3; do echo line $i; done";
  harness.api.put(
    pod({ image, restartPolicy: "Never", containers: [{ command: ["sh", "-c", script] }] }),
  );
  await harness.until("Succeeded", (one) => one.status?.phase === "Succeeded");
  const lines = (await read(cluster, { timestamps: true })).trimEnd().split("\n");
  expect(lines.map((line) => line.slice(31).length)).toEqual([50_000, 6, 6, 6]);
  expect(lines[0]?.slice(30)).toBe(` ${"x".repeat(50_000)}`);
  // From a line's own stamp it begins with that line; a nanosecond later, with the next.
  const stamp = lines[2]?.slice(0, 30) ?? "";
  expect(await read(cluster, { sinceTime: stamp })).toBe("line 2\nline 3\n");
  const digits = (BigInt(stamp.slice(20, 29)) + 1n).toString().padStart(9, "0");
  const next = `${stamp.slice(0, 20)}${digits}Z`;
  expect(await read(cluster, { sinceTime: next })).toBe("line 3\n");
  const id = (harness.container()?.containerID ?? "").replace("docker://", "");
  expect((await runtime.inspect(id, signal))?.state).toBe("exited");
});

test("logs -f: no line is lost or repeated when Docker turns to the next file", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  // About 100 bytes a line, as much again for Docker's own: two files of 10 MB.
  const batch = `BEGIN { while (count++ < 10000) printf "line %d ${"x".repeat(90)}\\n", count + part * 10000 }`;
  const script =
    "sleep 1; for part in 0 1 2 3 4 5 6 7 8 9; do " +
    `awk -v part=$part '${batch}'; sleep 0.2; done; echo over; exec sleep 1000`;
  harness.api.put(pod({ image, containers: [{ command: ["sh", "-c", script] }] }));
  await harness.untilReady();
  const text = await read(cluster, { follow: true }, (all) => all.endsWith("over\n"));
  const numbers = text
    .trimEnd()
    .split("\n")
    .slice(0, -1)
    .map((line) => Number(line.split(" ")[1]));
  expect(numbers.length).toBe(100_000);
  expect(numbers.findIndex((number, index) => number !== index + 1)).toBe(-1);
});
