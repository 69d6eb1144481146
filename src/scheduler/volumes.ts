import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  StorageClass,
} from "../model/kinds.gen.ts";
import { matchesLabels } from "../model/labels.ts";
import type { NodeIdentity } from "../model/node-affinity.ts";
import {
  claimNamesOf,
  classNameOf,
  defaultStorageClass,
  NO_PROVISIONER,
} from "../model/storage.ts";
import { findVolume, isReservedFor, isUsableOn, requestOf } from "../model/volume-match.ts";

/** The storage of the cluster as it is now. */
export interface VolumeLookup {
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  storageClass(name: string): StorageClass | undefined;
  /** Every volume. */
  volumes(): Iterable<PersistentVolume>;
  storageClasses(): Iterable<StorageClass>;
  /** The claim, as `namespace/name`, that a volume was promised to by a placement that is not written yet. */
  promisedTo(volume: string): string | undefined;
}

/** What a pod's claims ask of its node. */
export interface VolumeNeeds {
  /** Why no node will do: then the rest is empty. */
  readonly verdict?: string;
  readonly bound: readonly {
    readonly claim: PersistentVolumeClaim;
    readonly volume?: PersistentVolume;
  }[];
  /** Claims that get a volume where the pod is placed. */
  readonly waiting: readonly {
    readonly claim: PersistentVolumeClaim;
    readonly storage: StorageClass;
  }[];
}

/** What a placement decides for a claim: a volume that lies ready, or that one is made for the node. */
export interface VolumeChoice {
  readonly claim: PersistentVolumeClaim;
  readonly volume?: PersistentVolume;
}

const NOTHING: VolumeNeeds = { bound: [], waiting: [] };

/** Looks a pod's claims up. Pure, apart from what `lookup` shows. */
export function needsOf(pod: Pod, lookup: VolumeLookup): VolumeNeeds {
  const names = claimNamesOf(pod);
  if (names.length === 0) return NOTHING;
  const bound: VolumeNeeds["bound"][number][] = [];
  const waiting: VolumeNeeds["waiting"][number][] = [];
  let isUnbound = false;
  for (const name of names) {
    const claim = lookup.claim(pod.metadata.namespace ?? "", name);
    if (claim === undefined) return refuse(absent(pod, name));
    if (claim.metadata.deletionTimestamp !== undefined)
      return refuse(`persistentvolumeclaim "${name}" is being deleted`);
    const { volumeName = "" } = claim.spec;
    if (claim.status?.phase === "Lost")
      return refuse(
        `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${volumeName}"`,
      );
    if (volumeName !== "") {
      const volume = lookup.volume(volumeName);
      bound.push(volume === undefined ? { claim } : { claim, volume });
      continue;
    }
    const storage = classOf(claim, lookup);
    if (storage?.volumeBindingMode === "WaitForFirstConsumer") waiting.push({ claim, storage });
    else isUnbound = true;
  }
  if (isUnbound) return refuse("pod has unbound immediate PersistentVolumeClaims");
  return { bound, waiting };
}

/** Why a node cannot have the pod's volumes; empty when it can. Pure. */
export function volumeConflicts(
  needs: VolumeNeeds,
  node: NodeIdentity,
  lookup: VolumeLookup,
): readonly string[] {
  const reasons: string[] = [];
  if (needs.bound.some(({ volume }) => volume !== undefined && !isUsableOn(volume, node)))
    reasons.push("node(s) had volume node affinity conflict");
  if (needs.waiting.length > 0 && chooseVolumes(needs, node, lookup) === undefined)
    reasons.push("node(s) didn't find available persistent volumes to bind");
  if (needs.bound.some(({ volume }) => volume === undefined))
    reasons.push("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)");
  return reasons;
}

/**
 * A volume for every claim that waits, or that it is made for the node; `undefined` when the node can have neither.
 * Of the volumes that lie ready the smallest that will do, as Kubernetes chooses. Pure.
 */
export function chooseVolumes(
  needs: VolumeNeeds,
  node: NodeIdentity,
  lookup: VolumeLookup,
): readonly VolumeChoice[] | undefined {
  const taken = new Set<string>();
  const choices: VolumeChoice[] = [];
  const bySize = needs.waiting.toSorted((a, b) => requestOf(a.claim) - requestOf(b.claim));
  for (const { claim, storage } of bySize) {
    const volume = findVolume(claim, lookup.volumes(), {
      className: storage.metadata.name,
      node,
      isTaken: (one) => taken.has(one.metadata.name) || !isMeantFor(one, claim, lookup),
    });
    if (volume !== undefined) {
      taken.add(volume.metadata.name);
      choices.push({ claim, volume });
    } else if (canProvision(storage, node)) choices.push({ claim });
    else return undefined;
  }
  return choices;
}

/** The class of a claim; that of a claim which names none is the cluster's default. Pure. */
export function classOf(
  claim: PersistentVolumeClaim,
  lookup: VolumeLookup,
): StorageClass | undefined {
  const name = classNameOf(claim);
  if (name === "") return undefined;
  return name === undefined
    ? defaultStorageClass([...lookup.storageClasses()])
    : lookup.storageClass(name);
}

function canProvision(storage: StorageClass, node: NodeIdentity): boolean {
  if (storage.provisioner === NO_PROVISIONER) return false;
  const topologies = storage.allowedTopologies ?? [];
  if (topologies.length === 0) return true;
  return topologies.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(({ key, values }) => values.includes(node.labels[key] ?? "")),
  );
}

/** Whether nobody else has the volume, nor was it promised to anybody else. */
function isMeantFor(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim,
  lookup: VolumeLookup,
): boolean {
  const key = `${claim.metadata.namespace ?? ""}/${claim.metadata.name}`;
  const promised = lookup.promisedTo(volume.metadata.name);
  if (promised !== undefined && promised !== key) return false;
  if (volume.spec.claimRef !== undefined) return isReservedFor(volume, claim);
  return volume.status?.phase === "Available" || volume.status === undefined;
}

function absent(pod: Pod, name: string): string {
  const isEphemeral = (pod.spec.volumes ?? []).some(
    (volume) => volume.ephemeral !== undefined && `${pod.metadata.name}-${volume.name}` === name,
  );
  return isEphemeral
    ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
    : `persistentvolumeclaim "${name}" not found`;
}

function refuse(verdict: string): VolumeNeeds {
  return { ...NOTHING, verdict };
}

const ZONE_LABELS = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"] as const;

/** Whether a bound volume's own zone labels are those of the node. A label may hold several, joined by `__`. Pure. */
export function isInZone({ bound }: VolumeNeeds, node: NodeIdentity): boolean {
  return bound.every(({ volume }) =>
    ZONE_LABELS.every((key) => {
      const zones = volume?.metadata.labels?.[key];
      if (zones === undefined || matchesLabels({ [key]: zones }, node.labels)) return true;
      return zones.split("__").includes(node.labels[key] ?? "");
    }),
  );
}
