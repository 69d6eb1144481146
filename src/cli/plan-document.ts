import type { Node, Pod } from "../model/kinds.gen.ts";
import type { ObjectRef } from "../model/meta.ts";
import type { AppForecast, Forecast } from "../planner/forecast.ts";
import type {
  SimulatedPreemption,
  SimulatedSelection,
  SimulatedStep,
  SimulatedWorkload,
} from "../planner/forecast-record.ts";
import type { PodExplanation } from "../scheduler/explain-pod.ts";
import { imageName } from "../scheduler/image-name.ts";

/** The form of `berth plan --output json`. It grows; what is there stays. */
export const PLAN_FORMAT = "berth.dev/plan/v1";

/** Pods without a node that are looked at node by node; of the others there is the message. */
const MAX_EXPLAINED = 20;

/** What is planned, and where it comes from. */
export interface PlanTarget {
  /** For people: `commit 1a2b3c4d5e6f`, `folder ./apps`. */
  readonly name: string;
  /** Full ids, where there are some. */
  readonly base?: string;
  readonly head?: string;
  /** Whether `head` is what merging it into `base` gives. */
  readonly isMergeResult: boolean;
}

/** What it was held against. */
export interface PlanAgainst {
  readonly kind: "cluster" | "snapshot";
  /** RFC 3339. */
  readonly takenAt: string;
}

export interface AppPlan extends AppForecast {
  /** See `planId`; absent where there is no cluster to hold it against. */
  readonly id: string;
}

/** A pod that finds no node. */
export interface UnplacedPod {
  readonly pod: ObjectRef;
  readonly message: string;
  /** How many nodes each filter refuses, and why. */
  readonly refused: readonly {
    readonly filter: string;
    readonly reason: string;
    readonly nodes: number;
  }[];
  readonly cures: readonly string[];
  /** False: it had none before either. */
  readonly isNew: boolean;
}

/** An image that pods need on a node. */
export interface NeededImage {
  readonly node: string;
  readonly image: string;
  /** As the node told last: it may know an image by another name. */
  readonly isThere: boolean;
}

/** What `berth plan --output json` prints. */
export interface PlanDocument {
  readonly format: typeof PLAN_FORMAT;
  /** Berth's, which planned. */
  readonly version: string;
  readonly outcome: "unchanged" | "changes" | "rejected";
  readonly target: PlanTarget;
  readonly against: PlanAgainst;
  /** What was left out, and other things worth knowing. */
  readonly notes: readonly string[];
  /** Every App that the change touches. */
  readonly apps: readonly AppPlan[];
  /** In the order in which they come about. */
  readonly steps: readonly SimulatedStep[];
  readonly workloads: readonly SimulatedWorkload[];
  readonly unplaced: readonly UnplacedPod[];
  readonly preempted: readonly SimulatedPreemption[];
  readonly images: readonly NeededImage[];
  /** Services without a Ready pod at some moment. */
  readonly services: readonly SimulatedSelection[];
  /** Budgets with fewer Ready pods than they ask for at some moment. */
  readonly budgets: readonly SimulatedSelection[];
  /** Whether it came to rest; else what is said is only its beginning. */
  readonly isSettled: boolean;
}

export interface DocumentInput {
  readonly version: string;
  readonly target: PlanTarget;
  readonly against: PlanAgainst;
  readonly notes: readonly string[];
  readonly forecast: Forecast;
  /** By App. */
  readonly ids: ReadonlyMap<string, string>;
  readonly nodes: readonly Node[];
  /** Pods that ran before, and pods as they were to be placed. */
  readonly before: readonly Pod[];
  readonly planned: readonly Pod[];
  /** Of a pod that found no node. */
  readonly explain: (ref: ObjectRef) => PodExplanation | undefined;
}

/** A forecast with what else there is to say, in the form that is printed. Pure. */
export function toDocument(input: DocumentInput): PlanDocument {
  const { version, target, against, notes, forecast } = input;
  const { rollout } = forecast;
  const before = new Set(input.before.map(({ metadata }) => metadata.uid));
  const isRejected = forecast.apps.some(({ outcome }) => outcome === "rejected");
  const isUnchanged = forecast.apps.every(
    ({ outcome, moved }) => outcome === "unchanged" && moved.length === 0,
  );
  const unplaced = rollout.unplaced.map(({ namespace, name, uid, message }, index): UnplacedPod => {
    const pod = { apiVersion: "v1", kind: "Pod", namespace, name };
    const { refused = [], cures = [] } = index < MAX_EXPLAINED ? (input.explain(pod) ?? {}) : {};
    return {
      pod,
      message,
      refused: refused.map(({ filter, reason, nodes }) => ({
        filter,
        reason,
        nodes: nodes.length,
      })),
      cures,
      isNew: !before.has(uid),
    };
  });
  return {
    format: PLAN_FORMAT,
    version,
    outcome: isRejected ? "rejected" : isUnchanged ? "unchanged" : "changes",
    target,
    against,
    notes: [...notes, ...baseNote(forecast)],
    apps: forecast.apps.map((app) => ({ ...app, id: input.ids.get(app.app) ?? "" })),
    steps: rollout.steps,
    workloads: rollout.workloads,
    unplaced,
    preempted: rollout.preempted,
    images: neededImages(rollout.steps, input.planned, input.nodes),
    services: rollout.services,
    budgets: rollout.budgets,
    isSettled: rollout.isSettled,
  };
}

function baseNote({ baseChanges }: Forecast): readonly string[] {
  if (baseChanges === 0) return [];
  const many = baseChanges === 1 ? "1 object differs" : `${baseChanges} objects differ`;
  return [`The cluster does not run the base of this change: ${many}. They are not counted here.`];
}

/** The images of placed pods by node, each once; sorted by node and image. */
function neededImages(
  steps: readonly SimulatedStep[],
  pods: readonly Pod[],
  nodes: readonly Node[],
): readonly NeededImage[] {
  const byName = new Map(
    pods.map((pod) => [`${pod.metadata.namespace ?? ""}/${pod.metadata.name}`, pod]),
  );
  const there = new Map(
    nodes.map(({ metadata, status }) => [
      metadata.name,
      new Set((status?.images ?? []).flatMap(({ names }) => names.map(imageName))),
    ]),
  );
  const needed = new Map<string, NeededImage>();
  for (const { what, pod, node } of steps) {
    if (what !== "place" || node === undefined) continue;
    const spec = byName.get(`${pod.namespace ?? ""}/${pod.name}`)?.spec;
    for (const { image } of [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]) {
      const isThere = there.get(node)?.has(imageName(image)) === true;
      needed.set(`${node}\0${image}`, { node, image, isThere });
    }
  }
  return [...needed].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}

/** `1 to add, 2 to change, 0 to remove`, over all Apps. Pure. */
export function countLine({ apps }: PlanDocument): string {
  const sum = (key: "added" | "changed" | "removed" | "moved"): number =>
    apps.reduce((total, app) => total + app[key].length, 0);
  const moved = sum("moved");
  return [
    `${sum("added")} to add`,
    `${sum("changed")} to change`,
    `${sum("removed")} to remove`,
    ...(moved === 0 ? [] : [`${moved} moved`]),
  ].join(", ");
}
