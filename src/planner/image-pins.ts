import {
  digestOfImageId,
  isPinned,
  PINS_ANNOTATION,
  readPins,
  writePins,
} from "../model/image-pins.ts";
import type { Container, ContainerStatus, Pod } from "../model/kinds.gen.ts";
import { controllerOf, type ApiObject, type StringMap } from "../model/meta.ts";
import type { Plan, Step } from "../model/plan.ts";
import { REVISION_LABEL } from "./controller-revisions.ts";
import { isPod } from "./owned-pods.ts";
import type { World } from "./world.ts";

/**
 * Notes on a release what its tags meant when the pod ran: pods that are made of it later, as after a revert, run the
 * same bits although a tag was moved. What was noted first stays. Pure.
 */
export function notePins(world: World, pod: Pod): readonly Step[] {
  if (!isPinned(pod.metadata)) return [];
  const found = ranImages(pod);
  if (Object.keys(found).length === 0) return [];
  const release = releaseOf(world, pod);
  if (release === undefined || release.metadata.deletionTimestamp !== undefined) return [];
  const known = readPins(release.metadata);
  const fresh = Object.entries(found).filter(([image]) => known[image] === undefined);
  if (fresh.length === 0) return [];
  const pins = writePins({ ...Object.fromEntries(fresh), ...known });
  const annotations = { ...release.metadata.annotations, [PINS_ANNOTATION]: pins };
  const object = { ...release, metadata: { ...release.metadata, annotations } };
  return [{ kind: "update", object, reason: "ImagesResolved" }];
}

/** The plan, with what is known of their releases' images noted on the pods that it makes. Pure. */
export function pinImages(world: World, plan: Plan): Plan {
  const isOne = (step: Step): boolean => step.kind === "create" && isPod(step.object);
  if (!plan.steps.some(isOne)) return plan;
  const steps = plan.steps.map((step): Step => {
    if (step.kind !== "create" || !isPod(step.object)) return step;
    const object = pinPod(world, step.object);
    return object === step.object ? step : { ...step, object };
  });
  return { ...plan, steps };
}

function pinPod(world: World, pod: Pod): Pod {
  if (!isPinned(pod.metadata)) return pod;
  const release = releaseOf(world, pod);
  const text = release?.metadata.annotations?.[PINS_ANNOTATION];
  if (text === undefined) return pod;
  const annotations = { ...pod.metadata.annotations, [PINS_ANNOTATION]: text };
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}

/** What stands for the template that the pod was made from, and is kept as long as it can be gone back to. */
function releaseOf(world: World, pod: Pod): ApiObject | undefined {
  const owner = controllerOf(pod);
  const { namespace = "", labels = {} } = pod.metadata;
  if (owner?.kind === "ReplicaSet") {
    const found = world.get({
      apiVersion: owner.apiVersion,
      kind: owner.kind,
      namespace,
      name: owner.name,
    });
    return found?.metadata.uid === owner.uid ? found : undefined;
  }
  if (owner?.kind !== "StatefulSet" && owner?.kind !== "DaemonSet") return undefined;
  const hash = labels[REVISION_LABEL];
  if (hash === undefined) return undefined;
  // A StatefulSet's pods carry the revision's name, a DaemonSet's the hash in it.
  const name = owner.kind === "StatefulSet" ? hash : `${owner.name}-${hash}`;
  const revision = world.get({
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    namespace,
    name,
  });
  return revision !== undefined && controllerOf(revision)?.uid === owner.uid ? revision : undefined;
}

/** By image as the pod writes it: the digest that ran. */
function ranImages({ spec, status }: Pod): StringMap {
  const ran: Record<string, string> = {};
  const note = (
    containers: readonly Container[] = [],
    statuses: readonly ContainerStatus[] = [],
  ): void => {
    for (const { name, imageID } of statuses) {
      const digest = digestOfImageId(imageID);
      const image = containers.find((one) => one.name === name)?.image;
      if (digest !== undefined && image !== undefined && !image.includes("@"))
        ran[image] ??= digest;
    }
  };
  note(spec.initContainers, status?.initContainerStatuses);
  note(spec.containers, status?.containerStatuses);
  return ran;
}
