import type { Container, EphemeralContainer, Pod } from "../model/kinds.gen.ts";
import { knownStatus, isTerminal, type Decision } from "./decide-container.ts";
import { attemptsOf, isOver, type PodContainer, type PodView } from "./pod-view.ts";

/** The containers that people have added to the running pod, as containers. Pure. */
export function ephemeralContainers({ spec }: Pod): readonly Container[] {
  return (spec.ephemeralContainers ?? []).map(toContainer);
}

function toContainer(added: EphemeralContainer): Container {
  const { targetContainerName: _, ...container } = added;
  return container as Container;
}

/** The container whose processes it sees; `undefined` where it asks for none. Pure. */
export function targetOf({ spec }: Pod, name: string): string | undefined {
  const found = spec.ephemeralContainers?.find((one) => one.name === name);
  const target = found?.targetContainerName ?? "";
  return target === "" ? undefined : target;
}

/** The pod that a node's policy is asked about before it makes a container: one that was added is judged by itself. Pure. */
export function judgedPod(pod: Pod, { name }: Container): Pod {
  const added = ephemeralContainers(pod).filter((one) => one.name === name);
  return added.length === 0 ? pod : { ...pod, spec: { ...pod.spec, containers: added } };
}

/** What is to become of it: it is started once, whatever the others do, and never again. Pure. */
export function decideEphemeral(
  view: PodView,
  spec: Container,
  sandboxId: string | undefined,
): Decision {
  const about = { role: "ephemeral" as const, spec };
  const [newest] = attemptsOf(view, "ephemeral", spec.name);
  const known = knownStatus(view.previous, "ephemeral", spec.name);
  if (newest === undefined) {
    const hasRun = known?.containerID !== undefined;
    if (!hasRun && !isTerminal(view)) return { ...about, kind: "start", attempt: 0, crashes: 0 };
    return { ...about, kind: "finished", exitCode: known?.state.terminated?.exitCode ?? 0 };
  }
  if (newest.state === "running") return { ...about, kind: "running", container: newest };
  if (isOver(newest) || isTerminal(view))
    return { ...about, kind: "finished", exitCode: newest.exitCode ?? 0 };
  return newest.sandboxId === sandboxId
    ? { ...about, kind: "starting", container: newest }
    : { ...about, kind: "finished", exitCode: 0 };
}

/** The running container of a name, for another one to join. Pure. */
export function findRunning(
  containers: Iterable<PodContainer>,
  name: string,
): PodContainer | undefined {
  for (const one of containers)
    if (one.role !== "sandbox" && one.containerName === name && one.state === "running") return one;
  return undefined;
}
