import type {
  Deployment,
  HorizontalPodAutoscaler,
  Service,
  StatefulSet,
} from "../../model/kinds.gen.ts";
import { refKey } from "../../model/meta.ts";
import type { ApiObject, ObjectRef } from "../../model/meta.ts";
import { quote } from "../finding.ts";
import type { Finding } from "../finding.ts";
import { didYouMean } from "../suggest.ts";
import type { Declared, TreeFinding } from "./tree-finding.ts";

/** The kinds whose replicas an autoscaler may set. */
const SCALABLE: ReadonlySet<string> = new Set([
  "v1/ReplicationController",
  "apps/v1/Deployment",
  "apps/v1/ReplicaSet",
  "apps/v1/StatefulSet",
]);

/**
 * Autoscalers without a target, or with one whose replicas are stated, and StatefulSets without their Service.
 * `others` are objects that the tree names and that are not valid. Pure.
 */
export function warnOfWorkloads<D extends Declared>(
  declared: readonly D[],
  others: readonly ObjectRef[],
): TreeFinding<D>[] {
  const findings: TreeFinding<D>[] = [];
  const wanted = declared.filter(({ object }) => isAutoscaler(object) || isStatefulSet(object));
  if (wanted.length === 0) return findings;
  const byKey = new Map<string, D>();
  for (const item of declared) byKey.set(keyOf(item.object), item);
  const broken = new Set(others.map(refKey));
  for (const item of wanted) {
    if (isStatefulSet(item.object)) {
      const finding = checkService(item.object, { byKey, broken });
      if (finding !== undefined) findings.push({ declared: item, finding });
    } else if (isAutoscaler(item.object)) {
      findings.push(...checkTarget(item.object, item, { byKey, broken }));
    }
  }
  return findings;
}

interface Tree<D> {
  readonly byKey: ReadonlyMap<string, D>;
  readonly broken: ReadonlySet<string>;
}

function isAutoscaler(object: ApiObject): object is HorizontalPodAutoscaler {
  return object.kind === "HorizontalPodAutoscaler";
}

function isStatefulSet(object: ApiObject): object is StatefulSet {
  return object.kind === "StatefulSet";
}

function keyOf({ apiVersion, kind, metadata }: ApiObject): string {
  const { namespace, name } = metadata;
  return refKey(
    namespace === undefined ? { apiVersion, kind, name } : { apiVersion, kind, namespace, name },
  );
}

/** Without a Service that the tree has, the pods have no names: it may be in the cluster. */
function checkService<D extends Declared>(
  { metadata, spec }: StatefulSet,
  { byKey, broken }: Tree<D>,
): Finding | undefined {
  const { serviceName = "" } = spec;
  if (serviceName === "") return undefined;
  const { namespace = "" } = metadata;
  const key = refKey({ apiVersion: "v1", kind: "Service", namespace, name: serviceName });
  if (broken.has(key)) return undefined;
  const service = byKey.get(key)?.object as Service | undefined;
  if (service?.spec.clusterIP === "None") return undefined;
  const says = service === undefined ? "is no Service of this tree" : "is not headless";
  return {
    code: "stateful-set/service",
    message: `spec.serviceName ${quote(serviceName)} ${says}: the pods get no DNS names of their own`,
    path: ["spec", "serviceName"],
    harmless: true,
    hint: service === undefined ? "declare it with clusterIP: None" : "give it clusterIP: None",
  };
}

function checkTarget<D extends Declared>(
  { metadata, spec }: HorizontalPodAutoscaler,
  item: D,
  { byKey, broken }: Tree<D>,
): TreeFinding<D>[] {
  const { apiVersion = "", kind, name } = spec.scaleTargetRef;
  const { namespace = "" } = metadata;
  const isKnown = SCALABLE.has(`${apiVersion}/${kind}`);
  const key = refKey({ apiVersion, kind, namespace, name });
  if (broken.has(key)) return [];
  const target = byKey.get(key);
  if (target === undefined) {
    const names = [...byKey.values()]
      .filter(({ object }) => object.kind === kind)
      .map(({ object }) => object.metadata.name);
    const hint = isKnown
      ? (didYouMean(name, names) ?? "declare it")
      : "apiVersion and kind are those of a Deployment, StatefulSet, ReplicaSet or ReplicationController";
    const finding: Finding = {
      code: "autoscaler/no-target",
      message: `spec.scaleTargetRef names ${apiVersion} ${kind} ${quote(name)}, which is not in this tree`,
      path: ["spec", "scaleTargetRef", "name"],
      harmless: true,
      hint,
    };
    return [{ declared: item, finding }];
  }
  // Defaulting states one replica as well: who writes 1 is told nothing.
  if (!isKnown || (target.object as Deployment).spec.replicas === 1) return [];
  const finding: Finding = {
    code: "autoscaler/replicas",
    message: `spec.replicas is set by HorizontalPodAutoscaler ${quote(metadata.name)}: the number here is not what runs`,
    path: ["spec", "replicas"],
    on: "key",
    harmless: true,
    hint: "remove it",
  };
  return [{ declared: target, finding }];
}
