import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/system-clock.ts";
import { openDockerRuntime } from "../../src/agent/docker-runtime.ts";
import { readHostNetwork } from "../../src/agent/host-network.ts";
import { removeNodeState } from "../../src/agent/remove-node.ts";
import type { ContainerRuntime } from "../../src/agent/runtime.ts";
import { openVethNetwork } from "../../src/agent/veth-network.ts";
import { AgentHarness, type HarnessOptions } from "../agent/agent-harness.ts";
import { ensureTestImage } from "./test-image.ts";

/** A cluster of one test on the real Engine: everything it makes carries its id, and goes with it. */
export interface DockerCluster {
  readonly clusterId: string;
  readonly runtime: ContainerRuntime;
  readonly image: string;
  readonly harness: AgentHarness;
  readonly signal: AbortSignal;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface DockerClusterOptions {
  /** Default: the machine's Engine. */
  readonly socketPath?: string;
  /** What the agent may wait for a call; default as in earnest. */
  readonly callLimitMs?: number;
  readonly relistMs?: number;
  readonly limitMs?: number;
  /** Default: one that has plenty of everything. */
  readonly host?: HarnessOptions["host"];
}

const LIMIT_MS = 110_000;

/** Starts an agent on the real Engine. Use with `await using`: it cleans up whatever happens. */
export async function openDockerCluster(
  options: DockerClusterOptions = {},
): Promise<DockerCluster> {
  const { relistMs, host, limitMs = LIMIT_MS, ...engine } = options;
  const signal = AbortSignal.timeout(limitMs);
  const runtime = await openDockerRuntime(engine, signal);
  const clusterId = randomBytes(3).toString("hex");
  const image = await ensureTestImage(runtime, signal);
  const { address, mtu } = await readHostNetwork(signal);
  const octet = randomBytes(1)[0] ?? 0;
  const stateDir = await mkdtemp(join(tmpdir(), "berth-network-"));
  const harness = await AgentHarness.open({
    runtime,
    clock: systemClock,
    clusterId,
    ...(relistMs === undefined ? {} : { relistMs }),
    ...(host === undefined ? {} : { host }),
    podCidr: `10.253.${octet}.0/24`,
    nodeIp: address,
    openNetwork: (podCidr) =>
      openVethNetwork({
        clusterId,
        podCidr,
        nodeIp: address,
        mtu: () => mtu,
        clock: systemClock,
        stateDir,
      }),
    ...(process.env["BERTH_TEST_LOG"] === undefined ? {} : { logger: console }),
  });
  harness.start();
  return {
    clusterId,
    runtime,
    image,
    harness,
    signal,
    async [Symbol.asyncDispose]() {
      await harness.close();
      await removeNodeState(runtime, { clusterId, volumes: true }, AbortSignal.timeout(60_000));
      runtime.close();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
