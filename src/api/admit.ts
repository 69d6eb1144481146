import type { ApiObject } from "../model/meta.ts";
import type { Resource } from "../model/resources.ts";
import { detailsOf, forbidden, invalid } from "./failure.ts";

/** Whether an object may be created, as the cluster's rules complete it. Whoever is let in must be settled. */
export type Admit = (object: ApiObject) =>
  | { readonly kind: "admitted"; readonly object: ApiObject; settle(): void }
  /** The whole message: `pods "web" is forbidden: …`. */
  | { readonly kind: "refused"; readonly message: string }
  | undefined;

/** Creates an object if the cluster's rules let it. Throws 403. */
export async function createAdmitted<T>(
  resource: Resource,
  object: ApiObject,
  admit: Admit | undefined,
  create: (object: ApiObject) => Promise<T>,
): Promise<T> {
  const verdict = admit?.(object);
  if (verdict === undefined) return create(object);
  if (verdict.kind === "refused")
    throw forbidden(verdict.message, detailsOf(resource, object.metadata.name));
  try {
    return await create(verdict.object);
  } finally {
    verdict.settle();
  }
}

/** What is being deleted gets no further finalizers: nobody could foresee who waits for whom. Throws 422. */
export function refuseNewFinalizers(resource: Resource, before: ApiObject, after: ApiObject): void {
  if (before.metadata.deletionTimestamp === undefined) return;
  const known = new Set(before.metadata.finalizers);
  const added = (after.metadata.finalizers ?? []).filter((finalizer) => !known.has(finalizer));
  if (added.length === 0) return;
  const why = "no new finalizers can be added if the object is being deleted";
  const list = added.map((finalizer) => JSON.stringify(finalizer)).join(", ");
  const message = `Forbidden: ${why}, found new finalizers []string{${list}}`;
  throw invalid(resource, before.metadata.name, [{ field: "metadata.finalizers", message }]);
}
