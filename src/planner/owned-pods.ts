import type { ApiObject } from "../model/meta.ts";
import type { Pod } from "../model/kinds.gen.ts";
import type { World } from "./world.ts";

/** Whether an object is a Pod. Pure. */
export function isPod(object: ApiObject): object is Pod {
  return object.kind === "Pod" && object.apiVersion === "v1";
}

/** The pods that a controller owns. In no particular order. Pure. */
export function podsOwnedBy(world: World, uid: string | undefined): readonly Pod[] {
  return uid === undefined ? [] : world.ownedBy(uid).filter(isPod);
}

/** The pods of a namespace, or of all, in the order of namespace and name. Pure. */
export function listPods(world: World, namespace?: string): readonly Pod[] {
  return world.list("v1", "Pod", namespace).filter(isPod);
}
