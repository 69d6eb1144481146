import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../src/base/clock.ts";
import { silentLogger, type Logger } from "../../src/base/logger.ts";
import { runAgent } from "../../src/agent/agent.ts";
import type { PodNetwork } from "../../src/agent/pod-network.ts";
import { AMPLE_HOST, type HostView } from "../../src/agent/resources/open-resources.ts";
import type { ContainerRuntime } from "../../src/agent/runtime.ts";
import type { RecordedEvent } from "../../src/client/event-recorder.ts";
import type { TunnelHandler } from "../../src/client/tunnel-client.ts";
import type {
  ConfigMap,
  ContainerStatus,
  Node,
  PersistentVolume,
  Pod,
  Secret,
} from "../../src/model/kinds.gen.ts";
import type { ObjectRef } from "../../src/model/meta.ts";
import { FakeApi } from "./fake-api.ts";
import { NAMESPACE, NODE } from "./pod-builder.ts";

export interface HarnessOptions {
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly clusterId: string;
  readonly podCidr: string;
  readonly nodeIp: string;
  readonly openNetwork: (podCidr: string) => Promise<PodNetwork>;
  readonly relistMs?: number;
  readonly logger?: Logger;
  /** Default: one that has plenty of everything, whatever this machine has. */
  readonly host?: HostView;
}

/** An agent with the API in memory beside it. The agent can be stopped and started again; its pods run on. */
export class AgentHarness {
  readonly api: FakeApi = new FakeApi();
  readonly events: (RecordedEvent & { readonly pod: string })[] = [];
  readonly stateDir: string;
  /** There as soon as the agent that was started last has adopted what runs. */
  logs: TunnelHandler | undefined;
  readonly #options: HarnessOptions;
  #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: HarnessOptions, stateDir: string) {
    this.#options = options;
    this.stateDir = stateDir;
    this.api.put<Node>({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: NODE },
      spec: { podCIDR: options.podCidr },
    });
  }

  static async open(options: HarnessOptions): Promise<AgentHarness> {
    return new AgentHarness(options, await mkdtemp(join(tmpdir(), "berth-agent-")));
  }

  start(): void {
    const { runtime, clock, clusterId, podCidr, nodeIp, openNetwork, logger } = this.#options;
    const { relistMs } = this.#options;
    this.#stop = new AbortController();
    this.logs = undefined;
    this.#running = runAgent({
      client: this.api,
      pods: this.api.informer<Pod>("Pod"),
      volumes: this.api.informer<PersistentVolume>("PersistentVolume"),
      runtime,
      clock,
      nodeName: NODE,
      nodeIp,
      openNetwork,
      events: {
        record: (about, event) => {
          this.events.push({ ...event, pod: about.metadata.name });
          this.api.poke();
        },
        flush: () => Promise.resolve(),
      },
      cluster: {
        clusterId,
        version: "0.1.0",
        podCidr,
        serviceCidr: "10.250.0.0/16",
        dnsIp: "10.250.0.10",
        domain: "cluster.local",
      },
      stateDir: this.stateDir,
      ...(relistMs === undefined ? {} : { relistMs }),
      logger: logger ?? silentLogger,
      signal: this.#stop.signal,
      host: this.#options.host ?? AMPLE_HOST,
      onLogs: (handler) => {
        this.logs = handler;
        this.api.poke();
      },
    });
  }

  /** The agent ends; what runs goes on. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error("the test stops the agent"));
    await this.#running?.catch((error: unknown) => {
      if (!this.#stop.signal.aborted) throw error;
    });
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.stateDir, { recursive: true, force: true });
  }

  config(name: string, data: Readonly<Record<string, string>>): void {
    this.api.put<ConfigMap>({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace: NAMESPACE },
      data,
    });
  }

  secret(name: string, data: Readonly<Record<string, string>>): void {
    const encoded = Object.entries(data).map(([key, value]) => [
      key,
      Buffer.from(value).toString("base64"),
    ]);
    this.api.put<Secret>({
      apiVersion: "v1",
      kind: "Secret",
      type: "Opaque",
      metadata: { name, namespace: NAMESPACE },
      data: Object.fromEntries(encoded) as Readonly<Record<string, string>>,
    });
  }

  pod(name = "web"): Pod | undefined {
    return this.api.pods().find((one) => one.metadata.name === name);
  }

  container(name = "web", container = "app"): ContainerStatus | undefined {
    return this.pod(name)?.status?.containerStatuses?.find((status) => status.name === container);
  }

  /** Resolves once the pod is as `check` says. */
  async until(what: string, check: (pod: Pod) => boolean, name = "web", ms = 30_000): Promise<Pod> {
    return await this.api.until(
      what,
      () => {
        const found = this.pod(name);
        return found !== undefined && check(found) && found;
      },
      ms,
    );
  }

  /** Resolves once people were told this. */
  untilTold(message: string): Promise<true> {
    return this.api.until(`"${message}"`, () =>
      this.events.some((event) => event.message === message),
    );
  }

  untilReady(name = "web", ms = 30_000): Promise<Pod> {
    return this.until(`${name} Ready`, isReady, name, ms);
  }

  untilGone(name = "web", ms = 30_000): Promise<true> {
    return this.api.until(`${name} gone`, () => this.pod(name) === undefined, ms);
  }
}

export function isReady(pod: Pod): boolean {
  return (
    pod.status?.conditions?.some((one) => one.type === "Ready" && one.status === "True") === true
  );
}

export function podRef(name: string): ObjectRef {
  return { apiVersion: "v1", kind: "Pod", namespace: NAMESPACE, name };
}
