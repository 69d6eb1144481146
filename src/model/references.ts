import type { FieldPath } from "./field-path.ts";
import type { Container, KeyToPath, PodSpec, Volume } from "./kinds.gen.ts";
import type { PodSource } from "./pod-source.ts";

/** An object that pods name. */
export interface Reference {
  readonly apiVersion: string;
  readonly kind:
    | "ConfigMap"
    | "Secret"
    | "PersistentVolumeClaim"
    | "ServiceAccount"
    | "PriorityClass";
  readonly name: string;
  /** The one key that is asked for; without it any content will do. */
  readonly key?: string;
  /** Where the name stands, and where the key does. */
  readonly path: FieldPath;
  readonly keyPath?: FieldPath;
  /** Whether pods start without it. */
  readonly isOptional?: boolean;
}

/** There in every namespace. */
const DEFAULT_ACCOUNT = "default";
/** There in every cluster. */
const SYSTEM_CLASSES: ReadonlySet<string> = new Set([
  "system-cluster-critical",
  "system-node-critical",
]);

/** Every object that pods name and that is not said to be optional. Pure. */
export function referencesOf({ spec, path }: PodSource): readonly Reference[] {
  const found: Reference[] = [];
  for (const field of ["initContainers", "containers"] as const) {
    spec[field]?.forEach((container, index) => {
      addOfContainer(container, [...path, field, index], found);
    });
  }
  spec.volumes?.forEach((volume, index) => {
    addOfVolume(volume, [...path, "volumes", index], found);
  });
  addOfPod(spec, path, found);
  return found;
}

function addOfPod(spec: PodSpec, path: FieldPath, found: Reference[]): void {
  const { serviceAccountName: account = "", priorityClassName: priority = "" } = spec;
  if (account !== "" && account !== DEFAULT_ACCOUNT) {
    const at = [...path, "serviceAccountName"];
    found.push({ apiVersion: "v1", kind: "ServiceAccount", name: account, path: at });
  }
  if (priority !== "" && !SYSTEM_CLASSES.has(priority)) {
    const apiVersion = "scheduling.k8s.io/v1";
    const at = [...path, "priorityClassName"];
    found.push({ apiVersion, kind: "PriorityClass", name: priority, path: at });
  }
  spec.imagePullSecrets?.forEach(({ name = "" }, index) => {
    if (name === "") return;
    const at = [...path, "imagePullSecrets", index, "name"];
    found.push({ apiVersion: "v1", kind: "Secret", name, path: at, isOptional: true });
  });
}

const KEY_REFS = [
  ["configMapKeyRef", "ConfigMap"],
  ["secretKeyRef", "Secret"],
] as const;
const WHOLE_REFS = [
  ["configMapRef", "ConfigMap"],
  ["secretRef", "Secret"],
] as const;

function addOfContainer(container: Container, path: FieldPath, found: Reference[]): void {
  container.env?.forEach(({ valueFrom }, index) => {
    if (valueFrom === undefined) return;
    for (const [field, kind] of KEY_REFS) {
      const ref = valueFrom[field];
      if (ref === undefined || ref.optional === true) continue;
      const at = [...path, "env", index, "valueFrom", field];
      const { name, key } = ref;
      const keyPath = [...at, "key"];
      found.push({ apiVersion: "v1", kind, name, key, path: [...at, "name"], keyPath });
    }
  });
  container.envFrom?.forEach((source, index) => {
    for (const [field, kind] of WHOLE_REFS) {
      const ref = source[field];
      if (ref === undefined || ref.optional === true) continue;
      const at = [...path, "envFrom", index, field, "name"];
      found.push({ apiVersion: "v1", kind, name: ref.name, path: at });
    }
  });
}

function addOfVolume(volume: Volume, path: FieldPath, found: Reference[]): void {
  const { configMap, secret, projected, persistentVolumeClaim: claim } = volume;
  if (configMap !== undefined)
    addFiles("ConfigMap", { ...configMap, path: [...path, "configMap", "name"] }, found);
  if (secret !== undefined) {
    const at = [...path, "secret", "secretName"];
    addFiles("Secret", { ...secret, name: secret.secretName, path: at }, found);
  }
  if (claim !== undefined) {
    const at = [...path, "persistentVolumeClaim", "claimName"];
    const kind = "PersistentVolumeClaim";
    found.push({ apiVersion: "v1", kind, name: claim.claimName, path: at });
  }
  projected?.sources?.forEach((source, index) => {
    const at = [...path, "projected", "sources", index];
    if (source.configMap !== undefined)
      addFiles("ConfigMap", { ...source.configMap, path: [...at, "configMap", "name"] }, found);
    if (source.secret !== undefined)
      addFiles("Secret", { ...source.secret, path: [...at, "secret", "name"] }, found);
  });
}

interface Files {
  readonly name?: string;
  readonly items?: readonly KeyToPath[];
  readonly optional?: boolean;
  readonly path: FieldPath;
}

/** All keys of an object as files, or those that are listed. */
function addFiles(kind: "ConfigMap" | "Secret", files: Files, found: Reference[]): void {
  const { name = "", items = [], optional, path } = files;
  if (optional === true || name === "") return;
  if (items.length === 0) found.push({ apiVersion: "v1", kind, name, path });
  items.forEach(({ key }, index) => {
    const keyPath = [...path.slice(0, -1), "items", index, "key"];
    found.push({ apiVersion: "v1", kind, name, key, path, keyPath });
  });
}
