import type { ApiObject } from "../../model/meta.ts";
import type { Container, Deployment, Pod, PodSpec, Volume } from "../../model/kinds.gen.ts";
import type { FieldPath } from "../finding.ts";

/** A ConfigMap or Secret that a pod cannot start without. */
export interface Reference {
  readonly kind: "ConfigMap" | "Secret";
  readonly name: string;
  /** The one key that is asked for; without it any content will do. */
  readonly key?: string;
  /** Where the name stands, and where the key does. */
  readonly path: FieldPath;
  readonly keyPath?: FieldPath;
}

/** What an object says about its pods, if it is a Pod or has a template of them. */
export interface PodSource {
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
  readonly path: FieldPath;
}

/** The pods that a valid, defaulted object makes. Pure. */
export function podSourceOf(object: ApiObject): PodSource | undefined {
  if (object.kind === "Pod") {
    const { metadata, spec } = object as Pod;
    return { labels: metadata.labels ?? {}, spec, path: ["spec"] };
  }
  if (!["Deployment", "ReplicaSet", "Job"].includes(object.kind)) return undefined;
  const { template } = (object as Deployment).spec;
  return {
    labels: template.metadata?.labels ?? {},
    spec: template.spec,
    path: ["spec", "template", "spec"],
  };
}

/** Every ConfigMap and Secret that is asked for and not optional. Pure. */
export function referencesOf({ spec, path }: PodSource): readonly Reference[] {
  return [
    ...(["initContainers", "containers"] as const).flatMap((field) =>
      (spec[field] ?? []).flatMap((container, index) =>
        containerReferences(container, [...path, field, index]),
      ),
    ),
    ...(spec.volumes ?? []).flatMap((volume, index) =>
      volumeReferences(volume, [...path, "volumes", index]),
    ),
  ];
}

function containerReferences(container: Container, path: FieldPath): readonly Reference[] {
  const single = (container.env ?? []).flatMap((variable, index) =>
    (
      [
        ["configMapKeyRef", "ConfigMap"],
        ["secretKeyRef", "Secret"],
      ] as const
    ).flatMap(([field, kind]) => {
      const ref = variable.valueFrom?.[field];
      if (ref === undefined || ref.optional === true) return [];
      const at = [...path, "env", index, "valueFrom", field];
      return [
        { kind, name: ref.name, key: ref.key, path: [...at, "name"], keyPath: [...at, "key"] },
      ];
    }),
  );
  const whole = (container.envFrom ?? []).flatMap((source, index) =>
    (
      [
        ["configMapRef", "ConfigMap"],
        ["secretRef", "Secret"],
      ] as const
    ).flatMap(([field, kind]) => {
      const ref = source[field];
      if (ref === undefined || ref.optional === true) return [];
      return [{ kind, name: ref.name, path: [...path, "envFrom", index, field, "name"] }];
    }),
  );
  return [...single, ...whole];
}

function volumeReferences({ configMap, secret }: Volume, path: FieldPath): readonly Reference[] {
  const references: Reference[] = [];
  if (configMap !== undefined && configMap.optional !== true) {
    const at = [...path, "configMap"];
    references.push(
      ...fileReferences("ConfigMap", configMap.name, configMap.items, [...at, "name"]),
    );
  }
  if (secret !== undefined && secret.optional !== true) {
    const at = [...path, "secret"];
    references.push(
      ...fileReferences("Secret", secret.secretName, secret.items, [...at, "secretName"]),
    );
  }
  return references;
}

function fileReferences(
  kind: Reference["kind"],
  name: string,
  items: readonly { readonly key: string }[] | undefined,
  path: FieldPath,
): readonly Reference[] {
  if (items === undefined || items.length === 0) return [{ kind, name, path }];
  return items.map((item, index) => {
    const keyPath = [...path.slice(0, -1), "items", index, "key"];
    return { kind, name, key: item.key, path, keyPath };
  });
}
