import { parseTime } from "../base/clock.ts";
import { shortHash } from "../base/hash.ts";
import { compare } from "../base/order.ts";
import { isSameJson } from "../base/same-json.ts";
import type {
  ControllerRevision,
  DaemonSet,
  PodTemplateSpec,
  StatefulSet,
} from "../model/kinds.gen.ts";
import { controllerRef, refOf } from "../model/meta.ts";
import type { Step } from "../model/plan.ts";
import { carriedAnnotations } from "./carried-annotations.ts";
import { claimObjects } from "./claim.ts";
import type { World } from "./world.ts";

/** A kind whose revisions are kept as ControllerRevisions. */
export type Revised = StatefulSet | DaemonSet;

/** The templates that a workload had, one ControllerRevision each. */
export interface RevisionHistory {
  /** The one of the current template, as it will be: there already, or to be made. */
  readonly update: ControllerRevision;
  /** All others, the oldest revision first. */
  readonly old: readonly ControllerRevision[];
  /** Names that were taken by something else so far. */
  readonly collisionCount: number;
  /** What has to be written for it: adopted ones, the new one, or an old one that is the newest again. */
  readonly steps: readonly Step[];
}

/** The label of a pod, and of a DaemonSet's revisions, that says which revision it is of. */
export const REVISION_LABEL = "controller-revision-hash";
/** The same of a StatefulSet's revisions. */
export const HASH_LABEL = "controller.kubernetes.io/hash";

/** Longest part of a workload's name in that of its revisions. */
const MAX_PREFIX_LENGTH = 223;

/**
 * Finds the revision of `template` among those of `owner`: the newest, or an earlier one that then gets the highest number,
 * as after a revert; else a new one. Its name is a digest of what it holds. Pure.
 */
export function readHistory(
  world: World,
  owner: Revised,
  template: PodTemplateSpec,
  hashLabel: string,
): RevisionHistory {
  const claims = claimObjects<ControllerRevision>(world, owner, owner.spec.selector, {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
  });
  const revisions = claims.owned.toSorted(compareRevisions);
  const data = toData(template);
  const found = revisions.findLast((revision) => isSameJson(revision.data, data));
  const old = revisions.filter((revision) => revision !== found);
  const number = Math.max(0, ...old.map(({ revision }) => revision)) + 1;
  const before = owner.status?.collisionCount ?? 0;
  const adopted = claims.adopted
    .filter(({ metadata }) => metadata.name !== found?.metadata.name)
    .map((object): Step => ({ kind: "update", object, reason: "Adopt" }));
  if (found === undefined) {
    const { hash, collisionCount } = freeHash(world, owner, { data, before });
    const update = newRevision(owner, { data, hash, hashLabel, number });
    const steps: Step[] = [...adopted, { kind: "create", object: update, reason: "NewRevision" }];
    return { update, old, collisionCount, steps };
  }
  const update = found.revision >= number ? found : { ...found, revision: number };
  const isAdopted = claims.adopted.includes(found);
  const steps: Step[] =
    update !== found || isAdopted
      ? [...adopted, { kind: "update", object: update, reason: "Revision" }]
      : adopted;
  return { update, old, collisionCount: before, steps };
}

/** The pod template that a revision holds; `undefined` when it holds none. Pure. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec | undefined {
  const { template } = (data as { readonly spec?: { readonly template?: unknown } }).spec ?? {};
  if (typeof template !== "object" || template === null || !("spec" in template)) return undefined;
  const { $patch: _, ...rest } = template as PodTemplateSpec & { readonly $patch?: string };
  return rest;
}

/** The hash that the revision's pods carry. Pure. */
export function hashOf({ metadata }: ControllerRevision, hashLabel: string): string {
  return metadata.labels?.[hashLabel] ?? metadata.name;
}

/** Revisions beyond the limit, the oldest first, but never one that is in use. Pure. */
export function cleanRevisions(
  owner: Revised,
  unused: readonly ControllerRevision[],
): readonly Step[] {
  const surplus = unused.length - owner.spec.revisionHistoryLimit;
  return unused.slice(0, Math.max(0, surplus)).map((revision) => ({
    kind: "delete",
    ref: refOf(revision),
    uid: revision.metadata.uid ?? "",
    reason: "HistoryLimit",
  }));
}

/** What kubectl applies to bring a template back. */
function toData(template: PodTemplateSpec): object {
  return { spec: { template: { ...template, $patch: "replace" } } };
}

function compareRevisions(a: ControllerRevision, b: ControllerRevision): number {
  return (
    a.revision - b.revision ||
    (parseTime(a.metadata.creationTimestamp) ?? 0) -
      (parseTime(b.metadata.creationTimestamp) ?? 0) ||
    compare(a.metadata.name, b.metadata.name)
  );
}

/** The template's hash; another one while something else has the name that it gives. */
function freeHash(
  world: World,
  owner: Revised,
  { data, before }: { readonly data: object; readonly before: number },
): { readonly hash: string; readonly collisionCount: number } {
  const { namespace = "" } = owner.metadata;
  for (let collisionCount = before; ; collisionCount += 1) {
    const hash = shortHash(collisionCount === 0 ? data : [data, collisionCount]);
    const name = revisionName(owner, hash);
    const ref = { apiVersion: "apps/v1", kind: "ControllerRevision", namespace, name };
    if (world.get(ref) === undefined) return { hash, collisionCount };
  }
}

function newRevision(
  owner: Revised,
  fields: {
    readonly data: object;
    readonly hash: string;
    readonly hashLabel: string;
    readonly number: number;
  },
): ControllerRevision {
  const { namespace } = owner.metadata;
  const annotations = carriedAnnotations(owner);
  return {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: {
      name: revisionName(owner, fields.hash),
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...owner.spec.template.metadata?.labels, [fields.hashLabel]: fields.hash },
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ownerReferences: [controllerRef(owner)],
    },
    data: fields.data,
    revision: fields.number,
  };
}

function revisionName({ metadata }: Revised, hash: string): string {
  return `${metadata.name.slice(0, MAX_PREFIX_LENGTH).replace(/[-.]+$/, "")}-${hash}`;
}
