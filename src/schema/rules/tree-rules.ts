import type { Service, ServicePort } from "../../model/kinds.gen.ts";
import { formatRef, refKey, refOf } from "../../model/meta.ts";
import type { ObjectRef } from "../../model/meta.ts";
import { formatPath } from "../finding.ts";
import type { Finding } from "../finding.ts";
import { findPlainSecrets } from "./plain-secrets.ts";
import type { PlainSecrets } from "./plain-secrets.ts";
import type { Declared, TreeFinding } from "./tree-finding.ts";
import { warnOfPodSecurity } from "./warn-pod-security.ts";
import { warnOfReferences } from "./warn-references.ts";
import { warnOfServices } from "./warn-services.ts";
import { warnOfWorkloads } from "./warn-workloads.ts";

/** What must hold between the objects of one tree, given in the order of its files. Pure. */
export function checkTree<D extends Declared>(
  declared: readonly D[],
  plainSecrets: PlainSecrets = "allow",
): TreeFinding<D>[] {
  return [
    ...checkDuplicates(declared),
    ...checkNodePorts(declared),
    ...(plainSecrets === "refuse" ? findPlainSecrets(declared, plainSecrets) : []),
  ];
}

/**
 * What probably is a mistake, unless the cluster has more than this tree. `others` are objects that the tree names
 * and that are not valid: they are no reason for a warning. Pure.
 */
export function warnOfTree<D extends Declared>(
  declared: readonly D[],
  others: readonly ObjectRef[],
  plainSecrets: PlainSecrets = "allow",
): TreeFinding<D>[] {
  return [
    ...warnOfReferences(declared, others),
    ...warnOfServices(declared),
    ...warnOfWorkloads(declared, others),
    ...warnOfPodSecurity(declared),
    ...(plainSecrets === "warn" ? findPlainSecrets(declared, plainSecrets) : []),
  ];
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

/** The node ports that a Service asks for: no other one of its tree may. Pure. */
export function nodePortsOf({ spec }: Service): readonly string[] {
  return spec.ports.filter(({ nodePort }) => nodePort !== undefined).map(nodePortKey);
}

function nodePortKey({ nodePort, protocol }: ServicePort): string {
  return `${nodePort}/${protocol}`;
}

function checkNodePorts<D extends Declared>(declared: readonly D[]): TreeFinding<D>[] {
  const first = new Map<string, D>();
  const findings: TreeFinding<D>[] = [];
  for (const item of declared) {
    if (item.object.kind !== "Service") continue;
    for (const [index, port] of (item.object as Service).spec.ports.entries()) {
      if (port.nodePort === undefined) continue;
      const key = nodePortKey(port);
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
