import type { Container, Pod, PodSpec } from "../model/kinds.gen.ts";
import { resourceOf } from "../model/resources.ts";
import { claimNamesOf } from "../model/storage.ts";
import type { ObjectStore } from "../store/object-store.ts";

/** Which node runs which pods, and so may read which Secrets and ConfigMaps. Follows the store. */
export interface NodePods {
  /** Whether a pod of the node names the Secret or ConfigMap. */
  references(node: string, kind: "Secret" | "ConfigMap", namespace: string, name: string): boolean;
  /** Whether a pod of the node uses the PersistentVolumeClaim. */
  claims(node: string, namespace: string, name: string): boolean;
  close(): void;
}

export function followNodePods(objects: ObjectStore): NodePods {
  const byNode = new Map<string, Map<string, Pod>>();

  function add(pod: Pod): void {
    const node = pod.spec.nodeName;
    if (node === undefined || node === "") return;
    const pods = byNode.get(node);
    if (pods === undefined) byNode.set(node, new Map([[keyOf(pod), pod]]));
    else pods.set(keyOf(pod), pod);
  }

  function remove(pod: Pod): void {
    const node = pod.spec.nodeName ?? "";
    const pods = byNode.get(node);
    pods?.delete(keyOf(pod));
    if (pods?.size === 0) byNode.delete(node);
  }

  const close = objects.subscribe(({ kind, object, previous }) => {
    if (object.kind !== "Pod" || object.apiVersion !== "v1") return;
    if (previous !== undefined) remove(previous as Pod);
    if (kind !== "deleted") add(object as Pod);
  });
  const { items } = objects.list(resourceOf({ apiVersion: "v1", kind: "Pod" }));
  for (const { object } of items) add(object as Pod);

  function some(node: string, namespace: string, is: (pod: Pod) => boolean): boolean {
    for (const pod of byNode.get(node)?.values() ?? []) {
      if (pod.metadata.namespace === namespace && is(pod)) return true;
    }
    return false;
  }

  return {
    references: (node, kind, namespace, name) =>
      some(node, namespace, (pod) => namesOf(pod.spec, kind).includes(name)),
    claims: (node, namespace, name) =>
      some(node, namespace, (pod) => claimNamesOf(pod).includes(name)),
    close,
  };
}

/** Names of the Secrets or ConfigMaps that a pod reads, by volume or by environment. Pure. */
export function namesOf(spec: PodSpec, kind: "Secret" | "ConfigMap"): readonly string[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const pulls = kind === "Secret" ? (spec.imagePullSecrets ?? []).map(({ name }) => name) : [];
  const volumes = (spec.volumes ?? []).flatMap(({ secret, configMap, projected }) => {
    const sources = projected?.sources ?? [];
    return kind === "Secret"
      ? [secret?.secretName, ...sources.map((source) => source.secret?.name)]
      : [configMap?.name, ...sources.map((source) => source.configMap?.name)];
  });
  return [
    ...pulls,
    ...volumes,
    ...containers.flatMap((container) => envNames(container, kind)),
  ].filter((name) => name !== undefined);
}

function envNames({ env, envFrom }: Container, kind: "Secret" | "ConfigMap") {
  const isSecret = kind === "Secret";
  return [
    ...(env ?? []).map(({ valueFrom }) =>
      isSecret ? valueFrom?.secretKeyRef?.name : valueFrom?.configMapKeyRef?.name,
    ),
    ...(envFrom ?? []).map((source) =>
      isSecret ? source.secretRef?.name : source.configMapRef?.name,
    ),
  ];
}

function keyOf({ metadata }: Pod): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}
