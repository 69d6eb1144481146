import { isTrue } from "../model/condition.ts";
import type { ContainerStatus, Deployment, Node, Pod } from "../model/kinds.gen.ts";
import { formatRef, type ApiObject, type ObjectRef } from "../model/meta.ts";
import { objectHealth, type Health } from "./health.ts";
import { isPod, podsOwnedBy } from "./owned-pods.ts";
import { isReady, isTerminating } from "./pod-state.ts";
import { MAX_RESTARTS } from "./pod-trouble.ts";
import { readRevisions } from "./revisions.ts";
import type { World } from "./world.ts";

/** A declared object that does not come good. */
export interface Fault {
  readonly ref: ObjectRef;
  readonly reason: string;
  /** For people, with the object's name. */
  readonly message: string;
  /** Whether what is declared is to blame, as far as can be told; else what excuses it. */
  readonly excuse: Excuse | undefined;
  /** Pods on Ready nodes that fail, by name. */
  readonly pods: readonly Pod[];
}

/** What fails without being the commit's fault. */
export type Excuse =
  | "NodeLost"
  | "Unschedulable"
  | "RegistryUnavailable"
  | "Disrupted"
  | "Starting"
  /** It failed on no node: a quota, an admission, an object that has no pods. */
  | "NotOnANode";

/** Reasons of Jobs that their pods alone bring about. */
const JOB_FAULTS: ReadonlySet<string> = new Set([
  "BackoffLimitExceeded",
  "PodFailurePolicy",
  "FailedIndexes",
  "MaxFailedIndexesExceeded",
]);
/** What a pull says when the registry has answered, and has it not. */
const NO_SUCH_IMAGE = /no such image|manifest unknown|unknown manifest|pull access denied/i;
/** Reasons of pods that were ended from outside. */
const DISRUPTED: ReadonlySet<string> = new Set([
  "Evicted",
  "Preempting",
  "NodeLost",
  "NodeShutdown",
  "Terminated",
  "NodeAffinity",
  "UnexpectedAdmissionError",
  "OutOfcpu",
  "OutOfmemory",
  "OutOfpods",
]);

/**
 * The declared objects that failed, and whose fault it is. Only pods on Ready nodes count: not lost nodes, a registry
 * that does not answer, or missing room. `late`: what has not come good in time failed too. Pure.
 */
export function findFaults(
  world: World,
  inventory: readonly ObjectRef[],
  late: boolean,
): readonly Fault[] {
  return inventory.flatMap((ref) => {
    const health = objectHealth(world, ref);
    const failed = health.kind === "Degraded" || (late && health.kind === "Progressing");
    return failed ? [faultOf(world, ref, health, late)] : [];
  });
}

function faultOf(world: World, ref: ObjectRef, health: Health, late: boolean): Fault {
  const { reason } = health;
  const isLate = late || reason === "ProgressDeadlineExceeded";
  const message = `${formatRef(ref)}: ${health.message}`;
  const judged = podsOf(world, ref).map((pod) => ({ pod, verdict: judgePod(world, pod, isLate) }));
  const pods = judged.flatMap(({ pod, verdict }) => (verdict === "own" ? [pod] : []));
  if (pods.length > 0) return { ref, reason, message, excuse: undefined, pods };
  const excuses = judged.flatMap(({ verdict }) =>
    verdict === "own" || verdict === "fine" ? [] : [verdict],
  );
  // What is certain comes before what has merely not begun.
  const excuse = excuses.find((one) => one !== "Starting") ?? excuses[0];
  const isItsOwn = excuse === undefined && ref.kind === "Job" && JOB_FAULTS.has(reason);
  return { ref, reason, message, excuse: isItsOwn ? undefined : (excuse ?? "NotOnANode"), pods };
}

/** The pods of what is declared now; those of earlier revisions prove nothing. */
function podsOf(world: World, ref: ObjectRef): readonly Pod[] {
  const object = world.get(ref);
  if (object === undefined) return [];
  if (isPod(object)) return [object];
  if (object.kind === "Deployment" && object.apiVersion === "apps/v1")
    return readRevisions(world, object as Deployment).next.pods;
  return newestOf(object, podsOwnedBy(world, object.metadata.uid));
}

/** Of a StatefulSet or DaemonSet only pods of the newest revision, where it says which that is. */
function newestOf(object: ApiObject, pods: readonly Pod[]): readonly Pod[] {
  if (object.kind !== "StatefulSet") return pods;
  const { status } = object as ApiObject & { readonly status?: { updateRevision?: string } };
  const revision = status?.updateRevision;
  if (revision === undefined) return pods;
  return pods.filter(({ metadata }) => metadata.labels?.["controller-revision-hash"] === revision);
}

/**
 * Whose fault it is that a pod does not serve. What merely has not come good yet counts when its time is up (`late`).
 * Pure.
 */
export function judgePod(world: World, pod: Pod, late: boolean): "own" | "fine" | Excuse {
  const {
    phase = "Pending",
    initContainerStatuses = [],
    containerStatuses = [],
  } = pod.status ?? {};
  if (isReady(pod) || isTerminating(pod) || phase === "Succeeded") return "fine";
  if (isDisrupted(pod)) return "Disrupted";
  if (pod.spec.nodeName === undefined) return "Unschedulable";
  if (!isNodeReady(world, pod.spec.nodeName)) return "NodeLost";
  if (phase === "Failed") return "own";
  const statuses = [...initContainerStatuses, ...containerStatuses];
  const found = statuses.map((status) => judgeContainer(status, late));
  if (found.includes("own")) return "own";
  if (found.includes("RegistryUnavailable")) return "RegistryUnavailable";
  if (!late || found.includes("Starting") || statuses.length === 0) return "Starting";
  return "own"; // It runs, and is not Ready.
}

function isDisrupted({ status }: Pod): boolean {
  const { reason, conditions } = status ?? {};
  if (reason !== undefined && DISRUPTED.has(reason)) return true;
  return isTrue(conditions, "DisruptionTarget");
}

function judgeContainer(status: ContainerStatus, late: boolean): "own" | "fine" | Excuse {
  const { state, restartCount } = status;
  const { waiting, terminated } = state;
  if (terminated !== undefined) return late && terminated.exitCode !== 0 ? "own" : "fine";
  if (waiting === undefined) return "fine";
  const { reason, message = "" } = waiting;
  switch (reason) {
    case "ContainerCreating":
    case "PodInitializing":
      return "Starting";
    case "CrashLoopBackOff":
      return late || restartCount >= MAX_RESTARTS ? "own" : "Starting";
    case "RegistryUnavailable":
      return "RegistryUnavailable";
    case "ErrImagePull":
    case "ImagePullBackOff":
      return isOutage(message) ? "RegistryUnavailable" : "own";
    default:
      return "own";
  }
}

/** A registry that answers says what is wrong with the name; all else is the way to it. */
function isOutage(message: string): boolean {
  return message.includes("RegistryUnavailable") || !NO_SUCH_IMAGE.test(message);
}

function isNodeReady(world: World, name: string): boolean {
  const node = world.get({ apiVersion: "v1", kind: "Node", name }) as Node | undefined;
  return node !== undefined && isTrue(node.status?.conditions, "Ready");
}
