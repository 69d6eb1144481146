import { LABELS } from "../model/instance.ts";
import type { ContainerRuntime } from "./runtime.ts";
import { removeVeths } from "./veth-network.ts";

export interface RemoveNodeOptions {
  readonly clusterId: string;
  /** Whether volumes on disk go too. What is in memory always goes. */
  readonly volumes: boolean;
}

export interface RemovedState {
  readonly containers: number;
  readonly volumes: number;
  readonly links: number;
}

/** Removes what agents of the cluster have made on this host. May be repeated; the agent must not run. */
export async function removeNodeState(
  runtime: ContainerRuntime,
  { clusterId, volumes }: RemoveNodeOptions,
  signal: AbortSignal,
): Promise<RemovedState> {
  const labels = { [LABELS.cluster]: clusterId };
  const containers = await runtime.list(labels, signal);
  const isSandbox = (role: string | undefined): boolean => role === "sandbox";
  const members = containers.filter((one) => !isSandbox(one.labels[LABELS.role]));
  const sandboxes = containers.filter((one) => isSandbox(one.labels[LABELS.role]));
  for (const group of [members, sandboxes]) {
    await Promise.all(group.map(({ id }) => runtime.remove(id, signal)));
  }
  const links = await removeVeths(clusterId, signal);
  const found = await runtime.listVolumes(labels, signal);
  // A pod's own volumes live as long as the pod does.
  const doomed = found.filter(
    (one) => volumes || one.tmpfs || one.labels[LABELS.podUid] !== undefined,
  );
  await Promise.all(doomed.map(({ name }) => runtime.removeVolume(name, signal)));
  return { containers: containers.length, volumes: doomed.length, links };
}
