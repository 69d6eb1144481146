import { findCondition, isTrue } from "../model/condition.ts";
import type {
  Condition,
  PersistentVolumeClaim,
  Service,
  StorageClass,
} from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { degraded, HEALTHY, progressing, type Health } from "./health-verdict.ts";
import { listPods } from "./owned-pods.ts";
import type { World } from "./world.ts";

interface Told extends ApiObject {
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly Condition[];
  };
}

/**
 * How an object stands that no other rule is for, by what all kinds say in the same words: what is going is not there, what
 * has not been looked at is on its way, what is `Stalled` has failed. Pure.
 */
export function plainHealth({ metadata, status }: Told): Health {
  if (metadata.deletionTimestamp !== undefined) return progressing("Terminating", "being deleted");
  const { observedGeneration, conditions } = status ?? {};
  if (observedGeneration !== undefined && observedGeneration < (metadata.generation ?? 0))
    return progressing("NotObserved", "not looked at yet");
  const stalled = findCondition(conditions, "Stalled");
  if (stalled?.status === "True") return told(stalled, "Stalled", degradedBy);
  const reconciling = findCondition(conditions, "Reconciling");
  if (reconciling?.status === "True") return told(reconciling, "Reconciling", progressing);
  const ready = findCondition(conditions, "Ready");
  if (ready !== undefined && ready.status !== "True") return told(ready, "NotReady", progressing);
  return HEALTHY;
}

/** Bound; or waiting for its first pod, if that is what its class asks for and there is none. Pure. */
export function claimHealth(world: World, claim: PersistentVolumeClaim): Health {
  const { phase = "Pending" } = (claim.status ?? {}) as { readonly phase?: string };
  if (phase === "Bound") return HEALTHY;
  if (phase === "Lost") {
    const text = "its volume is lost";
    return degraded({ reason: "ClaimLost", text });
  }
  if (waitsForPod(world, claim))
    return { ...HEALTHY, reason: "WaitForFirstConsumer", message: "waits for the first pod" };
  return progressing("Pending", "no volume is bound to it yet");
}

/** A LoadBalancer is there when it has an address. Pure. */
export function serviceHealth(service: Service): Health {
  const type: string = service.spec.type;
  if (type !== "LoadBalancer") return plainHealth(service);
  const { loadBalancer } = (service.status ?? {}) as {
    readonly loadBalancer?: { readonly ingress?: readonly unknown[] };
  };
  return (loadBalancer?.ingress ?? []).length > 0
    ? HEALTHY
    : progressing("NoAddress", "its load balancer has no address yet");
}

/** Established, with names that nobody else has. Pure. */
export function definitionHealth(definition: Told): Health {
  const { conditions } = definition.status ?? {};
  const names = findCondition(conditions, "NamesAccepted");
  if (names?.status === "False") return told(names, "NamesNotAccepted", degradedBy);
  if (isTrue(conditions, "Established")) return HEALTHY;
  return progressing("Installing", "not established yet");
}

/** As declared once it was looked at, and finds what it scales. Pure. */
export function autoscalerHealth(autoscaler: Told): Health {
  const able = findCondition(autoscaler.status?.conditions, "AbleToScale");
  if (able?.status === "False" && able.reason === "FailedGetScale")
    return told(able, "FailedGetScale", progressing);
  return plainHealth({ ...autoscaler, status: { ...autoscaler.status, conditions: [] } });
}

function waitsForPod(world: World, { metadata, spec }: PersistentVolumeClaim): boolean {
  const { storageClassName: name = "" } = spec;
  const ref = { apiVersion: "storage.k8s.io/v1", kind: "StorageClass", name };
  const storageClass = name === "" ? undefined : (world.get(ref) as StorageClass | undefined);
  if (storageClass?.volumeBindingMode !== "WaitForFirstConsumer") return false;
  return !listPods(world, metadata.namespace).some((pod) =>
    (pod.spec.volumes ?? []).some(
      (volume) => volume.persistentVolumeClaim?.claimName === metadata.name,
    ),
  );
}

function told(
  { reason, message, type }: Condition,
  fallback: string,
  make: (reason: string, message: string) => Health,
): Health {
  return make(reason ?? fallback, message ?? `${type} is not as it should be`);
}

function degradedBy(reason: string, text: string): Health {
  return degraded({ reason, text });
}
