import { formatTime } from "../base/clock.ts";
import { apiServiceIp } from "../model/api-service.ts";
import type { Node, Pod } from "../model/kinds.gen.ts";
import type { ObjectRef } from "../model/meta.ts";
import { forecast, type AppChange } from "../planner/forecast.ts";
import { planId } from "../planner/plan-id.ts";
import { currentRelease } from "../planner/release-rules.ts";
import type { PlacePods } from "../planner/sim-cluster.ts";
import { SimWorld } from "../planner/sim-world.ts";
import { explainPod, type PodExplanation } from "../scheduler/explain-pod.ts";
import { placeAll } from "../scheduler/queue-forecast.ts";
import { toDocument, type PlanDocument } from "./plan-document.ts";
import type { PlanSource } from "./plan-source.ts";
import type { ClusterState } from "./snapshot.ts";

/** Plans what `source` holds against a cluster, with the control plane's own planner and scheduler. Pure. */
export function makePlan(state: ClusterState, source: PlanSource, version: string): PlanDocument {
  const { objects, serviceCidr, dnsIp, takenAt, kind } = state;
  const world = new SimWorld(objects, takenAt);
  const watched = watchPlacement();
  const result = forecast(world, {
    apps: source.changes,
    ...(source.base.length === 0 ? {} : { base: source.base }),
    serviceCidr,
    reservedIps: [dnsIp, apiServiceIp(serviceCidr)],
    schedule: watched.schedule,
  });
  const bases = new Map(source.base.map((change) => [change.app, change]));
  const ids = source.changes.map((change): [string, string] => [
    change.app,
    idOf(world, change, bases.get(change.app), version),
  ]);
  return toDocument({
    version,
    target: source.target,
    against: { kind, takenAt: formatTime(takenAt) },
    notes: source.notes,
    forecast: result,
    ids: new Map(ids),
    nodes: objects.filter((object): object is Node => object.kind === "Node"),
    before: objects.filter((object): object is Pod => object.kind === "Pod"),
    planned: watched.pods(),
    explain: watched.explain,
  });
}

function idOf(
  world: SimWorld,
  change: AppChange,
  base: AppChange | undefined,
  version: string,
): string {
  const current = currentRelease(change.releases);
  return planId(world, {
    app: change.app,
    baseTree: base?.tree ?? current?.spec.tree ?? "",
    headTree: change.tree ?? "",
    inventory: current?.status.inventory ?? [],
    version,
  });
}

/** The scheduler, and what it was asked last about each pod. */
function watchPlacement(): {
  readonly schedule: PlacePods;
  readonly pods: () => readonly Pod[];
  readonly explain: (ref: ObjectRef) => PodExplanation | undefined;
} {
  const pods = new Map<string, Pod>();
  let last: Parameters<PlacePods>[0] | undefined;
  const keyOf = (namespace: string | undefined, name: string): string =>
    `${namespace ?? ""}/${name}`;
  return {
    schedule: (input) => {
      for (const pod of input.pods) pods.set(keyOf(pod.metadata.namespace, pod.metadata.name), pod);
      last = input;
      return placeAll(input);
    },
    pods: () => [...pods.values()],
    explain: ({ namespace, name }) => {
      const pod = pods.get(keyOf(namespace, name));
      return pod === undefined || last === undefined ? undefined : explainPod(pod, last);
    },
  };
}
