import { formatTime, type Millis } from "../base/clock.ts";
import { derivedUid } from "../base/hash.ts";
import { compare } from "../base/order.ts";
import { isSameJson } from "../base/same-json.ts";
import { isReleased, markForDeletion } from "../model/deletion.ts";
import {
  controllerOf,
  otherOwnersOf,
  refKey,
  refOf,
  type ApiObject,
  type ObjectRef,
} from "../model/meta.ts";
import type { Step } from "../model/plan.ts";
import { withDisruption } from "../model/pod-disruption.ts";
import { RESOURCES, apiVersionOf } from "../model/resources.ts";
import type { Metrics } from "./hpa-metrics.ts";
import type { World } from "./world.ts";

/** What an event step said. */
export type SimEvent = Extract<Step, { readonly kind: "event" }>;

/** An object before and after a change; one of the two is absent when it came or went. */
export interface SimChange {
  readonly before?: ApiObject;
  readonly after?: ApiObject;
}

/**
 * A world in memory that steps are carried out on, as `Step` says and the store does it: revisions, compare-and-swap,
 * uids and generations. Deterministic: the same steps in the same order give the same world.
 */
export class SimWorld implements World {
  now: Millis;
  metrics: Metrics | undefined;
  readonly events: SimEvent[] = [];
  #revision = 0;
  readonly #objects = new Map<string, ApiObject>();
  readonly #kinds = new Map<string, Map<string, ApiObject>>();
  readonly #owned = new Map<string, Map<string, ApiObject>>();
  readonly #referring = new Map<string, Map<string, ApiObject>>();
  readonly #sorted = new Map<string, readonly ApiObject[]>();
  #changes: SimChange[] = [];

  constructor(objects: Iterable<ApiObject>, now: Millis) {
    this.now = now;
    const stored = [...objects];
    for (const { metadata } of stored)
      this.#revision = Math.max(this.#revision, Number(metadata.resourceVersion ?? 0) || 0);
    for (const object of stored) this.#put(undefined, this.#stamp(object));
    this.#changes = [];
  }

  /** A copy of what `world` shows, to try things on; without Events and Leases, which nobody plans by. */
  static from(world: World): SimWorld {
    const resources = RESOURCES.filter(({ kind }) => kind !== "Event" && kind !== "Lease");
    const objects = resources.flatMap((resource) =>
      world.list(apiVersionOf(resource), resource.kind),
    );
    return new SimWorld(objects, world.now);
  }

  get(ref: ObjectRef): ApiObject | undefined {
    return this.#objects.get(refKey(ref));
  }

