import { APP_LABEL } from "../model/app.ts";
import type { Release } from "../model/kinds.gen.ts";
import type { ObjectRef } from "../model/meta.ts";
import type { Step } from "../model/plan.ts";
import { formatReleasedFirst } from "../planner/exclusive.ts";
import type { Health } from "../planner/health.ts";
import type { AppContext } from "./app-context.ts";
import { executePlan } from "./execute.ts";

/**
 * Removes what must go before a release is applied, pods first, so that what it has is free. How that stands as long as
 * some of it is there; each one that goes wakes the App again. May be repeated.
 */
export async function releaseFirst(
  release: Release,
  context: AppContext,
): Promise<Health | undefined> {
  const { releasedFirst: all = [], applied } = release.status;
  if (all.length === 0 || applied === true) return undefined;
  const isThere = ({ ref }: { readonly ref: ObjectRef }): boolean => isOurs(ref, release, context);
  const steps = all.filter(isThere).flatMap(({ ref }): readonly Step[] => {
    const uid = context.world.get(ref)?.metadata.uid ?? "";
    return [{ kind: "delete", ref, uid, propagation: "Foreground", reason: "NotDeclared" }];
  });
  await executePlan({ steps }, context);
  const left = all.filter(isThere);
  if (left.length === 0) return undefined;
  const message = left.map(formatReleasedFirst).join("; ");
  return { kind: "Progressing", reason: "ReleasedFirst", message };
}

/** Whether it is still there, put there by this App, and no other has taken it over. */
function isOurs(ref: ObjectRef, { spec }: Release, { world, index }: AppContext): boolean {
  const label = world.get(ref)?.metadata.labels?.[APP_LABEL];
  return label === spec.app && index.claimant(ref) === undefined;
}
