import type { Container, Pod, PodSpec } from "../../src/model/kinds.gen.ts";
import type { StringMap } from "../../src/model/meta.ts";
import { at, container, podSpec } from "./builders.ts";

export interface PodFields {
  readonly name: string;
  readonly namespace?: string;
  readonly priority?: number;
  /** Seconds after `NOW`. */
  readonly created?: number;
  readonly cpu?: string;
  readonly memory?: string;
  readonly labels?: StringMap;
  readonly annotations?: StringMap;
  readonly node?: string;
  readonly started?: number;
  readonly spec?: Partial<PodSpec>;
  readonly status?: Partial<NonNullable<Pod["status"]>>;
}

/** A pod that wants a node, unless `node` says that it has one. */
export function waitingPod(fields: PodFields): Pod {
  const { name, namespace = "shop", priority, cpu, memory, node, started } = fields;
  const requests = {
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
  };
  const app: Container = container({ resources: { requests } });
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace,
      uid: `uid-${namespace}-${name}`,
      creationTimestamp: at(fields.created ?? 0),
      labels: fields.labels ?? {},
      ...(fields.annotations === undefined ? {} : { annotations: fields.annotations }),
    },
    spec: podSpec({
      containers: [app],
      ...(priority === undefined ? {} : { priority }),
      ...(node === undefined ? {} : { nodeName: node }),
      ...fields.spec,
    }),
    status: {
      phase: node === undefined ? "Pending" : "Running",
      ...(started === undefined ? {} : { startTime: at(started) }),
      ...fields.status,
    },
  };
}

export function uidOf(pod: Pod): string {
  return pod.metadata.uid ?? "";
}
