import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { isReady } from "../agent/agent-harness.ts";
import { pod } from "../agent/pod-builder.ts";
import { openDockerCluster } from "../support/docker-cluster.ts";

const RUNS = { command: ["sleep", "1000"] };

/** A gRPC health server beside the pods that use the node's network. */
async function healthServer(): Promise<{
  readonly port: number;
  status: number;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  const { port } = server.address() as AddressInfo;
  const health = {
    port,
    status: 2,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    stream.respond(
      { ":status": 200, "content-type": "application/grpc" },
      { waitForTrailers: true },
    );
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.from([0, 0, 0, 0, 2, 0x08, health.status]));
  });
  return health;
}

describe("readiness on the real Engine", () => {
  test("a pod with grpc probes is Ready when its health service says SERVING", async () => {
    await using health = await healthServer();
    await using cluster = await openDockerCluster();
    const { harness, image } = cluster;
    const probe = {
      grpc: { port: health.port, service: "shop" },
      periodSeconds: 1,
      timeoutSeconds: 1,
      successThreshold: 1,
      failureThreshold: 2,
    };
    harness.api.put(
      pod({
        image,
        hostNetwork: true,
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            ...RUNS,
            startupProbe: { ...probe, failureThreshold: 30 },
            livenessProbe: probe,
            readinessProbe: probe,
          },
        ],
      }),
    );
    await harness.untilTold(
      'Startup probe failed: service unhealthy (responded with "NOT_SERVING")',
    );
    expect(harness.container()).toMatchObject({ started: false, ready: false });
    health.status = 1;
    await harness.untilReady();
    health.status = 2;
    await harness.until(
      "restarted by its liveness probe",
      (one) => one.status?.containerStatuses?.[0]?.restartCount === 1,
    );
  });

  test("a pod with a readiness gate is Ready when others say so", async () => {
    await using cluster = await openDockerCluster();
    const { harness, image } = cluster;
    const type = "example.com/in-balance";
    harness.api.put(
      pod({
        image,
        readinessGates: [{ conditionType: type }],
        terminationGracePeriodSeconds: 0,
        containers: [RUNS],
      }),
    );
    const up = await harness.until("its containers are ready", ({ status }) =>
      (status?.conditions ?? []).some(
        (one) => one.type === "ContainersReady" && one.status === "True",
      ),
    );
    expect(isReady(up)).toBe(false);
    expect(up.status?.conditions?.find((one) => one.type === "Ready")).toMatchObject({
      reason: "ReadinessGatesNotReady",
    });
    const theirs = { type, status: "True", reason: "Taken" } as const;
    const conditions = [...(up.status?.conditions ?? []), theirs];
    harness.api.put<Pod>({
      ...up,
      status: { ...up.status, conditions } as NonNullable<Pod["status"]>,
    });
    const ready = await harness.untilReady();
    expect(ready.status?.conditions).toContainEqual(theirs);
  });
});
