import { TunnelError } from "../../client/tunnel-client.ts";
import type { PodTarget } from "../../model/tunnel.ts";
import type { PodContainer } from "../pod-view.ts";

/** The containers of a pod of this node, or `undefined`. */
export type ContainersOf = (podUid: string) => readonly PodContainer[] | undefined;

/** The containers of the pod that a request names. Throws 404. */
export function podContainers(
  containersOf: ContainersOf,
  { namespace, podUid, pod }: PodTarget,
): readonly PodContainer[] {
  const containers = containersOf(podUid);
  if (containers !== undefined) return containers;
  throw new TunnelError(404, `pod "${namespace}/${pod}" is not on this node`);
}

/** The container of that name that runs. Throws 404. */
export function runningContainer(
  containersOf: ContainersOf,
  target: PodTarget & { readonly container: string },
): PodContainer {
  const found = podContainers(containersOf, target).find(
    (one) =>
      one.role !== "sandbox" && one.containerName === target.container && one.state === "running",
  );
  if (found !== undefined) return found;
  throw new TunnelError(
    404,
    `container not found ("${target.container}"): it does not run in pod "${target.pod}"`,
  );
}
