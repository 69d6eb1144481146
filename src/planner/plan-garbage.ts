import { controllerOf, refOf, type ApiObject } from "../model/meta.ts";
import { EMPTY_PLAN, type Plan } from "../model/plan.ts";
import type { World } from "./world.ts";

/**
 * An object whose controller is gone goes too, in the background. One whose controller was replaced by a namesake (another
 * uid) has lost its own. Pure.
 */
export function planGarbage(world: World, object: ApiObject): Plan {
  const owner = controllerOf(object);
  if (owner === undefined || object.metadata.deletionTimestamp !== undefined) return EMPTY_PLAN;
  const { apiVersion, kind, name } = owner;
  const { namespace } = object.metadata;
  const inNamespace =
    namespace === undefined ? undefined : world.get({ apiVersion, kind, namespace, name });
  const found = inNamespace ?? world.get({ apiVersion, kind, name });
  if (found?.metadata.uid === owner.uid) return EMPTY_PLAN;
  const uid = object.metadata.uid ?? "";
  return { steps: [{ kind: "delete", ref: refOf(object), uid, reason: "OwnerGone" }] };
}
