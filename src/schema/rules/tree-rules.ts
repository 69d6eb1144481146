import { groupBy } from "../../base/order.ts";
import { matchesLabels } from "../../model/labels.ts";
import type { ConfigMap, Service } from "../../model/core.ts";
import { formatRef, refKey, refOf } from "../../model/meta.ts";
import type { ApiObject, ObjectRef } from "../../model/meta.ts";
import { formatPath, quote } from "../finding.ts";
import type { Finding } from "../finding.ts";
import { didYouMean } from "../suggest.ts";
import { podSourceOf, referencesOf } from "./references.ts";
import type { PodSource, Reference } from "./references.ts";

/** An object of the tree with whatever the caller needs to find its place again. */
export interface Declared {
  readonly object: ApiObject;
}

/** A finding, and whose it is. `other` names a second place that the message ends with. */
export interface TreeFinding<D extends Declared> {
  readonly declared: D;
  readonly finding: Finding;
  readonly other?: D;
}

/** What must hold between the objects of one tree, given in the order of its files. Pure. */
export function checkTree<D extends Declared>(declared: readonly D[]): TreeFinding<D>[] {
  return [...checkDuplicates(declared), ...checkNodePorts(declared)];
}

/**
 * What probably is a mistake, unless the cluster has more than this tree. `others` are objects that the tree names
 * and that are not valid: they are no reason for a warning. Pure.
 */
export function warnOfTree<D extends Declared>(
  declared: readonly D[],
  others: readonly ObjectRef[],
): TreeFinding<D>[] {
  return [...warnOfReferences(declared, others), ...warnOfServices(declared)];
}

function checkDuplicates<D extends Declared>(declared: readonly D[]): TreeFinding<D>[] {
  const first = new Map<string, D>();
  const findings: TreeFinding<D>[] = [];
  for (const item of declared) {
    const ref = refOf(item.object);
    const other = first.get(refKey(ref));
    if (other === undefined) {
      first.set(refKey(ref), item);
      continue;
    }
    const finding: Finding = {
      code: "object/duplicate",
      message: `${formatRef(ref)} is declared twice: here and at`,
      path: ["metadata", "name"],
      hint: "keep one of the two",
    };
    findings.push({ declared: item, finding, other });
  }
  return findings;
}

function checkNodePorts<D extends Declared>(declared: readonly D[]): TreeFinding<D>[] {
  const first = new Map<string, D>();
  const findings: TreeFinding<D>[] = [];
  for (const item of declared) {
    if (item.object.kind !== "Service") continue;
    for (const [index, port] of (item.object as Service).spec.ports.entries()) {
      if (port.nodePort === undefined) continue;
      const key = `${port.nodePort}/${port.protocol}`;
      const other = first.get(key);
      if (other === undefined) {
        first.set(key, item);
        continue;
      }
      const path = ["spec", "ports", index, "nodePort"];
      const finding: Finding = {
        code: "node-port/duplicate",
        message: `${formatPath(path)} ${key} is taken by ${formatRef(refOf(other.object))} at`,
        path,
        hint: "choose another port from 30000 to 32767, or remove it to get a free one",
      };
      findings.push({ declared: item, finding, other });
    }
  }
  return findings;
}

function warnOfReferences<D extends Declared>(
  declared: readonly D[],
  others: readonly ObjectRef[],
): TreeFinding<D>[] {
  const objects = new Map(declared.map(({ object }) => [refKey(refOf(object)), object]));
  const broken = new Set(others.map(refKey));
  const namesByKind = groupBy(
    declared,
    ({ object }) => `${object.metadata.namespace}/${object.kind}`,
  );
  return declared.flatMap((item) => {
    const pods = podSourceOf(item.object);
    const { namespace = "" } = item.object.metadata;
    return (pods === undefined ? [] : referencesOf(pods)).flatMap((reference) => {
      const ref = { apiVersion: "v1", kind: reference.kind, namespace, name: reference.name };
      if (broken.has(refKey(ref))) return [];
      const object = objects.get(refKey(ref));
      if (object !== undefined) {
        const finding = missingKey(reference, object as ConfigMap);
        return finding === undefined ? [] : [{ declared: item, finding }];
      }
      const siblings = namesByKind.get(`${namespace}/${reference.kind}`) ?? [];
      const hint = didYouMean(
        reference.name,
        siblings.map((sibling) => sibling.object.metadata.name),
      );
      return [{ declared: item, finding: missingObject(reference, ref, hint) }];
    });
  });
}

function missingObject(reference: Reference, ref: ObjectRef, hint: string | undefined): Finding {
  return {
    code: "ref/missing",
    message: `${formatPath(reference.path)} names ${formatRef(ref)}, which is not in this tree: pods wait until it is there`,
    path: reference.path,
    harmless: true,
    hint: hint ?? "declare it, or set optional: true",
  };
}

function missingKey(
  { kind, name, key, keyPath }: Reference,
  object: ConfigMap,
): Finding | undefined {
  if (key === undefined || keyPath === undefined) return undefined;
  const keys = [...Object.keys(object.data ?? {}), ...Object.keys(object.binaryData ?? {})];
  if (keys.includes(key)) return undefined;
  return {
    code: "ref/missing-key",
    message: `${formatPath(keyPath)} ${quote(key)} is no key of ${kind} ${name}`,
    path: keyPath,
    harmless: true,
    hint: didYouMean(key, keys) ?? "add the key, or set optional: true",
  };
}

function warnOfServices<D extends Declared>(declared: readonly D[]): TreeFinding<D>[] {
  const podsByNamespace = groupBy(
    declared.flatMap(({ object }) => {
      const pods = podSourceOf(object);
      return pods === undefined ? [] : [{ pods, namespace: object.metadata.namespace }];
    }),
    (item) => item.namespace,
  );
  return declared.flatMap((item) => {
    if (item.object.kind !== "Service") return [];
    const near = podsByNamespace.get(item.object.metadata.namespace) ?? [];
    const findings = warnOfService(
      item.object as Service,
      near.map(({ pods }) => pods),
    );
    return findings.map((finding) => ({ declared: item, finding }));
  });
}

function warnOfService({ spec }: Service, near: readonly PodSource[]): readonly Finding[] {
  const { selector } = spec;
  if (selector === undefined || Object.keys(selector).length === 0) return [];
  const chosen = near.filter((pods) => matchesLabels(selector, pods.labels));
  if (chosen.length === 0) {
    const message = "spec.selector chooses no pods of this tree";
    const hint = "compare it with the labels of the pods";
    return [
      {
        code: "selector/no-match",
        message,
        path: ["spec", "selector"],
        on: "key",
        harmless: true,
        hint,
      },
    ];
  }
  const names = chosen.flatMap(({ spec: pod }) =>
    pod.containers.flatMap((container) =>
      (container.ports ?? []).flatMap((port) => port.name ?? []),
    ),
  );
  return spec.ports.flatMap(({ targetPort }, index) => {
    if (typeof targetPort === "number" || names.includes(targetPort)) return [];
    const path = ["spec", "ports", index, "targetPort"];
    return [
      {
        code: "port/unknown-target" as const,
        message: `${formatPath(path)} ${quote(targetPort)} is no port of the pods that spec.selector chooses`,
        path,
        harmless: true,
        hint: didYouMean(targetPort, names) ?? "name the container's port, or write its number",
      },
    ];
  });
}
