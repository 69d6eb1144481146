import type { Namespace } from "../model/kinds.gen.ts";
import type { World } from "./world.ts";

/** Whether a namespace is being emptied: nothing new is made in it. Pure. */
export function isNamespaceTerminating(world: World, name: string | undefined): boolean {
  if (name === undefined) return false;
  const namespace = world.get({ apiVersion: "v1", kind: "Namespace", name }) as
    | Namespace
    | undefined;
  return namespace !== undefined && isTerminatingNamespace(namespace);
}

/** Whether this namespace is being emptied. Pure. */
export function isTerminatingNamespace(namespace: Namespace): boolean {
  return (
    namespace.metadata.deletionTimestamp !== undefined || namespace.status?.phase === "Terminating"
  );
}
