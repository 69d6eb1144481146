import { parseTime } from "../base/clock.ts";
import { shortHash } from "../base/hash.ts";
import { compare } from "../base/order.ts";
import { isSameJson } from "../base/same-json.ts";
import { controllerRef, type StringMap } from "../model/meta.ts";
import type { Deployment, Pod, PodTemplateSpec, ReplicaSet } from "../model/kinds.gen.ts";
import { carriedAnnotations } from "./carried-annotations.ts";
import { claimObjects } from "./claim.ts";
import { podsOwnedBy } from "./owned-pods.ts";
import { countPods, type PodCounts } from "./pod-state.ts";
import { templateWithConfig } from "./restart-on-config.ts";
import type { World } from "./world.ts";

const HASH_LABEL = "pod-template-hash";
export const REVISION_ANNOTATION = "deployment.kubernetes.io/revision";
export const HISTORY_ANNOTATION = "deployment.kubernetes.io/revision-history";
export const DESIRED_ANNOTATION = "deployment.kubernetes.io/desired-replicas";
export const MAX_ANNOTATION = "deployment.kubernetes.io/max-replicas";

/** Longest name of an object. */
const MAX_NAME_LENGTH = 253;
/** Longest list of earlier revisions that one set remembers. */
const MAX_HISTORY_LENGTH = 2000;

/** One revision of a Deployment's template, with what runs of it. */
export interface RevisionSet {
  /** As it will be: owned, and annotated as the Deployment is. Sizes are not planned here. */
  readonly replicaSet: ReplicaSet;
  /** As it is; `undefined` for one that is yet to be made. */
  readonly stored: ReplicaSet | undefined;
  readonly pods: readonly Pod[];
  readonly counts: PodCounts;
  readonly createdAt: number;
}

export interface Revisions {
  /** The set of the current template: there already, or as it is to be made. */
  readonly next: RevisionSet;
  /** All others, the oldest first. */
  readonly old: readonly RevisionSet[];
  /** Sets that the selector no longer chooses, without the owner reference. */
  readonly released: readonly ReplicaSet[];
  /** Names for `next` that were taken by something else so far. */
  readonly collisionCount: number;
}

/**
 * The Deployment's ReplicaSets: which one is of the current template (an old one, when the template has come back),
 * and which are history. Pure.
 */
export function readRevisions(world: World, deployment: Deployment): Revisions {
  const { selector, minReadySeconds = 0 } = deployment.spec;
  const template = templateWithConfig(world, deployment);
  const claims = claimObjects<ReplicaSet>(world, deployment, selector, {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
  });
  const sets = claims.owned
    .map((replicaSet) =>
      readSet(world, replicaSet, {
        minReadySeconds,
        isAdopted: claims.adopted.includes(replicaSet),
      }),
    )
    .toSorted(compareAge);
  const found = sets.find(({ replicaSet }) => isSameTemplate(replicaSet.spec.template, template));
  const old = sets.filter((set) => set !== found);
  const revision = Math.max(0, ...old.map(revisionOf)) + 1;
  const before = deployment.status?.collisionCount ?? 0;
  const { collisionCount, ...next } =
    found === undefined
      ? newSet(world, deployment, template)
      : { ...found, collisionCount: before };
  return {
    next: { ...next, replicaSet: annotateNext(deployment, next.replicaSet, revision) },
    old,
    released: claims.released,
    collisionCount,
  };
}

/** The number of a set's revision; 0 when it has none. Pure. */
export function revisionOf({ replicaSet }: RevisionSet): number {
  return numberOf(replicaSet, REVISION_ANNOTATION) ?? 0;
}

