import type { Container, Pod } from "../model/kinds.gen.ts";
import type { PodContainer } from "./pod-view.ts";

/** Whether an init container runs beside the others instead of ending before them. Pure. */
export function isSidecar(spec: Container): boolean {
  return spec.restartPolicy === "Always";
}

/** The place of a container in the order of starts: init containers one by one, then all mains. Pure. */
export function startOrder(pod: Pod, { role, containerName }: PodContainer): number {
  const inits = pod.spec.initContainers ?? [];
  if (role !== "init") return inits.length;
  return inits.findIndex(({ name }) => name === containerName);
}

/**
 * Those of `running` that must have ended before `container` is asked to: a sidecar serves all that started after it,
 * so sidecars end last, in the reverse of their order. Pure.
 */
export function endsAfter(
  pod: Pod,
  running: readonly PodContainer[],
  container: PodContainer,
): readonly PodContainer[] {
  if (container.role !== "init") return [];
  const spec = pod.spec.initContainers?.find(({ name }) => name === container.containerName);
  if (spec === undefined || !isSidecar(spec)) return [];
  const own = startOrder(pod, container);
  return running.filter((other) => startOrder(pod, other) > own);
}
