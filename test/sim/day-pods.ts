import { formatTime } from "../../src/base/clock.ts";
import { setCondition } from "../../src/model/condition.ts";
import type { ContainerStatus, Node, Pod } from "../../src/model/kinds.gen.ts";
import type { PodFate } from "../../src/planner/sim-agent.ts";
import { node } from "../support/builders.ts";

/** By its image, and for a pod with work by chance: one of ten tries fails. */
export function fateOf({ spec, metadata }: Pod): PodFate {
  const image = spec.containers[0]?.image;
  if (image === "app:bad") return "never-ready";
  if (image === "app:crash") return "crashes";
  if (spec.restartPolicy === "Always") return "serves";
  return Number.parseInt((metadata.uid ?? "0").slice(-2), 16) % 10 === 0 ? "fails" : "succeeds";
}

/** A node of one of three zones, to be put into a world. */
export function newNode(name: string): Node {
  const zone = "xyz"[Number(name.slice(1)) % 3] ?? "x";
  const { metadata, ...rest } = node({ name, labels: { "topology.kubernetes.io/zone": zone } });
  const { uid: _, ...others } = metadata;
  return { ...rest, metadata: others };
}

/** The pod's conditions, Ready or not since `now`. */
export function readyCondition(
  pod: Pod,
  isUp: boolean,
  now: number,
): NonNullable<NonNullable<Pod["status"]>["conditions"]> {
  return [
    ...setCondition(
      pod.status?.conditions,
      { type: "Ready", status: isUp ? "True" : "False" },
      formatTime(now),
    ),
  ];
}

/** A container that has come to an end once more, and waits to be started. */
export function crashed(
  { name, image = "" }: { name: string; image?: string },
  pod: Pod,
  reason: string,
): ContainerStatus {
  const before = pod.status?.containerStatuses?.find((one) => one.name === name);
  const restartCount = (before?.restartCount ?? 0) + 1;
  const terminated = { exitCode: 137, reason };
  return {
    name,
    image,
    imageID: "",
    ready: false,
    restartCount,
    state: {},
    lastState: { terminated },
  };
}
