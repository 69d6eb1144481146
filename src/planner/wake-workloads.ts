import { isSameJson } from "../base/same-json.ts";
import type { Node, StatefulSet } from "../model/kinds.gen.ts";
import { refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import { eligibilityOf } from "./daemonset-nodes.ts";
import { rolledBy } from "./restart-on-config.ts";
import type { World } from "./world.ts";

/**
 * The workloads that a change concerns although they own nothing of it: StatefulSets whose claim it is, or whose pod's name
 * it holds, workloads that roll with their configuration, and DaemonSets of a node that became another one for them.
 * `other` is the object on the other side of the change, where there is one. Pure.
 */
export function wakeWorkloads(
  world: World,
  object: ApiObject,
  other?: ApiObject,
): readonly ObjectRef[] {
  switch (`${object.apiVersion}/${object.kind}`) {
    case "v1/Node":
      return isSameForDaemons(world, object as Node, other as Node | undefined)
        ? []
        : world.list("apps/v1", "DaemonSet").map(refOf);
    case "v1/PersistentVolumeClaim":
      return setsOfClaim(world, object);
    case "v1/Pod":
      return setOfName(world, object);
    default:
      return rolledBy(world, object);
  }
}

/** A change of what decides about daemons, or a node that came or went, is none of those that most changes of a node are. */
function isSameForDaemons(world: World, node: Node, other: Node | undefined): boolean {
  return (
    other !== undefined &&
    world.get(refOf(node)) !== undefined &&
    isSameJson(eligibilityOf(node), eligibilityOf(other))
  );
}

/** `data-web-0` may be of the set `web` with the template `data`, and so on with every other dash. */
function setsOfClaim(world: World, { metadata }: ApiObject): readonly ObjectRef[] {
  const found = /^(.+)-\d+$/.exec(metadata.name)?.[1] ?? "";
  return [...found.matchAll(/-/g)].flatMap(({ index }) => {
    const set = setNamed(world, metadata.namespace, found.slice(index + 1));
    const isOfSet = set?.spec.volumeClaimTemplates?.some(
      (template) => template.metadata.name === found.slice(0, index),
    );
    return set !== undefined && isOfSet === true ? [refOf(set)] : [];
  });
}

/** A set waits for the name of its pod when something else has it. */
function setOfName(world: World, { metadata }: ApiObject): readonly ObjectRef[] {
  const name = /^(.+)-\d+$/.exec(metadata.name)?.[1];
  const set = name === undefined ? undefined : setNamed(world, metadata.namespace, name);
  return set === undefined ? [] : [refOf(set)];
}

function setNamed(
  world: World,
  namespace: string | undefined,
  name: string,
): StatefulSet | undefined {
  if (namespace === undefined || name === "") return undefined;
  const ref = { apiVersion: "apps/v1", kind: "StatefulSet", namespace, name };
  return world.get(ref) as StatefulSet | undefined;
}
