import { APP_LABEL } from "../model/app.ts";
import type { App } from "../model/kinds.gen.ts";
import type { Problem } from "../model/problem.ts";
import type { DeclaredObject } from "./apply-manifest.ts";
import type { World } from "./world.ts";

/** Apps in Apps, and Apps that wait for Apps: deeper is a mistake. */
const MAX_DEPTH = 100;

/** What is wrong with the Apps that an App declares: itself or one that holds it, or a circle of `dependsOn`. Pure. */
export function checkApps(
  world: World,
  manifests: readonly DeclaredObject[],
  app: string,
): readonly Problem[] {
  const declared = manifests.filter(({ object }) => object.kind === "App");
  if (declared.length === 0) return [];
  const holders = new Set(holdersOf(world, app));
  const apps = new Map(
    [
      ...(world.list("berth.dev/v1", "App") as readonly App[]),
      ...declared.map(({ object }) => object as App),
    ].map((one) => [one.metadata.name, one]),
  );
  return declared.flatMap(({ object, at }): Problem[] => {
    const { name } = object.metadata;
    if (holders.has(name)) {
      const whose = name === app ? "itself" : `App "${name}", which holds it`;
      return [
        {
          code: "apply/app-cycle",
          message: `App "${app}" declares ${whose}`,
          at,
          path: "metadata.name",
          hint: "declare an App outside of its own folder",
        },
      ];
    }
    const circle = dependencyCircle(apps, name);
    if (circle === undefined) return [];
    return [
      {
        code: "apply/app-cycle",
        message: `App "${name}" waits for itself: ${circle.join(" -> ")}`,
        at,
        path: "spec.dependsOn",
        hint: "take one of these dependencies out",
      },
    ];
  });
}

/** The App and those that hold it, upwards. Pure. */
export function holdersOf(world: World, app: string): readonly string[] {
  const holders = [app];
  for (let at = app; holders.length < MAX_DEPTH;) {
    const stored = world.get({ apiVersion: "berth.dev/v1", kind: "App", name: at });
    const holder = stored?.metadata.labels?.[APP_LABEL];
    if (holder === undefined || holders.includes(holder)) return holders;
    holders.push(holder);
    at = holder;
  }
  return holders;
}

/** The way from an App over its dependencies back to itself; `undefined` when there is none. Pure. */
export function dependencyCircle(
  apps: ReadonlyMap<string, App>,
  start: string,
): readonly string[] | undefined {
  const seen = new Set<string>();
  const search = (name: string, way: readonly string[]): readonly string[] | undefined => {
    for (const { name: next } of apps.get(name)?.spec.dependsOn ?? []) {
      if (next === start) return [...way, next];
      if (seen.has(next) || way.length >= MAX_DEPTH) continue;
      seen.add(next);
      const found = search(next, [...way, next]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return search(start, [start]);
}
