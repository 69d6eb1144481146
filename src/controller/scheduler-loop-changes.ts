import { formatTime, type Millis } from "../base/clock.ts";
import { setCondition } from "../model/condition.ts";
import type {
  Condition,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from "../model/kinds.gen.ts";
import { refOf } from "../model/meta.ts";
import { terminatePod } from "../model/pod-deletion.ts";
import { isFinished } from "../model/pod-phase.ts";
import { GATED_CONDITION } from "../scheduler/queue-gates.ts";
import type { BindDecision } from "../scheduler/decision.ts";
import { SELECTED_NODE_ANNOTATION } from "../model/storage.ts";
import type { VolumeChoice } from "../scheduler/volumes.ts";
import type { ObjectChange } from "./scheduler-loop-writer.ts";

/** Says that the cluster bound a volume to a claim, so that it is freed with it. */
const BOUND_ANNOTATION = "pv.kubernetes.io/bound-by-controller";

/**
 * Puts a pod on its node, with the claims that get their volume there. Never a pod that has a node already, is another
 * one of the same name, or is about to end.
 */
export function bindChanges(decision: BindDecision, now: Millis): readonly ObjectChange[] {
  const { pod, node, volumes } = decision;
  const bind: ObjectChange = changeOf(pod, (current) => {
    if (!isFree(current)) return undefined;
    const { nominatedNodeName: _, ...status } = current.status ?? { phase: "Pending" as const };
    const condition: Condition = { type: "PodScheduled", status: "True" };
    const conditions = setCondition(status.conditions, condition, formatTime(now));
    return {
      ...current,
      spec: { ...current.spec, nodeName: node },
      status: { ...status, conditions },
    };
  });
  return [bind, ...volumes.map((choice) => volumeChange(choice, node))];
}

/** Says why a pod has no node, and which node it was nominated for, if that changed. */
export function refuseChange(
  pod: Pod,
  message: string,
  now: Millis,
  nominated: { readonly node: string } | undefined,
  onChange: (pod: Pod) => void,
): ObjectChange {
  const condition: Condition = {
    type: "PodScheduled",
    status: "False",
    reason: "Unschedulable",
    message,
  };
  return changeOf(pod, (current) => {
    if (!isFree(current)) return undefined;
    const next = withCondition(current, condition, now);
    if (next !== current) onChange(next);
    if (nominated === undefined || next.status?.nominatedNodeName === nominated.node) return next;
    return nominate(next, nominated.node);
  });
}

/** A pod loses the room that it was promised. */
export function displaceChange(pod: Pod): ObjectChange {
  return changeOf(pod, (current) => {
    if ((current.status?.nominatedNodeName ?? "") === "") return current;
    return nominate(current, "");
  });
}

export function gatedChange(pod: Pod, now: Millis): ObjectChange {
  return changeOf(pod, (current) =>
    isFree(current) ? withCondition(current, GATED_CONDITION, now) : undefined,
  );
}

/** Ends a pod with its own grace, for a more important one. */
export function evictChange(victim: Pod, by: Pod, now: Millis): ObjectChange {
  const condition: Condition = {
    type: "DisruptionTarget",
    status: "True",
    reason: "PreemptionByScheduler",
    message: `${by.spec.schedulerName}: preempting to accommodate a higher priority pod`,
  };
  return changeOf(victim, (current) => {
    if (isFinished(current)) return undefined;
    return terminatePod(withCondition(current, condition, now), { now });
  });
}

/** A volume that lies ready is taken; else the provisioner is told the node. */
function volumeChange({ claim, volume }: VolumeChoice, node: string): ObjectChange {
  if (volume === undefined) {
    return {
      ref: refOf(claim),
      change: (object) => {
        const current = object as PersistentVolumeClaim;
        if (current.metadata.uid !== claim.metadata.uid) return undefined;
        const annotations = {
          ...current.metadata.annotations,
          [SELECTED_NODE_ANNOTATION]: node,
        };
        return { ...current, metadata: { ...current.metadata, annotations } };
      },
    };
  }
  return {
    ref: refOf(volume),
    change: (object) => {
      const current = object as PersistentVolume;
      const { claimRef } = current.spec;
      const { namespace = "", name, uid = "" } = claim.metadata;
      const isOthers =
        claimRef !== undefined && (claimRef.namespace !== namespace || claimRef.name !== name);
      if (isOthers || current.metadata.uid !== volume.metadata.uid) return undefined;
      const annotations = { ...current.metadata.annotations, [BOUND_ANNOTATION]: "yes" };
      const ref = { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name, uid };
      return {
        ...current,
        metadata: { ...current.metadata, annotations },
        spec: { ...current.spec, claimRef: ref },
      } as PersistentVolume;
    },
  };
}

function changeOf(pod: Pod, change: (current: Pod) => Pod | undefined): ObjectChange {
  return {
    ref: refOf(pod),
    change: (object) =>
      object.metadata.uid === pod.metadata.uid ? change(object as Pod) : undefined,
  };
}

function isFree(pod: Pod): boolean {
  return (
    (pod.spec.nodeName ?? "") === "" &&
    pod.metadata.deletionTimestamp === undefined &&
    !isFinished(pod)
  );
}

function withCondition(pod: Pod, condition: Condition, now: Millis): Pod {
  const status = pod.status ?? { phase: "Pending" };
  const conditions = setCondition(status.conditions, condition, formatTime(now));
  return conditions === status.conditions ? pod : { ...pod, status: { ...status, conditions } };
}

function nominate(pod: Pod, node: string): Pod {
  const { nominatedNodeName: _, ...status } = pod.status ?? { phase: "Pending" as const };
  return { ...pod, status: node === "" ? status : { ...status, nominatedNodeName: node } };
}
