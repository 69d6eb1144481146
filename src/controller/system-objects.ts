import { apiService } from "../model/api-service.ts";
import { SYSTEM_NAMESPACE, UNMANAGED_ANNOTATION } from "../model/app.ts";
import { ROOT_CA_NAME, ROOT_CA_NAMESPACE, rootCaConfigMap } from "../model/root-ca.ts";
import type {
  ClusterRole,
  ClusterRoleBinding,
  ConfigMap,
  Namespace,
  StorageClass,
} from "../model/kinds.gen.ts";
import { refOf, type ApiObject } from "../model/meta.ts";
import { LOCAL_PROVISIONER } from "../model/storage.ts";
import { isSameJson } from "../base/same-json.ts";
import { defaultBindings, defaultRoles } from "../planner/default-roles.ts";
import { SYSTEM_PRIORITY_CLASSES } from "../planner/priority.ts";
import { ObjectStoreError, type ObjectStore } from "../store/object-store.ts";

/** The class of claims that name none: volumes of the Docker Engine on the node of the first pod. */
const LOCAL_STORAGE_CLASS: StorageClass = {
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: {
    name: "local",
    annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
  },
  provisioner: LOCAL_PROVISIONER,
  reclaimPolicy: "Delete",
  volumeBindingMode: "WaitForFirstConsumer",
};
const AUTO_UPDATE = "rbac.authorization.kubernetes.io/autoupdate";
/** Namespaces that every cluster has. */
const NAMESPACES = ["default", ROOT_CA_NAMESPACE, "kube-node-lease", "kube-public"];
/** Where Berth's own Secrets are, such as the keys of repositories. They are no repository's, so that people write them. */
const OWN_NAMESPACE: Namespace = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name: SYSTEM_NAMESPACE,
    labels: { "kubernetes.io/metadata.name": SYSTEM_NAMESPACE },
    annotations: { [UNMANAGED_ANNOTATION]: "true" },
  },
  spec: { finalizers: ["kubernetes"] },
  status: { phase: "Active" },
};

/**
 * Makes what a cluster has before anybody commits anything: namespaces, a storage class, priority classes, and the certificate of its CA,
 * which the planner hands on to every namespace. Safe to repeat; a new CA replaces the old one.
 */
export async function ensureSystemObjects(
  objects: ObjectStore,
  caBundle?: string,
  serviceCidr?: string,
): Promise<void> {
  for (const name of NAMESPACES) {
    const namespace: Namespace = {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name, labels: { "kubernetes.io/metadata.name": name } },
      spec: { finalizers: ["kubernetes"] },
      status: { phase: "Active" },
    };
    await ensure(objects, namespace);
  }
  await ensure(objects, OWN_NAMESPACE);
  await ensure(objects, LOCAL_STORAGE_CLASS);
  for (const priorityClass of SYSTEM_PRIORITY_CLASSES) await ensure(objects, priorityClass);
  for (const role of defaultRoles()) await ensureRights(objects, role);
  for (const binding of defaultBindings()) await ensureRights(objects, binding);
  if (caBundle !== undefined) await ensureRootCa(objects, caBundle);
  if (serviceCidr !== undefined) await ensure(objects, apiService(serviceCidr));
}

/** Rights follow the version of Berth, unless somebody has said that they shall not. */
async function ensureRights(
  objects: ObjectStore,
  wanted: ClusterRole | ClusterRoleBinding,
): Promise<void> {
  const stored = objects.get(refOf(wanted))?.object as typeof wanted | undefined;
  if (stored === undefined) return ensure(objects, wanted);
  if (stored.metadata.annotations?.[AUTO_UPDATE] !== "true") return;
  const isAggregated = "aggregationRule" in wanted;
  const { metadata } = stored;
  const next = { ...wanted, ...(isAggregated ? { rules: (stored as ClusterRole).rules } : {}) };
  if (!isSameJson({ ...next, metadata }, stored))
    await objects.update({ ...next, metadata } as ApiObject);
}

async function ensureRootCa(objects: ObjectStore, caBundle: string): Promise<void> {
  const wanted = rootCaConfigMap(ROOT_CA_NAMESPACE, caBundle);
  const stored = objects.get(refOf(wanted))?.object as ConfigMap | undefined;
  if (stored === undefined) return ensure(objects, wanted);
  if (stored.data?.[ROOT_CA_NAME] === caBundle) return;
  await objects.update({ ...stored, data: wanted.data } as ConfigMap);
}

async function ensure(objects: ObjectStore, object: ApiObject): Promise<void> {
  try {
    await objects.create(object);
  } catch (error) {
    if (!(error instanceof ObjectStoreError) || error.code !== "already-exists") throw error;
  }
}
