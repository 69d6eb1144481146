import type { Namespace } from "../model/kinds.gen.ts";
import { ObjectStoreError, type ObjectStore } from "../store/object-store.ts";

/** Namespaces that every cluster has. */
const NAMESPACES = ["default", "kube-system", "kube-node-lease", "kube-public"];

/** Makes what a cluster has before anybody commits anything. Safe to repeat. */
export async function ensureSystemObjects(objects: ObjectStore): Promise<void> {
  for (const name of NAMESPACES) {
    const namespace: Namespace = {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name, labels: { "kubernetes.io/metadata.name": name } },
      status: { phase: "Active" },
    };
    try {
      await objects.create(namespace);
    } catch (error) {
      if (!(error instanceof ObjectStoreError) || error.code !== "already-exists") throw error;
    }
  }
}
