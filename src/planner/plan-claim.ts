import { isSameJson } from "../base/same-json.ts";
import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  StorageClass,
} from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { EMPTY_PLAN, type Plan, type Step } from "../model/plan.ts";
import { identityOf } from "../model/node-affinity.ts";
import { isFinished } from "../model/pod-phase.ts";
import {
  BIND_COMPLETED_ANNOTATION,
  BOUND_BY_ANNOTATION,
  CLAIM_FINALIZER,
  claimNamesOf,
  classNameOf,
  defaultStorageClass,
  NO_PROVISIONER,
  SELECTED_NODE_ANNOTATION,
} from "../model/storage.ts";
import { findVolume, isReservedFor } from "../model/volume-match.ts";
import { provisionVolume } from "./claim-volumes.ts";
import type { World } from "./world.ts";

/**
 * A PersistentVolumeClaim comes to its volume: the one that it names, one that is there and suits, or one that its class
 * makes. With `WaitForFirstConsumer` that waits until the scheduler has chosen the node of a pod. A claim that is being
 * deleted stays while a pod uses it.
 */
export function planClaim(world: World, claim: PersistentVolumeClaim): Plan {
  const { metadata, spec } = claim;
  if (metadata.deletionTimestamp !== undefined) return planEnd(world, claim);
  if (metadata.finalizers?.includes(CLAIM_FINALIZER) !== true) {
    const finalizers = [...(metadata.finalizers ?? []), CLAIM_FINALIZER];
    return planOf(changed(claim, { finalizers }));
  }
  if (spec.volumeName !== undefined) return planNamed(world, claim, spec.volumeName);
  const wanted = classNameOf(claim);
  const storageClass =
    wanted === undefined
      ? defaultStorageClass(world.list("storage.k8s.io/v1", "StorageClass"))
      : (world.get({ apiVersion: "storage.k8s.io/v1", kind: "StorageClass", name: wanted }) as
          | StorageClass
          | undefined);
  const className = wanted ?? storageClass?.metadata.name ?? "";
  return planUnbound(world, claim, { className, storageClass });
}

interface Wanted {
  readonly className: string;
  readonly storageClass: StorageClass | undefined;
}

function planUnbound(
  world: World,
  claim: PersistentVolumeClaim,
  { className, storageClass }: Wanted,
): Plan {
  const waits = storageClass?.volumeBindingMode === "WaitForFirstConsumer";
  const selected = claim.metadata.annotations?.[SELECTED_NODE_ANNOTATION];
  const node =
    selected === undefined
      ? undefined
      : (world.get({ apiVersion: "v1", kind: "Node", name: selected }) as Node | undefined);
  if (waits && node === undefined)
    return pending(claim, [
      told(
        claim,
        "Normal",
        "WaitForFirstConsumer",
        "waiting for first consumer to be created before binding",
      ),
    ]);
  const volumes = world.list("v1", "PersistentVolume") as readonly PersistentVolume[];
  const found = findVolume(claim, volumes, {
    className,
    node: waits && node !== undefined ? identityOf(node) : undefined,
  });
  if (found !== undefined) return bind(claim, found, className);
  if (storageClass !== undefined && storageClass.provisioner !== NO_PROVISIONER)
    return planProvisioning(claim, storageClass, node);
  if (className === "" || storageClass !== undefined)
    return pending(claim, [
      told(
        claim,
        "Normal",
        "FailedBinding",
        "no persistent volumes available for this claim and no storage class is set",
      ),
    ]);
  const message = `storageclass.storage.k8s.io "${className}" not found`;
  return pending(claim, [told(claim, "Warning", "ProvisioningFailed", message)]);
}

function planProvisioning(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  node: Node | undefined,
): Plan {
  const made = provisionVolume(claim, storageClass, node);
  if (made.kind === "refused")
    return pending(claim, [told(claim, "Warning", "ProvisioningFailed", made.message)]);
  if (made.kind === "external") {
    const message =
      `Waiting for a volume to be created either by the external provisioner '${storageClass.provisioner}' ` +
      "or manually by the system administrator. If volume creation is delayed, please verify that the " +
      "provisioner is running and correctly registered.";
    return pending(claim, [told(claim, "Normal", "ExternalProvisioning", message)]);
  }
  const message = `Successfully provisioned volume ${made.volume.metadata.name}`;
  return {
    steps: [
      { kind: "create", object: made.volume, reason: "VolumeProvisioned" },
      ...bind(claim, made.volume, storageClass.metadata.name).steps,
      told(claim, "Normal", "ProvisioningSucceeded", message),
    ],
  };
}

