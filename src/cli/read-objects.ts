import type { ApiClient } from "../client/client.ts";
import type { Node, Pod } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { isFinished } from "../model/pod-phase.ts";
import { RESOURCES } from "../model/resources.ts";
import type { PlaceAllInput } from "../scheduler/queue-forecast.ts";

/** All objects but Events and heartbeats, as the API has them now. */
export async function readObjects(
  client: ApiClient,
  signal: AbortSignal,
): Promise<readonly ApiObject[]> {
  const kinds = RESOURCES.filter(({ kind }) => kind !== "Event" && kind !== "Lease");
  const lists = await Promise.all(
    kinds.map((resource) => client.list(resource, undefined, signal)),
  );
  return lists.flatMap(({ items }) => items);
}

/** Objects as the scheduler is given them. Pure. */
export function toPlacement(objects: readonly ApiObject[], now: number): PlaceAllInput {
  const pods = objects.filter((object): object is Pod => object.kind === "Pod");
  const alive = pods.filter((pod) => !isFinished(pod));
  const hasNode = (pod: Pod): boolean => (pod.spec.nodeName ?? "") !== "";
  return {
    nodes: objects.filter((object): object is Node => object.kind === "Node"),
    pods: alive.filter((pod) => !hasNode(pod) && pod.metadata.deletionTimestamp === undefined),
    placed: alive.filter(hasNode),
    others: objects.filter(({ kind }) => kind !== "Pod" && kind !== "Node"),
    now,
  };
}
