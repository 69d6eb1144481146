import type { Logger } from "../base/logger.ts";
import type { ContainerStatus, Pod, PodStatus } from "../model/kinds.gen.ts";
import type { PodContainer, ProbeVerdict } from "./pod-view.ts";
import type { ProbeTools } from "./probe.ts";
import { probeContainer } from "./prober.ts";

export interface PodProbesOptions {
  readonly tools: ProbeTools;
  readonly logger: Logger;
  readonly changed: () => void;
  readonly tell: (message: string, container: string) => void;
  readonly signal: AbortSignal;
}

/** The probes of one pod: those of exactly the main containers and sidecars that run. */
export class PodProbes {
  /** By container id. */
  readonly verdicts: Map<string, ProbeVerdict> = new Map();
  readonly #options: PodProbesOptions;
  readonly #running = new Map<string, AbortController>();

  constructor(options: PodProbesOptions) {
    this.#options = options;
  }

  /** Starts and ends probes so that they fit what runs. A container that was ready before stays so until it fails. */
  follow(
    pod: Pod,
    containers: readonly PodContainer[],
    ip: string,
    known: PodStatus | undefined,
  ): void {
    const running = new Map(
      containers
        .filter(
          (one) => one.role !== "sandbox" && one.state === "running" && one.startedAt !== undefined,
        )
        .map((one) => [one.id, one]),
    );
    for (const [id, controller] of this.#running) {
      if (running.has(id)) continue;
      controller.abort();
      this.#running.delete(id);
      this.verdicts.delete(id);
    }
    for (const [id, container] of running) {
      if (!this.#running.has(id)) this.#start(pod, container, ip, known);
    }
  }

  stop(): void {
    for (const controller of this.#running.values()) controller.abort();
  }

  #start(pod: Pod, found: PodContainer, ip: string, status: PodStatus | undefined): void {
    const container = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find(
      (spec) => spec.name === found.containerName,
    );
    if (container === undefined) return;
    const { livenessProbe, readinessProbe, startupProbe } = container;
    if ((livenessProbe ?? readinessProbe ?? startupProbe) === undefined) return;
    const { tools, logger, changed, tell, signal } = this.#options;
    const controller = new AbortController();
    this.#running.set(found.id, controller);
    const known = knownHealth(status, found);
    probeContainer(
      {
        container,
        containerId: found.id,
        ip,
        startedAt: found.startedAt ?? 0,
        ...(known === undefined ? {} : { known }),
        report: (verdict) => {
          if (controller.signal.aborted) return;
          this.verdicts.set(found.id, verdict);
          changed();
        },
        unhealthy: (kind, message) => {
          const what = `${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
          tell(`${what} probe failed: ${message}`, container.name);
        },
      },
      tools,
      AbortSignal.any([controller.signal, signal]),
    ).catch((error: unknown) => {
      if (controller.signal.aborted || signal.aborted) return;
      logger.error({ error, container: container.name }, "The probes of a container ended");
    });
  }
}

/** What the last status said of that very container. */
function knownHealth(
  status: PodStatus | undefined,
  container: PodContainer,
): Pick<ProbeVerdict, "started" | "ready"> | undefined {
  const list =
    container.role === "init" ? status?.initContainerStatuses : status?.containerStatuses;
  const entry: ContainerStatus | undefined = list?.find(
    (one) => one.name === container.containerName && one.containerID === `docker://${container.id}`,
  );
  return entry === undefined ? undefined : { started: entry.started === true, ready: entry.ready };
}
