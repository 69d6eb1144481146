import { compare } from "../base/order.ts";
import { APP_LABEL, ROOT_APP, WRITE_TO_ANNOTATION } from "../model/app.ts";
import type { App, Release } from "../model/kinds.gen.ts";
import { formatRef, type ApiObject, type ObjectRef } from "../model/meta.ts";
import { currentRelease, releasesOf } from "../planner/release-rules.ts";
import type { StoreWorld } from "./store-world.ts";

export type Target =
  | { readonly kind: "app"; readonly app: App }
  | { readonly kind: "refused"; readonly why: "blocked" | "not-found"; readonly message: string };

/**
 * Which App's folder a write goes to: the one that declares the object; else the one that is named; else the only one of
 * the namespace; else, for new namespaces and what is in none, the root App.
 */
export function findTarget(
  ref: ObjectRef,
  named: string | undefined,
  stored: ApiObject | undefined,
  world: StoreWorld,
): Target {
  const apps = world.list("berth.dev/v1", "App") as readonly App[];
  if (apps.length === 0)
    return refuse("not-found", "there is no App to write to; start one with `berth up --repo`");
  const owner = stored?.metadata.labels?.[APP_LABEL];
  const wish = owner ?? named ?? wishOf(ref, stored, world);
  if (wish !== undefined) {
    const app = apps.find(({ metadata }) => metadata.name === wish);
    return app === undefined
      ? refuse("not-found", `there is no App "${wish}" to write ${formatRef(ref)} to`)
      : { kind: "app", app };
  }
  const candidates = candidatesFor(ref, apps, world);
  const [first] = candidates;
  if (first !== undefined && candidates.length === 1) return { kind: "app", app: first };
  const names = candidates.map(({ metadata }) => metadata.name).toSorted(compare);
  return refuse(
    "blocked",
    `${formatRef(ref)} could go to several Apps: ${names.join(", ")}; name one in the annotation ${WRITE_TO_ANNOTATION} of the object or of its Namespace, or with \`--app\` of berth's own commands`,
  );
}

function wishOf(
  { namespace }: ObjectRef,
  stored: ApiObject | undefined,
  world: StoreWorld,
): string | undefined {
  const own = stored?.metadata.annotations?.[WRITE_TO_ANNOTATION];
  if (own !== undefined || namespace === undefined) return own;
  const found = world.get({ apiVersion: "v1", kind: "Namespace", name: namespace });
  return found?.metadata.annotations?.[WRITE_TO_ANNOTATION];
}

function candidatesFor(
  { namespace }: ObjectRef,
  apps: readonly App[],
  world: StoreWorld,
): readonly App[] {
  if (namespace !== undefined) {
    const own = apps.filter(({ spec }) => spec.namespace === namespace);
    if (own.length > 0) return own;
    const present = apps.filter(({ metadata }) => isIn(metadata.name, namespace, world));
    if (present.length > 0) return present;
  }
  const roots = apps.filter(({ metadata }) => metadata.labels?.[APP_LABEL] === undefined);
  const root = roots.find(({ metadata }) => metadata.name === ROOT_APP);
  return root === undefined ? roots : [root];
}

/** Whether the App declares anything in the namespace. */
function isIn(app: string, namespace: string, world: StoreWorld): boolean {
  const releases = world.list("berth.dev/v1", "Release") as readonly Release[];
  const release = currentRelease(releasesOf(releases, app));
  return release?.status.inventory.some((ref) => ref.namespace === namespace) ?? false;
}

function refuse(why: "blocked" | "not-found", message: string): Target {
  return { kind: "refused", why, message: `Cannot write: ${message}` };
}
