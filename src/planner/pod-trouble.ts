import { parseTime, type Millis } from "../base/clock.ts";
import { findCondition, isTrue } from "../model/condition.ts";
import type { ContainerStatus, Node, Pod } from "../model/kinds.gen.ts";
import type { World } from "./world.ts";

/** What keeps a pod from running. */
export interface PodTrouble {
  /** CamelCase, as the container's or pod's status says it. */
  readonly reason: string;
  readonly message: string;
  /** Whether waiting cannot help: what is declared must change. */
  readonly isTerminal: boolean;
  /** When it will count as terminal if it stays. */
  readonly terminalAt?: Millis;
}

/** A pod may fail for this long from its start: a registry or a ConfigMap may be a moment late. */
const PATIENCE_MS: Millis = 20_000;
/** A pod that has found no node for this long finds none: Kubernetes' default for a Deployment to make progress. */
const UNPLACED_MS: Millis = 600_000;
/** Restarts after which a crash is no accident. */
export const MAX_RESTARTS = 3;

/** Waiting reasons that do not pass by themselves, and whether the agent has tried often enough by then. */
const TERMINAL_REASONS: ReadonlyMap<string, "at-once" | "with-patience"> = new Map([
  ["ImagePullBackOff", "at-once"],
  ["ErrImagePull", "with-patience"],
  ["RegistryUnavailable", "with-patience"],
  ["InvalidImageName", "with-patience"],
  ["ErrImageNeverPull", "with-patience"],
  ["CreateContainerConfigError", "with-patience"],
  ["CreateContainerError", "with-patience"],
]);

/**
 * Why a pod does not run, if it says so. Trouble on a node that is not Ready is the node's, never terminal. Crashes
 * count from the third restart on; a pod without a place fails after `unplacedMs`. Pure.
 */
export function podTrouble(
  world: World,
  pod: Pod,
  unplacedMs: Millis = UNPLACED_MS,
): PodTrouble | undefined {
  const isHosted = isNodeReady(world, pod.spec.nodeName);
  const statuses = [
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.containerStatuses ?? []),
  ];
  const found = statuses.flatMap((status) => containerTrouble(world, pod, status) ?? []);
  const worst = found.find(({ isTerminal }) => isTerminal) ?? found[0];
  if (worst !== undefined) return isHosted ? worst : { ...worst, isTerminal: false };
  return schedulingTrouble(world, pod, unplacedMs);
}

function containerTrouble(world: World, pod: Pod, status: ContainerStatus): PodTrouble | undefined {
  const { waiting } = status.state;
  if (waiting === undefined) return undefined;
  const { reason } = waiting;
  const message = `container ${status.name}: ${reason}${waiting.message === undefined ? "" : `: ${waiting.message}`}`;
  if (reason === "CrashLoopBackOff") {
    const isTerminal = status.restartCount >= MAX_RESTARTS;
    return { reason, message: `${message}${exitOf(status)}`, isTerminal };
  }
  const rule = TERMINAL_REASONS.get(reason);
  if (rule === undefined) return undefined;
  if (rule === "at-once") return { reason, message, isTerminal: true };
  const terminalAt = startOf(world, pod) + PATIENCE_MS;
  return world.now >= terminalAt
    ? { reason, message, isTerminal: true }
    : { reason, message, isTerminal: false, terminalAt };
}

function exitOf({ lastState, restartCount }: ContainerStatus): string {
  const { terminated } = lastState;
  return terminated === undefined
    ? ""
    : ` (exit code ${terminated.exitCode}, ${restartCount} restarts)`;
}

function startOf(world: World, { status, metadata }: Pod): Millis {
  return parseTime(status?.startTime) ?? parseTime(metadata.creationTimestamp) ?? world.now;
}

function schedulingTrouble(world: World, pod: Pod, unplacedMs: Millis): PodTrouble | undefined {
  const scheduled = findCondition(pod.status?.conditions, "PodScheduled");
  if (pod.spec.nodeName !== undefined || scheduled?.status !== "False") return undefined;
  const { reason = "Unschedulable", message = "no node fits" } = scheduled;
  const since = parseTime(scheduled.lastTransitionTime) ?? world.now;
  if (!Number.isFinite(unplacedMs)) return { reason, message, isTerminal: false };
  const terminalAt = since + unplacedMs;
  return world.now >= terminalAt
    ? { reason, message, isTerminal: true }
    : { reason, message, isTerminal: false, terminalAt };
}

function isNodeReady(world: World, name: string | undefined): boolean {
  if (name === undefined) return false;
  const node = world.get({ apiVersion: "v1", kind: "Node", name }) as Node | undefined;
  return node !== undefined && isTrue(node.status?.conditions, "Ready");
}
