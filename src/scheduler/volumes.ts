import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  StorageClass,
} from "../model/kinds.gen.ts";
import { matchesLabels, matchesSelector } from "../model/labels.ts";
import { matchesNodeSelector, type NodeIdentity } from "../model/node-affinity.ts";
import { quantityValue } from "../model/quantity.ts";

/** Tells the provisioner of a claim the node that was chosen for it. */
export const SELECTED_NODE_ANNOTATION = "volume.kubernetes.io/selected-node";
/** Says that a claim's volume was made for it, and is not one that lay ready. */
const DEFAULT_CLASS_ANNOTATION = "storageclass.kubernetes.io/is-default-class";
const NO_PROVISIONER = "kubernetes.io/no-provisioner";

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

/** Names of the claims that a pod mounts, of its namespace. Pure. */
export function claimNamesOf(pod: Pod): readonly string[] {
  const { volumes } = pod.spec;
  if (volumes === undefined) return [];
  return volumes.flatMap((volume) => {
    if (volume.persistentVolumeClaim !== undefined) return [volume.persistentVolumeClaim.claimName];
    return volume.ephemeral === undefined ? [] : [`${pod.metadata.name}-${volume.name}`];
  });
}

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
  if (needs.bound.some(({ volume }) => volume !== undefined && !allowsVolume(volume, node)))
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
  const bySize = needs.waiting.toSorted((a, b) => sizeOf(a.claim) - sizeOf(b.claim));
  for (const { claim, storage } of bySize) {
    const volume = findVolume(claim, storage, node, lookup, taken);
    if (volume !== undefined) {
      taken.add(volume.metadata.name);
      choices.push({ claim, volume });
    } else if (canProvision(storage, node)) choices.push({ claim });
    else return undefined;
  }
  return choices;
}

/** Whether a volume may be used on a node. Pure. */
export function allowsVolume(volume: PersistentVolume, node: NodeIdentity): boolean {
  const required = volume.spec.nodeAffinity?.required;
  return required === undefined || matchesNodeSelector(required, node);
}

/** The class of a claim; that of a claim which names none is the cluster's default. Pure. */
export function classOf(
  claim: PersistentVolumeClaim,
  lookup: VolumeLookup,
): StorageClass | undefined {
  const { storageClassName } = claim.spec;
  if (storageClassName === "") return undefined;
  if (storageClassName !== undefined) return lookup.storageClass(storageClassName);
  for (const storage of lookup.storageClasses())
    if (storage.metadata.annotations?.[DEFAULT_CLASS_ANNOTATION] === "true") return storage;
  return undefined;
}

function canProvision(storage: StorageClass, node: NodeIdentity): boolean {
  if (storage.provisioner === NO_PROVISIONER) return false;
  const topologies = storage.allowedTopologies ?? [];
  if (topologies.length === 0) return true;
  return topologies.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(({ key, values }) => values.includes(node.labels[key] ?? "")),
  );
}

function findVolume(
  claim: PersistentVolumeClaim,
  storage: StorageClass,
  node: NodeIdentity,
  lookup: VolumeLookup,
  taken: ReadonlySet<string>,
): PersistentVolume | undefined {
  let best: PersistentVolume | undefined;
  for (const volume of lookup.volumes()) {
    if (taken.has(volume.metadata.name) || !isMeantFor(volume, claim, lookup)) continue;
    if (!suits(volume, claim, storage) || !allowsVolume(volume, node)) continue;
    if (best === undefined || isSmaller(volume, best)) best = volume;
  }
  return best;
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
  const { claimRef } = volume.spec;
  if (claimRef === undefined)
    return volume.status?.phase === "Available" || volume.status === undefined;
  if (`${claimRef.namespace ?? ""}/${claimRef.name ?? ""}` !== key) return false;
  return claimRef.uid === undefined || claimRef.uid === claim.metadata.uid;
}

function suits(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim,
  storage: StorageClass,
): boolean {
  const { spec } = volume;
  if (volume.metadata.deletionTimestamp !== undefined) return false;
  if ((spec.storageClassName ?? "") !== storage.metadata.name) return false;
  if (spec.volumeMode !== claim.spec.volumeMode) return false;
  const modes = new Set<string>(spec.accessModes);
  if ((claim.spec.accessModes ?? []).some((mode) => !modes.has(mode))) return false;
  if ((quantityValue(spec.capacity?.["storage"] ?? "0") ?? 0) < sizeOf(claim)) return false;
  const { selector } = claim.spec;
  return selector === undefined || matchesSelector(selector, volume.metadata.labels ?? {});
}

function isSmaller(a: PersistentVolume, b: PersistentVolume): boolean {
  const size = ({ spec }: PersistentVolume): number =>
    quantityValue(spec.capacity?.["storage"] ?? "0") ?? 0;
  return size(a) - size(b) < 0 || (size(a) === size(b) && a.metadata.name < b.metadata.name);
}

function sizeOf({ spec }: PersistentVolumeClaim): number {
  return quantityValue(spec.resources?.requests?.["storage"] ?? "0") ?? 0;
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