/** Both ends name each other; the volume's first, so that no claim ever names a volume that another one has. */
function bind(claim: PersistentVolumeClaim, volume: PersistentVolume, className: string): Plan {
  const { annotations = {}, namespace = "", name, uid = "" } = claim.metadata;
  const steps: Step[] = [];
  if (volume.spec.claimRef?.uid !== uid && volume.metadata.resourceVersion !== undefined) {
    const claimRef = { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name, uid };
    const reserved: PersistentVolume = {
      ...volume,
      metadata: {
        ...volume.metadata,
        annotations: { ...volume.metadata.annotations, [BOUND_BY_ANNOTATION]: "yes" },
      },
      spec: { ...volume.spec, claimRef },
    };
    // The claim follows when the volume is its own: another claim may be faster.
    return { steps: [{ kind: "update", object: reserved, reason: "ClaimBound" }] };
  }
  const next: PersistentVolumeClaim = {
    ...claim,
    metadata: {
      ...claim.metadata,
      annotations: {
        ...annotations,
        [BIND_COMPLETED_ANNOTATION]: "yes",
        [BOUND_BY_ANNOTATION]: "yes",
      },
    },
    spec: { ...claim.spec, storageClassName: className, volumeName: volume.metadata.name },
  };
  steps.push({ kind: "update", object: next, reason: "ClaimBound" });
  return { steps };
}

/** A claim that names its volume, by its author or since it was bound. */
function planNamed(world: World, claim: PersistentVolumeClaim, volumeName: string): Plan {
  const volume = world.get({ apiVersion: "v1", kind: "PersistentVolume", name: volumeName }) as
    | PersistentVolume
    | undefined;
  const wasBound = claim.status?.phase === "Bound" || claim.status?.phase === "Lost";
  if (volume === undefined) {
    if (!wasBound)
      return pending(claim, [
        told(claim, "Warning", "FailedBinding", `volume "${volumeName}" does not exist`),
      ]);
    return withStatus(claim, { phase: "Lost" }, [
      told(
        claim,
        "Warning",
        "ClaimLost",
        "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
      ),
    ]);
  }
  const { claimRef } = volume.spec;
  if (claimRef === undefined || (claimRef.uid === undefined && isReservedFor(volume, claim)))
    return bind(claim, volume, classNameOf(claim) ?? volume.spec.storageClassName ?? "");
  if (claimRef.uid !== claim.metadata.uid) {
    const message = `volume "${volumeName}" already bound to a different claim.`;
    if (!wasBound) return pending(claim, [told(claim, "Warning", "FailedBinding", message)]);
    return withStatus(claim, { phase: "Lost" }, [
      told(
        claim,
        "Warning",
        "ClaimMisbound",
        "Two claims are bound to the same volume, this one is bound incorrectly",
      ),
    ]);
  }
  const { accessModes, capacity } = volume.spec;
  return withStatus(
    claim,
    {
      phase: "Bound",
      ...(accessModes === undefined ? {} : { accessModes }),
      ...(capacity === undefined ? {} : { capacity }),
    },
    [],
  );
}

function planEnd(world: World, claim: PersistentVolumeClaim): Plan {
  const { finalizers = [], namespace, name } = claim.metadata;
  if (!finalizers.includes(CLAIM_FINALIZER)) return EMPTY_PLAN;
  const pods = world.list("v1", "Pod", namespace ?? "") as readonly Pod[];
  if (pods.some((pod) => claimNamesOf(pod).includes(name) && !isFinished(pod))) return EMPTY_PLAN;
  return planOf(
    changed(claim, { finalizers: finalizers.filter((one) => one !== CLAIM_FINALIZER) }),
  );
}

function changed(
  claim: PersistentVolumeClaim,
  metadata: Partial<PersistentVolumeClaim["metadata"]>,
): Step {
  const object = { ...claim, metadata: { ...claim.metadata, ...metadata } };
  return { kind: "update", object, reason: "ClaimProtected" };
}

function planOf(step: Step): Plan {
  return { steps: [step] };
}

function pending(claim: PersistentVolumeClaim, steps: readonly Step[]): Plan {
  return withStatus(claim, { phase: "Pending" }, steps);
}

function withStatus(
  claim: PersistentVolumeClaim,
  status: NonNullable<PersistentVolumeClaim["status"]>,
  steps: readonly Step[],
): Plan {
  const isNew = !isSameJson(claim.status ?? {}, status);
  const events = isNew || status.phase === "Pending" ? steps : [];
  if (!isNew) return { steps: events };
  return {
    steps: [
      { kind: "update-status", object: { ...claim, status } as ApiObject, reason: "StatusChanged" },
      ...events,
    ],
  };
}

function told(about: ApiObject, type: "Normal" | "Warning", reason: string, message: string): Step {
  return { kind: "event", about, type, reason, message };
}
