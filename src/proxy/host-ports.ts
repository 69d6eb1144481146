import type { Informer } from "../client/client.ts";
import type { Pod } from "../model/kinds.gen.ts";
import { isFinished } from "../model/pod-phase.ts";
import type { Frontend } from "./frontend.ts";

/** Names of pods sort behind those of Services, so that a node port goes before a port of the host. */
const PREFIX = "~";

/** An address that means all of them. */
const ANY = "0.0.0.0";

/** The frontends that a pod wants: its ports that are opened on the node as well. Pure. */
export function hostPortFrontends(pod: Pod): readonly Frontend[] {
  const address = pod.status?.podIP ?? "";
  if (address === "" || pod.spec.hostNetwork === true || isFinished(pod)) return [];
  const sidecars = (pod.spec.initContainers ?? []).filter(
    ({ restartPolicy }) => restartPolicy === "Always",
  );
  return [...sidecars, ...pod.spec.containers].flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP = ANY, protocol, containerPort }): readonly Frontend[] => {
      if (hostPort === undefined || hostPort === 0) return [];
      return [
        {
          service: nameOf(pod),
          address: hostIP === ANY || hostIP === "" ? undefined : hostIP,
          protocol: protocol ?? "TCP",
          port: hostPort,
          backends: [{ address, port: containerPort, local: true }],
          isOutside: true,
        },
      ];
    }),
  );
}

/** Tells which pods' ports on the node changed. */
export class HostPortFeed {
  readonly #pods: Informer<Pod>;
  readonly #dirty = new Map<string, readonly Frontend[]>();
  readonly #stop: () => void;

  /** The informer of the node's own pods, with its first list; `changed` is called after each change. */
  constructor(pods: Informer<Pod>, changed: () => void) {
    this.#pods = pods;
    for (const pod of pods.list()) this.#dirty.set(nameOf(pod), hostPortFrontends(pod));
    this.#stop = pods.subscribe(({ type, object }) => {
      if (object === undefined) return;
      const current =
        type === "delete"
          ? undefined
          : this.#pods.get(object.metadata.namespace, object.metadata.name);
      this.#dirty.set(nameOf(object), current === undefined ? [] : hostPortFrontends(current));
      changed();
    });
  }

  /** Gives each changed pod once. The first call gives all. */
  take(): ReadonlyMap<string, readonly Frontend[]> {
    const taken = new Map(this.#dirty);
    this.#dirty.clear();
    return taken;
  }

  close(): void {
    this.#stop();
  }
}

function nameOf({ metadata }: Pod): string {
  return `${PREFIX}${metadata.namespace ?? ""}/${metadata.name}`;
}
