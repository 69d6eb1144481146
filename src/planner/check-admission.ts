import type {
  CronJob,
  Job,
  LimitRange,
  PersistentVolumeClaim,
  Pod,
  PodTemplateSpec,
} from "../model/kinds.gen.ts";
import { formatRef, refKey, refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import type { Problem } from "../model/problem.ts";
import { resourceOf } from "../model/resources.ts";
import type { DeclaredObject } from "./apply-manifest.ts";
import {
  claimViolations,
  joinViolations,
  limitRangesOf,
  podViolations,
  withDefaultLimits,
} from "./limit-ranges.ts";
import { isPod } from "./owned-pods.ts";
import { openLedger, type QuotaLedger } from "./quota-ledger.ts";
import type { World } from "./world.ts";

/** Rules that bind what stands in their namespace. */
const RULES: readonly (readonly [apiVersion: string, kind: string])[] = [
  ["v1", "LimitRange"],
  ["v1", "ResourceQuota"],
];

/**
 * What a commit's objects have against the limit ranges and quotas of their namespaces (the commit's own, else the cluster's)
 * all by themselves: pods that would never be made, whatever else runs. Pure.
 */
export function checkAdmission(
  world: World,
  manifests: readonly DeclaredObject[],
): readonly Problem[] {
  const rules = rulesOf(world, manifests);
  if (rules.length === 0) return [];
  const ruled = worldOf(rules, world.now);
  const ledgers = new Map<string, QuotaLedger>();
  return manifests.flatMap((manifest) => {
    const { object } = manifest;
    const { namespace } = object.metadata;
    if (namespace === undefined || !resourceOf(object).namespaced) return [];
    const broken = checkRanges(ruled, manifest);
    if (broken !== undefined) return [broken];
    const ledger = ledgers.get(namespace) ?? openLedger(ruled, namespace);
    ledgers.set(namespace, ledger);
    return checkQuotas(ruled, manifest, ledger) ?? [];
  });
}

function rulesOf(world: World, manifests: readonly DeclaredObject[]): readonly ApiObject[] {
  const isRule = ({ apiVersion, kind }: ApiObject): boolean =>
    RULES.some((rule) => rule[0] === apiVersion && rule[1] === kind);
  const stored = RULES.flatMap(([apiVersion, kind]) => world.list(apiVersion, kind));
  const declared = manifests.map(({ object }) => object).filter(isRule);
  const all = new Map([...stored, ...declared].map((object) => [refKey(refOf(object)), object]));
  return [...all.values()];
}

/** A world in which there is nothing but these. */
function worldOf(objects: readonly ApiObject[], now: number): World {
  const byKey = new Map(objects.map((object) => [refKey(refOf(object)), object]));
  return {
    now,
    get: (ref: ObjectRef) => byKey.get(refKey(ref)),
    list: (apiVersion, kind, namespace) =>
      objects.filter(
        (object) =>
          object.apiVersion === apiVersion &&
          object.kind === kind &&
          (namespace === undefined || object.metadata.namespace === namespace),
      ),
    ownedBy: () => [],
  };
}

function checkRanges(ruled: World, { object, at }: DeclaredObject): Problem | undefined {
  const found = rangesFor(ruled, object).flatMap(({ range, violations }) =>
    violations.length === 0 ? [] : [{ range, why: joinViolations(violations) }],
  );
  const [first] = found;
  if (first === undefined) return undefined;
  return {
    code: "apply/limit-range",
    message: `${formatRef(refOf(object))}: ${first.why}: so LimitRange ${first.range} has it`,
    at,
    path: "spec",
    hint: "change what the object asks for, or the LimitRange",
  };
}

function rangesFor(
  ruled: World,
  object: ApiObject,
): readonly { readonly range: string; readonly violations: readonly string[] }[] {
  const ranges = limitRangesOf(ruled, object.metadata.namespace ?? "");
  if (object.kind === "PersistentVolumeClaim")
    return ranges.map((range) => ({
      range: range.metadata.name,
      violations: claimViolations(range, object as PersistentVolumeClaim),
    }));
  const pod = podOf(object);
  if (pod === undefined) return [];
  const limited = withRanges(ranges, pod);
  return ranges.map((range) => ({
    range: range.metadata.name,
    violations: podViolations(range, limited),
  }));
}

function withRanges(ranges: readonly LimitRange[], pod: Pod): Pod {
  return ranges.reduce((given, range) => withDefaultLimits(range, given), pod);
}

function checkQuotas(
  ruled: World,
  { object, at }: DeclaredObject,
  ledger: QuotaLedger,
): readonly Problem[] | undefined {
  const ranges = limitRangesOf(ruled, object.metadata.namespace ?? "");
  const own = ledger.charge(isPod(object) ? withRanges(ranges, object) : object);
  const why = own ?? chargePods(ruled, object, ledger);
  if (why === undefined) return undefined;
  const problem: Problem = {
    code: "apply/quota",
    message: `${formatRef(refOf(object))}: ${why}: what this commit declares is more than the quota allows`,
    at,
    path: "spec",
    hint: "declare less, or change the ResourceQuota",
  };
  return [problem];
}

/** All pods that the object will have at the same time; a CronJob's now and then, so that one must fit by itself. */
function chargePods(ruled: World, object: ApiObject, ledger: QuotaLedger): string | undefined {
  if (isPod(object)) return undefined;
  const { namespace = "" } = object.metadata;
  const bare = podOf(object);
  if (bare === undefined) return undefined;
  const pod = withRanges(limitRangesOf(ruled, namespace), bare);
  const isTimed = object.kind === "CronJob";
  const charged = isTimed ? openLedger(ruled, namespace) : ledger;
  for (let index = 0; index < podCount(object); index += 1) {
    const why = charged.charge(pod);
    if (why !== undefined) return why;
  }
  return undefined;
}

interface Workload extends ApiObject {
  readonly spec?: { readonly template?: PodTemplateSpec; readonly replicas?: number };
}

/** A pod as the object makes them. */
function podOf(object: ApiObject): Pod | undefined {
  if (isPod(object)) return object;
  const template =
    object.kind === "CronJob"
      ? (object as CronJob).spec.jobTemplate.spec.template
      : (object as Workload).spec?.template;
  if (template?.spec === undefined) return undefined;
  const { name, namespace } = object.metadata;
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: template.spec };
}

/** Of a DaemonSet at least one; the nodes decide about more. */
function podCount(object: ApiObject): number {
  switch (object.kind) {
    case "Deployment":
    case "ReplicaSet":
    case "StatefulSet":
    case "ReplicationController":
      return (object as Workload).spec?.replicas ?? 1;
    case "Job": {
      const { parallelism, completions, suspend } = (object as Job).spec;
      return suspend === true ? 0 : Math.min(parallelism, completions ?? parallelism);
    }
    default:
      return 1;
  }
}
