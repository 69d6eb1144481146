import { canonicalJson, shortHash } from "../base/hash.ts";
import { compare, sortedBy } from "../base/order.ts";
import type {
  ConfigMap,
  Container,
  ControllerRevision,
  DaemonSet,
  Deployment,
  PodSpec,
  PodTemplateSpec,
  ReplicaSet,
  Secret,
  StatefulSet,
} from "../model/kinds.gen.ts";
import { refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import { templateOf } from "./controller-revisions.ts";
import type { World } from "./world.ts";

/** Opts a Deployment, StatefulSet or DaemonSet in: its pods are replaced when a ConfigMap or Secret that they use changes. */
export const RESTART_ANNOTATION = "berth.dev/restart-on-config";
/** On a pod template as it is rolled out, never in what Git states: a digest of what it refers to. */
export const DIGEST_ANNOTATION = "berth.dev/config-digest";

/** A kind that rolls its pods by itself. */
export type Rolled = Deployment | StatefulSet | DaemonSet;

const ROLLED_KINDS = ["Deployment", "StatefulSet", "DaemonSet"] as const;
/** Characters that tell one reference from another, and one content from another. */
const NAME_LENGTH = 6;
const DATA_LENGTH = 10;

/**
 * The template to roll out: as declared, and for a workload that opted in with a digest of the ConfigMaps and Secrets that
 * its pods use. One that is missing counts as it was when it was seen last, so that losing it rolls nothing. Pure.
 */
export function templateWithConfig(world: World, workload: Rolled): PodTemplateSpec {
  const { template } = workload.spec;
  if (!isRolledByConfig(workload)) return template;
  const refs = configRefs(template.spec, workload.metadata.namespace ?? "");
  if (refs.length === 0) return template;
  const before = parseDigest(
    lastTemplate(world, workload)?.metadata?.annotations?.[DIGEST_ANNOTATION],
  );
  const parts = refs.flatMap((ref) => {
    const name = nameDigest(ref);
    const object = world.get(ref) as ConfigMap | Secret | undefined;
    const data = object === undefined ? before.get(name) : digestOf(object);
    return data === undefined ? [] : [`${name}-${data}`];
  });
  if (parts.length === 0) return template;
  const annotations = {
    ...template.metadata?.annotations,
    [DIGEST_ANNOTATION]: parts.toSorted(compare).join("."),
  };
  return { ...template, metadata: { ...template.metadata, annotations } };
}

/** The workloads that are rolled when `object`, a ConfigMap or Secret, changes. Pure. */
export function rolledBy(world: World, object: ApiObject): readonly ObjectRef[] {
  const { namespace, name } = object.metadata;
  if (object.apiVersion !== "v1" || (object.kind !== "ConfigMap" && object.kind !== "Secret"))
    return [];
  if (namespace === undefined) return [];
  return ROLLED_KINDS.flatMap((kind) => world.list("apps/v1", kind, namespace) as readonly Rolled[])
    .filter(isRolledByConfig)
    .filter(({ spec }) =>
      configRefs(spec.template.spec, namespace).some(
        (ref) => ref.kind === object.kind && ref.name === name,
      ),
    )
    .map(refOf);
}

/** Whether a changed ConfigMap or Secret replaces the pods of a workload that uses it. Pure. */
export function isRolledByConfig({ metadata }: Rolled): boolean {
  return metadata.annotations?.[RESTART_ANNOTATION] === "true";
}

/** How a ConfigMap or Secret stands in `DIGEST_ANNOTATION`, among others. Pure. */
export function configDigest(object: ConfigMap | Secret): string {
  return `${nameDigest(refOf(object))}-${digestOf(object)}`;
}

function nameDigest({ kind, name }: Pick<ObjectRef, "kind" | "name">): string {
  return shortHash([kind, name], NAME_LENGTH);
}

function digestOf(object: ConfigMap | Secret): string {
  const { data = {} } = object;
  const binaryData = "binaryData" in object ? object.binaryData : undefined;
  return shortHash([data, binaryData ?? {}], DATA_LENGTH);
}

function parseDigest(text = ""): ReadonlyMap<string, string> {
  return new Map(
    text.split(".").map((part) => [part.slice(0, NAME_LENGTH), part.slice(NAME_LENGTH + 1)]),
  );
}

/** The template of the newest revision. */
function lastTemplate(world: World, workload: Rolled): PodTemplateSpec | undefined {
  const owned = world.ownedBy(workload.metadata.uid ?? "");
  if (workload.kind === "Deployment") {
    return sortedBy(owned.filter(isReplicaSet), revisionKey).at(-1)?.spec.template;
  }
  const [last] = owned
    .filter(isRevision)
    .toSorted((a, b) => b.revision - a.revision || compare(b.metadata.name, a.metadata.name));
  return last === undefined ? undefined : templateOf(last);
}

function isReplicaSet(object: ApiObject): object is ReplicaSet {
  return object.kind === "ReplicaSet";
}

function isRevision(object: ApiObject): object is ControllerRevision {
  return object.kind === "ControllerRevision";
}

/** Sorts as the number does. */
function revisionKey({ metadata }: ReplicaSet): string {
  const number = metadata.annotations?.["deployment.kubernetes.io/revision"] ?? "0";
  return `${number.padStart(12, "0")}/${metadata.name}`;
}

/** The ConfigMaps and Secrets that pods of a spec read, each once. Pure. */
export function configRefs(spec: PodSpec, namespace: string): readonly ObjectRef[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const found = [...containers.flatMap(refsOfContainer), ...refsOfVolumes(spec)];
  const unique = new Map(
    found.map(([kind, name]) => [
      canonicalJson([kind, name]),
      { apiVersion: "v1", kind, namespace, name },
    ]),
  );
  return sortedBy(unique.values(), ({ kind, name }) => `${kind}/${name}`);
}

type Found = readonly [kind: "ConfigMap" | "Secret", name: string];

function refsOfContainer({ env = [], envFrom = [] }: Container): readonly Found[] {
  return [
    ...env.flatMap(({ valueFrom }) => [
      ...named("ConfigMap", valueFrom?.configMapKeyRef?.name),
      ...named("Secret", valueFrom?.secretKeyRef?.name),
    ]),
    ...envFrom.flatMap(({ configMapRef, secretRef }) => [
      ...named("ConfigMap", configMapRef?.name),
      ...named("Secret", secretRef?.name),
    ]),
  ];
}

function refsOfVolumes({ volumes = [] }: PodSpec): readonly Found[] {
  return volumes.flatMap(({ configMap, secret, projected }) => [
    ...named("ConfigMap", configMap?.name),
    ...named("Secret", secret?.secretName),
    ...(projected?.sources ?? []).flatMap((source) => [
      ...named("ConfigMap", source.configMap?.name),
      ...named("Secret", source.secret?.name),
    ]),
  ]);
}

function named(kind: Found[0], name: string | undefined): readonly Found[] {
  return name === undefined ? [] : [[kind, name]];
}
