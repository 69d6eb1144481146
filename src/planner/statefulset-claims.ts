import { isSameJson } from "../base/same-json.ts";
import type { PersistentVolumeClaim, Pod, StatefulSet } from "../model/kinds.gen.ts";
import { controllerOf, controllerRef, type OwnerReference } from "../model/meta.ts";
import type { Step } from "../model/plan.ts";
import { claimNameOf, isInRange, podNameOf } from "./statefulset-identity.ts";
import type { World } from "./world.ts";

/** What the claims of one ordinal need. */
export interface ClaimPlan {
  readonly steps: readonly Step[];
  /** Why its pod cannot be made now. */
  readonly obstacle?: string;
}

/**
 * The claims of an ordinal whose pod is to be made or waits to start: missing ones are made, which then belong to whom the
 * retention policy says. One that is on its way out must be gone before the pod may come. Pure.
 */
export function planClaims(world: World, set: StatefulSet, ordinal: number, pod?: Pod): ClaimPlan {
  const steps: Step[] = [];
  for (const template of set.spec.volumeClaimTemplates ?? []) {
    const name = claimNameOf(set, template, ordinal);
    const stored = storedClaim(world, set, name);
    if (stored === undefined) {
      steps.push(...makeClaim(set, template, ordinal));
      continue;
    }
    if (stored.metadata.deletionTimestamp !== undefined)
      return { steps: [], obstacle: `pvc ${name} is being deleted` };
    if (isStale(set, stored, ordinal, pod))
      return { steps: [], obstacle: `pvc ${name} still belongs to an earlier pod` };
    if (pod !== undefined) steps.push(...planOwner(set, stored, ordinal, pod));
  }
  return { steps };
}

/** Claims that are there get the owner that the retention policy says. Pure. */
export function planClaimOwners(
  world: World,
  set: StatefulSet,
  ordinal: number,
  pod: Pod,
): readonly Step[] {
  return (set.spec.volumeClaimTemplates ?? []).flatMap((template) => {
    const stored = storedClaim(world, set, claimNameOf(set, template, ordinal));
    return stored === undefined ? [] : planOwner(set, stored, ordinal, pod);
  });
}

function storedClaim(
  world: World,
  { metadata }: StatefulSet,
  name: string,
): PersistentVolumeClaim | undefined {
  const { namespace = "" } = metadata;
  return world.get({ apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name }) as
    | PersistentVolumeClaim
    | undefined;
}

function makeClaim(
  set: StatefulSet,
  template: PersistentVolumeClaim,
  ordinal: number,
): readonly Step[] {
  const { namespace } = set.metadata;
  const { annotations } = template.metadata;
  const labels = { ...template.metadata.labels, ...set.spec.selector.matchLabels };
  const owner = claimOwner(set, ordinal, undefined);
  const name = claimNameOf(set, template, ordinal);
  const object: PersistentVolumeClaim = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      ...(annotations === undefined ? {} : { annotations }),
      ...(owner === undefined ? {} : { ownerReferences: [owner] }),
    },
    spec: template.spec,
    status: { phase: "Pending" },
  };
  const message = `create Claim ${name} Pod ${podNameOf(set, ordinal)} in StatefulSet ${set.metadata.name} success`;
  return [
    { kind: "create", object, reason: "MissingClaim" },
    { kind: "event", about: set, type: "Normal", reason: "SuccessfulCreate", message },
  ];
}

/** A claim that goes with an earlier pod of the ordinal, which was scaled away. */
function isStale(
  set: StatefulSet,
  claim: PersistentVolumeClaim,
  ordinal: number,
  pod: Pod | undefined,
): boolean {
  if (set.spec.persistentVolumeClaimRetentionPolicy?.whenScaled !== "Delete") return false;
  const name = podNameOf(set, ordinal);
  return (claim.metadata.ownerReferences ?? []).some(
    (owner) => isPodRef(owner) && owner.name === name && owner.uid !== pod?.metadata.uid,
  );
}

function planOwner(
  set: StatefulSet,
  claim: PersistentVolumeClaim,
  ordinal: number,
  pod: Pod,
): readonly Step[] {
  const before = claim.metadata.ownerReferences ?? [];
  const others = before.filter((owner) => !isOurs(owner, set, pod));
  const owner = claimOwner(set, ordinal, pod);
  // Someone else's claim stays theirs.
  const isForeign = controllerOf({
    ...claim,
    metadata: { ...claim.metadata, ownerReferences: others },
  });
  const wanted = owner === undefined || isForeign !== undefined ? others : [...others, owner];
  if (isSameJson(wanted, before)) return [];
  const { ownerReferences: _, ...rest } = claim.metadata;
  const metadata = wanted.length === 0 ? rest : { ...rest, ownerReferences: wanted };
  return [{ kind: "update", object: { ...claim, metadata }, reason: "ClaimOwner" }];
}

/** With whom a claim goes: the set, a pod that is scaled away, or nobody. */
function claimOwner(
  set: StatefulSet,
  ordinal: number,
  pod: Pod | undefined,
): OwnerReference | undefined {
  const { whenDeleted, whenScaled } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  if (whenScaled === "Delete" && !isInRange(set, ordinal) && pod !== undefined)
    return controllerRef(pod);
  return whenDeleted === "Delete" ? controllerRef(set) : undefined;
}

function isOurs(owner: OwnerReference, set: StatefulSet, pod: Pod): boolean {
  return (
    (owner.kind === "StatefulSet" && owner.name === set.metadata.name) ||
    (isPodRef(owner) && owner.name === pod.metadata.name)
  );
}

function isPodRef({ apiVersion, kind }: OwnerReference): boolean {
  return apiVersion === "v1" && kind === "Pod";
}
