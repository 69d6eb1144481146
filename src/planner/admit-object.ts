import type { PersistentVolumeClaim } from "../model/kinds.gen.ts";
import { refOf, type ApiObject } from "../model/meta.ts";
import { resourceOf } from "../model/resources.ts";
import { admitPod, type Admitted } from "./admit-pod.ts";
import { claimViolations, joinViolations, limitRangesOf } from "./limit-ranges.ts";
import { isNamespaceTerminating } from "./namespace-state.ts";
import { isPod } from "./owned-pods.ts";
import { openLedger, type QuotaLedger } from "./quota-ledger.ts";
import type { World } from "./world.ts";

/**
 * An object as it may be created by anybody but Git: nothing is made in a namespace that is being deleted, pods are
 * completed, limit ranges and quotas are kept. With the ledger of its namespace, the object is counted in. Pure but for that.
 */
export function admitObject(
  world: World,
  object: ApiObject,
  ledger?: QuotaLedger,
): Admitted<ApiObject> {
  const { namespace } = object.metadata;
  if (namespace === undefined) return { kind: "admitted", object };
  if (isNamespaceTerminating(world, namespace)) return refuseTerminating(namespace);
  const admitted = admitKind(world, object);
  if (admitted.kind === "refused") return admitted;
  const charged = ledger ?? openLedger(world, namespace);
  const why = charged.charge(admitted.object);
  return why === undefined ? admitted : { kind: "refused", why };
}

/** `pods "web" is forbidden: `, and why. Pure. */
export function forbiddenMessage(object: ApiObject, why: string): string {
  const { plural, group } = resourceOf(refOf(object));
  const resource = group === "" ? plural : `${plural}.${group}`;
  return `${resource} "${object.metadata.name}" is forbidden: ${why}`;
}

function refuseTerminating(namespace: string): Admitted<never> {
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  return { kind: "refused", why };
}

function admitKind(world: World, object: ApiObject): Admitted<ApiObject> {
  if (isPod(object)) return admitPod(world, object);
  if (object.kind !== "PersistentVolumeClaim") return { kind: "admitted", object };
  const ranges = limitRangesOf(world, object.metadata.namespace ?? "");
  const found = ranges.flatMap((range) => claimViolations(range, object as PersistentVolumeClaim));
  return found.length === 0
    ? { kind: "admitted", object }
    : { kind: "refused", why: joinViolations(found) };
}
