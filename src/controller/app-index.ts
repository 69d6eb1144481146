import { findCondition } from "../model/condition.ts";
import type { App, Release } from "../model/kinds.gen.ts";
import { refKey, type ObjectRef } from "../model/meta.ts";
import { currentRelease, isSameRef, releasesOf } from "../planner/release-rules.ts";
import type { ObjectEvent } from "../store/object-store.ts";
import type { StoreWorld } from "./store-world.ts";

/** What one App's current release claims. */
interface Claims {
  /** Which release they are of, and as which. */
  readonly of: string;
  readonly inventory: readonly ObjectRef[];
  readonly keys: readonly string[];
}

/** Releases by App, and objects by the App that declares them: what every look asks for, without walking all of either. */
export class AppIndex {
  readonly #releases = new Map<string, Map<string, Release>>();
  /** Made once between two changes. */
  readonly #sorted = new Map<string, readonly Release[]>();
  readonly #apps = new Map<string, App>();
  readonly #claims = new Map<string, Claims>();
  /** By the key of the object: the App that declares it. */
  readonly #claimants = new Map<string, string>();

  /** Must see every later event by `follow`. */
  constructor(world: Pick<StoreWorld, "list">) {
    for (const release of world.list("berth.dev/v1", "Release") as readonly Release[])
      this.#put(release);
    for (const app of world.list("berth.dev/v1", "App") as readonly App[])
      this.#apps.set(app.metadata.name, app);
    for (const app of this.#releases.keys()) this.#claim(app);
  }

  follow(event: ObjectEvent): void {
    const { object } = event;
    if (object.kind === "App") this.#followApp(object as App, event.kind === "deleted");
    if (object.kind !== "Release") return;
    const release = object as Release;
    if (event.kind === "deleted") this.#drop(release);
    else this.#put(release);
    this.#claim(release.spec.app);
  }

  /** The App's releases, oldest first. */
  releases(app: string): readonly Release[] {
    const known = this.#sorted.get(app);
    if (known !== undefined) return known;
    const sorted = releasesOf([...(this.#releases.get(app)?.values() ?? [])], app);
    this.#sorted.set(app, sorted);
    return sorted;
  }

  /** The App whose current release declares the object. */
  claimant(ref: ObjectRef): string | undefined {
    return this.#claimants.get(refKey(ref));
  }

  /** All Apps, by name, as they are at any time. */
  apps(): ReadonlyMap<string, App> {
    return this.#apps;
  }

  #followApp(app: App, isGone: boolean): void {
    const { name } = app.metadata;
    if (isGone) {
      this.#apps.delete(name);
      this.#unclaim(name);
    } else this.#apps.set(name, app);
  }

  #put(release: Release): void {
    const { app } = release.spec;
    const known = this.#releases.get(app) ?? new Map<string, Release>();
    known.set(release.metadata.name, release);
    this.#releases.set(app, known);
    this.#sorted.delete(app);
  }

  #drop(release: Release): void {
    const { app } = release.spec;
    const known = this.#releases.get(app);
    known?.delete(release.metadata.name);
    if (known?.size === 0) this.#releases.delete(app);
    this.#sorted.delete(app);
  }

  /** An inventory never changes: claims move with the current release alone. */
  #claim(app: string): void {
    const current = currentRelease(this.releases(app));
    const of = current === undefined ? "" : current.metadata.name;
    const known = this.#claims.get(app);
    if ((known?.of ?? "") === of) return;
    const inventory = current?.status.inventory ?? [];
    // Most commits change objects and declare the same ones: then nothing moves.
    const isSame =
      known !== undefined && current !== undefined && isSameList(known.inventory, inventory);
    const keys = isSame ? known.keys : inventory.map(refKey);
    if (!isSame) this.#unclaim(app);
    if (current === undefined) return;
    this.#claims.set(app, { of, inventory, keys });
    // Of two Apps that declare the same, the first one has it.
    for (const key of keys) if (!this.#claimants.has(key)) this.#claimants.set(key, app);
  }

  #unclaim(app: string): void {
    for (const key of this.#claims.get(app)?.keys ?? [])
      if (this.#claimants.get(key) === app) this.#claimants.delete(key);
    this.#claims.delete(app);
  }
}

function isSameList(a: readonly ObjectRef[], b: readonly ObjectRef[]): boolean {
  return a.length === b.length && a.every((ref, index) => isSameRef(ref, b[index]));
}

/** Whether an event of an App is more than news about how it stands: its own loop's reports need no look. */
export function isAppChange({ object, previous }: ObjectEvent): boolean {
  if (previous === undefined) return true;
  const [now, before] = [object.metadata, previous.metadata];
  return (
    now.generation !== before.generation ||
    now.uid !== before.uid ||
    now.deletionTimestamp !== before.deletionTimestamp ||
    JSON.stringify([now.annotations, now.labels, now.finalizers]) !==
      JSON.stringify([before.annotations, before.labels, before.finalizers])
  );
}

/** Whether an event of an App may let others go on that wait for it. */
export function isAppProgress({ kind, object, previous }: ObjectEvent): boolean {
  if (kind !== "modified" || previous === undefined) return true;
  const [now, before] = [(object as App).status, (previous as App).status];
  return (
    now?.healthyCommit !== before?.healthyCommit ||
    findCondition(now?.conditions, "Ready")?.status !==
      findCondition(before?.conditions, "Ready")?.status
  );
}
