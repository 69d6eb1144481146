import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  StorageClass,
} from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { claimNamesOf } from "../model/storage.ts";
import { classOf, type VolumeChoice, type VolumeLookup } from "./volumes.ts";

/** A pod that uses claims on a node. */
interface User {
  readonly pod: Pod;
  readonly node: string;
}

/** The storage of the cluster, kept up to date change by change. */
export class VolumeTable implements VolumeLookup {
  readonly #claims = new Map<string, PersistentVolumeClaim>();
  readonly #volumes = new Map<string, PersistentVolume>();
  readonly #classes = new Map<string, StorageClass>();
  /** Pods with claims that have a node: by uid, by claim and by node. */
  readonly #users = new Map<string, User>();
  readonly #byClaim = new Map<string, Set<string>>();
  readonly #byNode = new Map<string, Set<string>>();
  /** Volume → claim, by placements that are not written yet. */
  readonly #promises = new Map<string, string>();

  /** Takes in an object; others than of storage are ignored. */
  set(object: ApiObject): void {
    const { name } = object.metadata;
    if (object.kind === "PersistentVolumeClaim")
      this.#claims.set(keyOf(object), object as PersistentVolumeClaim);
    else if (object.kind === "PersistentVolume")
      this.#volumes.set(name, object as PersistentVolume);
    else if (object.kind === "StorageClass") this.#classes.set(name, object as StorageClass);
  }

  remove(object: ApiObject): void {
    const { name } = object.metadata;
    if (object.kind === "PersistentVolumeClaim") this.#claims.delete(keyOf(object));
    else if (object.kind === "PersistentVolume") this.#volumes.delete(name);
    else if (object.kind === "StorageClass") this.#classes.delete(name);
  }

  /** A pod with claims got a node. Whether one of them is for one pod alone. */
  use(pod: Pod, node: string): boolean {
    const { uid = "", namespace = "" } = pod.metadata;
    const names = claimNamesOf(pod);
    if (this.#users.get(uid)?.node === node) return false;
    this.leave(uid);
    if (names.length === 0) return false;
    this.#users.set(uid, { pod, node });
    for (const name of names) addTo(this.#byClaim, `${namespace}/${name}`, uid);
    addTo(this.#byNode, node, uid);
    return this.#hasExclusive(pod);
  }

  /** Nothing when the pod uses none. Whether one of its claims is for one pod alone. */
  leave(uid: string): boolean {
    const user = this.#users.get(uid);
    if (user === undefined) return false;
    this.#users.delete(uid);
    const namespace = user.pod.metadata.namespace ?? "";
    for (const name of claimNamesOf(user.pod))
      removeFrom(this.#byClaim, `${namespace}/${name}`, uid);
    removeFrom(this.#byNode, user.node, uid);
    return this.#hasExclusive(user.pod);
  }

  #hasExclusive(pod: Pod): boolean {
    const namespace = pod.metadata.namespace ?? "";
    return claimNamesOf(pod).some((name) => isExclusive(this.claim(namespace, name)));
  }

  /** Whether another pod has the claim, and the claim allows but one. */
  isExclusivelyUsed(pod: Pod, name: string): boolean {
    const claim = this.claim(pod.metadata.namespace ?? "", name);
    if (claim === undefined || !isExclusive(claim)) return false;
    const users = this.#byClaim.get(keyOf(claim));
    if (users === undefined) return false;
    return users.size > (users.has(pod.metadata.uid ?? "") ? 1 : 0);
  }

  /** Driver → volumes, or claims that get one, of a pod. */
  driversOf(pod: Pod): ReadonlyMap<string, ReadonlySet<string>> {
    const drivers = new Map<string, Set<string>>();
    for (const name of claimNamesOf(pod)) {
      const claim = this.claim(pod.metadata.namespace ?? "", name);
      if (claim === undefined) continue;
      const volume = this.#volumes.get(claim.spec.volumeName ?? "");
      const driver =
        volume === undefined ? classOf(claim, this)?.provisioner : volume.spec.csi?.driver;
      if (driver === undefined) continue;
      addTo(drivers, driver, volume?.metadata.name ?? `claim ${keyOf(claim)}`);
    }
    return drivers;
  }

  /** Volumes of a driver that pods on a node use. */
  volumesOn(node: string, driver: string): ReadonlySet<string> {
    const volumes = new Set<string>();
    for (const uid of this.#byNode.get(node) ?? []) {
      const user = this.#users.get(uid);
      if (user === undefined) continue;
      for (const volume of this.driversOf(user.pod).get(driver) ?? []) volumes.add(volume);
    }
    return volumes;
  }

  promise(choices: readonly VolumeChoice[]): void {
    for (const { claim, volume } of choices)
      if (volume !== undefined) this.#promises.set(volume.metadata.name, keyOf(claim));
  }

  release(choices: readonly VolumeChoice[]): void {
    for (const { volume } of choices)
      if (volume !== undefined) this.#promises.delete(volume.metadata.name);
  }

  claim(namespace: string, name: string): PersistentVolumeClaim | undefined {
    return this.#claims.get(`${namespace}/${name}`);
  }

  volume(name: string): PersistentVolume | undefined {
    return this.#volumes.get(name);
  }

  storageClass(name: string): StorageClass | undefined {
    return this.#classes.get(name);
  }

  volumes(): Iterable<PersistentVolume> {
    return this.#volumes.values();
  }

  storageClasses(): Iterable<StorageClass> {
    return this.#classes.values();
  }

  promisedTo(volume: string): string | undefined {
    return this.#promises.get(volume);
  }
}

function isExclusive(claim: PersistentVolumeClaim | undefined): boolean {
  return claim?.spec.accessModes?.includes("ReadWriteOncePod") === true;
}

function keyOf({ metadata }: ApiObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}

function addTo(map: Map<string, Set<string>>, key: string, item: string): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, new Set([item]));
  else known.add(item);
}

function removeFrom(map: Map<string, Set<string>>, key: string, item: string): void {
  const known = map.get(key);
  known?.delete(item);
  if (known?.size === 0) map.delete(key);
}