  list(apiVersion: string, kind: string, namespace?: string): readonly ApiObject[] {
    const key = `${apiVersion}/${kind}`;
    let all = this.#sorted.get(key);
    if (all === undefined) {
      all = [...(this.#kinds.get(key)?.values() ?? [])].toSorted(
        (a, b) =>
          compare(a.metadata.namespace ?? "", b.metadata.namespace ?? "") ||
          compare(a.metadata.name, b.metadata.name),
      );
      this.#sorted.set(key, all);
    }
    return namespace === undefined
      ? all
      : all.filter(({ metadata }) => metadata.namespace === namespace);
  }

  ownedBy(uid: string): readonly ApiObject[] {
    return [...(this.#owned.get(uid)?.values() ?? [])];
  }

  dependents(uid: string): readonly ApiObject[] {
    return [...this.ownedBy(uid), ...(this.#referring.get(uid)?.values() ?? [])];
  }

  /** Everything that is there, in no particular order. */
  all(): readonly ApiObject[] {
    return [...this.#objects.values()];
  }

  /** What changed since the last call, in order. */
  takeChanges(): readonly SimChange[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  /** Carries steps out: changes first, then statuses, then events. Returns how many of them changed something. */
  apply(steps: readonly Step[]): number {
    const isStatus = (step: Step): boolean => step.kind === "update-status";
    let done = 0;
    for (const step of steps) if (!isStatus(step) && this.#carryOut(step)) done += 1;
    for (const step of steps) if (isStatus(step) && this.#carryOut(step)) done += 1;
    return done;
  }

  /** Puts an object in as Git or an agent would: created, or its spec and metadata replaced. */
  declare(object: ApiObject): void {
    const before = this.get(refOf(object));
    if (before === undefined) this.#put(undefined, this.#stamp(object));
    else
      this.#replace({
        ...object,
        metadata: { ...object.metadata, resourceVersion: before.metadata.resourceVersion ?? "" },
      });
  }

  /** Replaces an object's status whatever its revision is, as its agent would. Nothing when it is gone. */
  report(ref: ObjectRef, status: object): void {
    const before = this.get(ref);
    if (before === undefined || isSameJson(statusOf(before), status)) return;
    this.#put(before, withStatus(before, status, this.#next()));
  }

  /** Ends an object, as the agent does a pod: it goes at once, unless it has finalizers. Nothing when it is gone. */
  remove(ref: ObjectRef): void {
    const before = this.get(ref);
    if (before === undefined) return;
    this.#delete({
      kind: "delete",
      ref,
      uid: before.metadata.uid ?? "",
      graceSeconds: 0,
      reason: "NotDeclared",
    });
  }

  #carryOut(step: Step): boolean {
    switch (step.kind) {
      case "create":
        if (this.get(refOf(step.object)) !== undefined) return false;
        this.#put(undefined, this.#stamp(step.object));
        return true;
      case "update":
        return this.#replace(step.object);
      case "update-status":
        return this.#replaceStatus(step.object);
      case "delete":
        return this.#delete(step);
      default:
        this.events.push(step);
        return false;
    }
  }

  #replace(object: ApiObject): boolean {
    const before = this.get(refOf(object));
    if (before?.metadata.resourceVersion !== object.metadata.resourceVersion) return false;
    if (before === undefined) return false;
    const { uid, creationTimestamp, generation = 1 } = before.metadata;
    const isNewSpec = !isSameJson(bare(before), bare(object));
    const after = withStatus(
      {
        ...object,
        metadata: {
          ...object.metadata,
          ...(uid === undefined ? {} : { uid }),
          ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
          generation: isNewSpec ? generation + 1 : generation,
        },
      },
      statusOf(before),
      before.metadata.resourceVersion ?? "",
    );
    if (isSameJson(after, before)) return false;
    if (isReleased(before, after)) this.#drop(before);
    else this.#put(before, withVersion(after, this.#next()));
    return true;
  }

  #replaceStatus(object: ApiObject): boolean {
    const before = this.get(refOf(object));
    if (before?.metadata.resourceVersion !== object.metadata.resourceVersion) return false;
    if (before === undefined) return false;
    if (isSameJson(statusOf(before), statusOf(object))) return false;
    this.#put(before, withStatus(before, statusOf(object), this.#next()));
    return true;
  }

  #delete(step: Extract<Step, { readonly kind: "delete" }>): boolean {
    const stored = this.get(step.ref);
    if (stored === undefined || stored.metadata.uid !== step.uid) return false;
    const told = withDisruption(stored, step.disruption, formatTime(this.now));
    const before = told === stored ? stored : withVersion(told, this.#next());
    if (told !== stored) this.#put(stored, before);
    const { graceSeconds, propagation } = step;
    const isEnded = graceSeconds === 0;
    const after = markForDeletion(before, { now: this.now, graceSeconds, isEnded, propagation });
    if (after === before) return false;
    if (after === undefined) this.#drop(before);
    else this.#put(before, withVersion(after, this.#next()));
    return true;
  }

  #stamp(object: ApiObject): ApiObject {
    const version = this.#next();
    const { metadata } = object;
    return {
      ...object,
      metadata: {
        ...metadata,
        uid: metadata.uid ?? derivedUid(refKey(refOf(object)), version),
        creationTimestamp: metadata.creationTimestamp ?? formatTime(this.now),
        generation: metadata.generation ?? 1,
        resourceVersion: metadata.resourceVersion ?? version,
      },
    };
  }

  #next(): string {
    this.#revision += 1;
    return String(this.#revision);
  }

  #put(before: ApiObject | undefined, after: ApiObject): void {
    if (before !== undefined) this.#unlink(before);
    const key = refKey(refOf(after));
    this.#objects.set(key, after);
    indexed(this.#kinds, kindKey(after)).set(key, after);
    const owner = controllerOf(after)?.uid;
    if (owner !== undefined) indexed(this.#owned, owner).set(key, after);
    for (const uid of otherOwnersOf(after)) indexed(this.#referring, uid).set(key, after);
    this.#sorted.delete(kindKey(after));
    this.#changes.push(before === undefined ? { after } : { before, after });
  }

  #drop(before: ApiObject): void {
    this.#unlink(before);
    this.#next();
    this.#changes.push({ before });
  }

  #unlink(object: ApiObject): void {
    const key = refKey(refOf(object));
    this.#objects.delete(key);
    this.#kinds.get(kindKey(object))?.delete(key);
    const owner = controllerOf(object)?.uid;
    if (owner !== undefined) this.#owned.get(owner)?.delete(key);
    for (const uid of otherOwnersOf(object)) this.#referring.get(uid)?.delete(key);
    this.#sorted.delete(kindKey(object));
  }
}

function kindKey(object: ApiObject): string {
  return `${object.apiVersion}/${object.kind}`;
}

function indexed(index: Map<string, Map<string, ApiObject>>, key: string): Map<string, ApiObject> {
  const known = index.get(key);
  if (known !== undefined) return known;
  const made = new Map<string, ApiObject>();
  index.set(key, made);
  return made;
}

function statusOf(object: ApiObject): unknown {
  return (object as ApiObject & { readonly status?: unknown }).status;
}

/** Everything but metadata and status: what the generation counts the changes of. */
function bare(object: ApiObject): object {
  const { metadata: _, ...rest } = object;
  const { status: __, ...spec } = rest as { readonly status?: unknown };
  return spec;
}

function withVersion<T extends ApiObject>(object: T, resourceVersion: string): T {
  return { ...object, metadata: { ...object.metadata, resourceVersion } };
}

function withStatus(object: ApiObject, status: unknown, resourceVersion: string): ApiObject {
  const { status: _, ...rest } = withVersion(object, resourceVersion) as ApiObject & {
    readonly status?: unknown;
  };
  return status === undefined ? rest : ({ ...rest, status } as ApiObject);
}
