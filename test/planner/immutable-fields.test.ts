import { expect, test } from "vitest";
import type { ApiObject } from "../../src/model/meta.ts";
import { findImmutable } from "../../src/planner/immutable-fields.ts";

type Fields = Readonly<Record<string, unknown>>;

function object(kind: string, fields: Fields): ApiObject {
  const slash = kind.lastIndexOf("/");
  const [apiVersion, name] = [kind.slice(0, slash), kind.slice(slash + 1)];
  return { apiVersion, kind: name, metadata: { name: "a" }, ...fields } as ApiObject;
}

const storage = (size: string): Fields => ({ resources: { requests: { storage: size } } });

test.each<[string, Fields, Fields, string | undefined]>([
  ["apps/v1/StatefulSet", { spec: { replicas: 1 } }, { spec: { replicas: 2 } }, undefined],
  ["apps/v1/StatefulSet", { spec: { template: 1 } }, { spec: { template: 2 } }, undefined],
  ["apps/v1/StatefulSet", { spec: { serviceName: "a" } }, { spec: {} }, "spec.serviceName"],
  [
    "apps/v1/StatefulSet",
    { spec: { podManagementPolicy: "Parallel" } },
    { spec: { podManagementPolicy: "OrderedReady" } },
    "spec.podManagementPolicy",
  ],
  [
    "apps/v1/StatefulSet",
    { spec: { volumeClaimTemplates: [{ spec: storage("1Gi") }] } },
    { spec: { volumeClaimTemplates: [{ spec: storage("2Gi") }] } },
    "spec.volumeClaimTemplates",
  ],
  [
    "apps/v1/DaemonSet",
    { spec: { selector: { matchLabels: { a: "b" } } } },
    { spec: { selector: { matchLabels: { a: "c" } } } },
    "spec.selector",
  ],
  ["v1/ReplicationController", { spec: { selector: { a: "b" } } }, { spec: {} }, undefined],
  ["batch/v1/Job", { spec: { template: 1 } }, { spec: { template: 2 } }, "spec.template"],
  [
    "batch/v1/Job",
    { spec: { completionMode: "NonIndexed" } },
    { spec: { completionMode: "Indexed" } },
    "spec.completionMode",
  ],
  ["batch/v1/Job", { spec: { completions: 1 } }, { spec: { completions: 2 } }, "spec.completions"],
  [
    "batch/v1/Job",
    { spec: { completionMode: "Indexed", completions: 1, parallelism: 1 } },
    { spec: { completionMode: "Indexed", completions: 2, parallelism: 2 } },
    undefined,
  ],
  ["batch/v1/Job", { spec: { suspend: true } }, { spec: { suspend: false } }, undefined],
  ["batch/v1/Job", { spec: { selector: { a: "b" } } }, { spec: {} }, undefined],
  [
    "v1/PersistentVolumeClaim",
    { spec: storage("2Gi") },
    { spec: storage("1Gi") },
    "spec.resources.requests.storage",
  ],
  ["v1/PersistentVolumeClaim", { spec: storage("1Gi") }, { spec: storage("1.5Gi") }, undefined],
  [
    "v1/PersistentVolumeClaim",
    { spec: { ...storage("1Gi"), storageClassName: "fast", volumeName: "pv-1" } },
    { spec: storage("1Gi") },
    undefined,
  ],
  [
    "v1/PersistentVolumeClaim",
    { spec: { ...storage("1Gi"), storageClassName: "fast" } },
    { spec: { ...storage("1Gi"), storageClassName: "slow" } },
    "spec.storageClassName",
  ],
  [
    "v1/PersistentVolumeClaim",
    { spec: { ...storage("1Gi"), accessModes: ["ReadWriteOnce"] } },
    { spec: { ...storage("1Gi"), accessModes: ["ReadWriteMany"] } },
    "spec.accessModes",
  ],
  [
    "v1/PersistentVolume",
    { spec: { hostPath: { path: "/a" } } },
    { spec: { hostPath: { path: "/b" } } },
    "spec",
  ],
  ["v1/PersistentVolume", { spec: {} }, { spec: { nodeAffinity: { required: 1 } } }, undefined],
  [
    "v1/PersistentVolume",
    { spec: { nodeAffinity: { required: 1 } } },
    { spec: {} },
    "spec.nodeAffinity",
  ],
  ["storage.k8s.io/v1/StorageClass", { provisioner: "a" }, { provisioner: "b" }, "provisioner"],
  [
    "storage.k8s.io/v1/StorageClass",
    { allowVolumeExpansion: false },
    { allowVolumeExpansion: true },
    undefined,
  ],
  ["scheduling.k8s.io/v1/PriorityClass", { value: 1 }, { value: 2 }, "value"],
  [
    "rbac.authorization.k8s.io/v1/RoleBinding",
    { roleRef: { name: "a" } },
    { roleRef: { name: "b" } },
    "roleRef",
  ],
  [
    "rbac.authorization.k8s.io/v1/RoleBinding",
    { subjects: [] },
    { subjects: [{ name: "b" }] },
    undefined,
  ],
  ["v1/ResourceQuota", { spec: { scopes: ["BestEffort"] } }, { spec: {} }, "spec.scopes"],
  [
    "apiextensions.k8s.io/v1/CustomResourceDefinition",
    { spec: { scope: "Cluster", names: {} } },
    { spec: { scope: "Namespaced", names: {} } },
    "spec.scope",
  ],
  ["v1/Secret", { type: "Opaque" }, { type: "kubernetes.io/tls" }, "type"],
  ["v1/ConfigMap", { immutable: true, data: { a: "1" } }, { data: { a: "1" } }, "data"],
  ["v1/ConfigMap", { data: { a: "1" } }, { data: { a: "2" } }, undefined],
])("%s from %j to %j: %s", (kind, stored, next, path) => {
  expect(findImmutable(object(kind, next), object(kind, stored))?.path).toBe(path);
});