/** The whole number of an annotation, if it is one. Pure. */
export function numberOf({ metadata }: ReplicaSet, annotation: string): number | undefined {
  const text = metadata.annotations?.[annotation] ?? "";
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** The set with some annotations set anew; the same one when they are there already. Pure. */
export function annotate(replicaSet: ReplicaSet, annotations: StringMap): ReplicaSet {
  const before = replicaSet.metadata.annotations ?? {};
  if (Object.entries(annotations).every(([key, value]) => before[key] === value)) return replicaSet;
  return {
    ...replicaSet,
    metadata: { ...replicaSet.metadata, annotations: { ...before, ...annotations } },
  };
}

function readSet(
  world: World,
  replicaSet: ReplicaSet,
  { minReadySeconds, isAdopted }: { readonly minReadySeconds: number; readonly isAdopted: boolean },
): RevisionSet {
  const { uid, name, namespace = "", creationTimestamp } = replicaSet.metadata;
  const ref = { apiVersion: "apps/v1", kind: "ReplicaSet", namespace, name };
  const pods = podsOwnedBy(world, uid);
  return {
    replicaSet,
    stored: isAdopted ? (world.get(ref) as ReplicaSet | undefined) : replicaSet,
    pods,
    counts: countPods(pods, minReadySeconds, world.now),
    createdAt: parseTime(creationTimestamp) ?? 0,
  };
}

function compareAge(a: RevisionSet, b: RevisionSet): number {
  return (
    a.createdAt - b.createdAt ||
    revisionOf(a) - revisionOf(b) ||
    compare(a.replicaSet.metadata.name, b.replicaSet.metadata.name)
  );
}

/** But for the label that its own hash added. What differs most often is compared first. */
function isSameTemplate(a: PodTemplateSpec, b: PodTemplateSpec): boolean {
  if (!isSameJson(a.spec, b.spec)) return false;
  const [left, right] = [comparable(a), comparable(b)];
  return isSameJson(left.metadata, right.metadata);
}

/** The template without what its own hash added to it. */
function comparable(template: PodTemplateSpec): PodTemplateSpec {
  const { [HASH_LABEL]: _, ...labels } = template.metadata?.labels ?? {};
  const { annotations = {} } = template.metadata ?? {};
  return { metadata: { labels, annotations }, spec: template.spec };
}

function newSet(
  world: World,
  deployment: Deployment,
  template: PodTemplateSpec,
): RevisionSet & { readonly collisionCount: number } {
  const { metadata, spec } = deployment;
  const { hash, collisionCount } = freeHash(world, deployment, template);
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash };
  const replicaSet: ReplicaSet = {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: setName(deployment, hash),
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      labels,
      ownerReferences: [controllerRef(deployment)],
    },
    spec: {
      replicas: 0,
      ...(spec.minReadySeconds === undefined ? {} : { minReadySeconds: spec.minReadySeconds }),
      selector: {
        ...spec.selector,
        matchLabels: { ...spec.selector.matchLabels, [HASH_LABEL]: hash },
      },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
  const counts = { active: 0, ready: 0, available: 0 };
  return { replicaSet, stored: undefined, pods: [], counts, createdAt: Infinity, collisionCount };
}

/** The template's hash; another one while a set of someone else, or of another template, has the name. */
function freeHash(
  world: World,
  deployment: Deployment,
  template: PodTemplateSpec,
): { readonly hash: string; readonly collisionCount: number } {
  const content = comparable(template);
  const before = deployment.status?.collisionCount ?? 0;
  for (let collisionCount = before; ; collisionCount += 1) {
    const hash = shortHash(collisionCount === 0 ? content : [content, collisionCount]);
    const name = setName(deployment, hash);
    const { namespace = "" } = deployment.metadata;
    const ref = { apiVersion: "apps/v1", kind: "ReplicaSet", namespace, name };
    if (world.get(ref) === undefined) return { hash, collisionCount };
  }
}

function setName({ metadata }: Deployment, hash: string): string {
  const base = metadata.name.slice(0, MAX_NAME_LENGTH - hash.length - 1).replace(/[-.]+$/, "");
  return `${base}-${hash}`;
}

function annotateNext(
  deployment: Deployment,
  replicaSet: ReplicaSet,
  revision: number,
): ReplicaSet {
  const copied = carriedAnnotations(deployment);
  const before = numberOf(replicaSet, REVISION_ANNOTATION) ?? 0;
  const annotated = annotate(replicaSet, {
    ...copied,
    ...(before < revision ? { [REVISION_ANNOTATION]: String(revision) } : {}),
    ...(before > 0 && before < revision
      ? { [HISTORY_ANNOTATION]: history(replicaSet, before) }
      : {}),
  });
  const { minReadySeconds } = deployment.spec;
  if (annotated.spec.minReadySeconds === minReadySeconds) return annotated;
  const { minReadySeconds: _, ...spec } = annotated.spec;
  return {
    ...annotated,
    spec: minReadySeconds === undefined ? spec : { ...spec, minReadySeconds },
  };
}

function history({ metadata }: ReplicaSet, revision: number): string {
  const before = metadata.annotations?.[HISTORY_ANNOTATION];
  const all = before === undefined ? [] : before.split(",");
  const next = [...all, String(revision)];
  while (next.join(",").length > MAX_HISTORY_LENGTH) next.shift();
  return next.join(",");
}
