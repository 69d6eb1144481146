import type { Container, ContainerStatus, Pod } from "../model/kinds.gen.ts";
import type { Condition } from "../model/meta.ts";
import { cpuMillis, formatBytes, formatCpuMillis, memoryBytes } from "../model/quantity.ts";
import type { Decision } from "./decide-container.ts";
import type { PodContainer, PodView } from "./pod-view.ts";
import { containerResources, CPU_PERIOD_US } from "./qos.ts";
import type { ContainerLimits } from "./runtime.ts";

/** What a running container gets in place of what it has. */
export interface Resize {
  readonly container: PodContainer;
  readonly limits: ContainerLimits;
  /** Its policy says that it must be started anew for that. */
  readonly restarts: boolean;
}

/** What is to be done about the pod's resources, in Kubernetes' words where it cannot be. */
export interface ResizePlan {
  readonly resizes: readonly Resize[];
  readonly pending?: { readonly reason: "Deferred" | "Infeasible"; readonly message: string };
}

type Running = Decision & { readonly kind: "running" };

const NOTHING: ResizePlan = { resizes: [] };

/** Compares what the containers have with what the spec gives them now. Pure. */
export function planResize(view: PodView, decisions: readonly Decision[]): ResizePlan {
  if (view.ending || view.evicted !== undefined) return NOTHING;
  const resizes = decisions
    .filter((decision): decision is Running => decision.kind === "running")
    .flatMap((decision) => resizeOf(view.pod, decision) ?? []);
  if (resizes.length === 0) return NOTHING;
  const pending = shortage(view);
  return pending === undefined ? { resizes } : { resizes: [], pending };
}

function resizeOf(pod: Pod, { spec, container }: Running): Resize | undefined {
  const { limits: now } = container;
  if (now === undefined) return undefined;
  const { cpuShares, cpuQuotaUs, memoryBytes: memory } = wantedLimits(pod, spec);
  const changed = [
    ...(cpuShares === now.cpuShares && cpuQuotaUs === now.cpuQuotaUs ? [] : ["cpu"]),
    ...(memory === now.memoryBytes ? [] : ["memory"]),
  ];
  if (changed.length === 0) return undefined;
  const restarts = (spec.resizePolicy ?? []).some(
    ({ resourceName, restartPolicy }) =>
      restartPolicy === "RestartContainer" && changed.includes(resourceName),
  );
  return { container, limits: { cpuShares, cpuQuotaUs, memoryBytes: memory }, restarts };
}

function wantedLimits(pod: Pod, spec: Container): ContainerLimits {
  return containerResources(pod.spec, spec, { memoryBytes: 1 });
}

/** What the node does not have for all that the pod asks for. */
function shortage({ pod, room: readRoom }: PodView): ResizePlan["pending"] {
  const room = readRoom?.();
  if (room === undefined) return undefined;
  for (const name of ["cpu", "memory"] as const) {
    const { all, left } = name === "cpu" ? room.cpuMillis : room.memoryBytes;
    const asked = pod.spec.containers.reduce((sum, one) => sum + requestOf(one, name), 0);
    if (asked > all) {
      const message = `Node didn't have enough capacity: ${name}, requested: ${asked}, capacity: ${all}`;
      return { reason: "Infeasible", message };
    }
    if (asked > left) {
      const message = `Node didn't have enough resource: ${name}, requested: ${asked}, used: ${all - left}, capacity: ${all}`;
      return { reason: "Deferred", message };
    }
  }
  return undefined;
}

/** What a container asks for: thousandths of a core, or bytes. Pure. */
export function requestOf({ resources }: Container, name: "cpu" | "memory"): number {
  const amount = resources?.requests?.[name] ?? resources?.limits?.[name] ?? "0";
  return (name === "cpu" ? cpuMillis(amount) : memoryBytes(amount)) ?? 0;
}

/** The conditions of a resize: they are there only while there is one. Pure. */
export function resizeConditions(
  view: PodView,
  { resizes, pending }: ResizePlan,
): readonly Condition[] {
  if (pending !== undefined) return [{ type: "PodResizePending", status: "True", ...pending }];
  if (resizes.length === 0) return [];
  const failure = resizes.flatMap(
    ({ container: { id } }) => view.failures.get(`resize/${id}`) ?? [],
  )[0];
  const error = failure === undefined ? {} : { reason: "Error", message: failure.message };
  return [{ type: "PodResizeInProgress", status: "True", ...error }];
}

/** What a container really has, beside what it asked for when it got that. Pure. */
export function actualResources(
  view: PodView,
  { spec }: Decision,
  newest: PodContainer | undefined,
  known: ContainerStatus | undefined,
): Pick<ContainerStatus, "resources" | "allocatedResources"> {
  const limits = newest?.state === "running" ? newest.limits : undefined;
  if (limits === undefined || spec.resources === undefined) return {};
  const wanted = wantedLimits(view.pod, spec);
  const isSettled =
    wanted.cpuShares === limits.cpuShares &&
    wanted.cpuQuotaUs === limits.cpuQuotaUs &&
    wanted.memoryBytes === limits.memoryBytes;
  const { requests, limits: asked } = spec.resources;
  if (isSettled) {
    return {
      resources: {
        ...(asked === undefined ? {} : { limits: asked }),
        ...(requests === undefined ? {} : { requests }),
      },
      ...(requests === undefined ? {} : { allocatedResources: requests }),
    };
  }
  const given = {
    ...asked,
    ...(limits.cpuQuotaUs === 0
      ? {}
      : { cpu: formatCpuMillis((limits.cpuQuotaUs * 1000) / CPU_PERIOD_US) }),
    ...(limits.memoryBytes === 0 ? {} : { memory: formatBytes(limits.memoryBytes) }),
  };
  const before = known?.allocatedResources;
  return {
    resources: { limits: given, ...(before === undefined ? {} : { requests: before }) },
    ...(before === undefined ? {} : { allocatedResources: before }),
  };
}
