import { imageKey, pinnedReference, readPins } from "../model/image-pins.ts";
import type { ControllerRevision, CronJob, Pod, PodSpec, ReplicaSet } from "../model/kinds.gen.ts";
import type { ApiObject, StringMap } from "../model/meta.ts";
import { resourceOf } from "../model/resources.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { badRequest } from "./failure.ts";

/** Images asked about at a time: a node has far fewer. */
const MAX_REFERENCES = 10_000;
/** Kinds that hold a pod template, or are a pod. What they name is kept as long as they are. */
const HOLDERS = [
  { apiVersion: "v1", kind: "Pod" },
  { apiVersion: "v1", kind: "ReplicationController" },
  { apiVersion: "apps/v1", kind: "Deployment" },
  { apiVersion: "apps/v1", kind: "ReplicaSet" },
  { apiVersion: "apps/v1", kind: "StatefulSet" },
  { apiVersion: "apps/v1", kind: "DaemonSet" },
  { apiVersion: "apps/v1", kind: "ControllerRevision" },
  { apiVersion: "batch/v1", kind: "Job" },
  { apiVersion: "batch/v1", kind: "CronJob" },
] as const;

/** The references of a node's question. Throws 400. Pure. */
export function readReferences({
  references,
}: Readonly<Record<string, unknown>>): readonly string[] {
  const isList = Array.isArray(references) && references.every((one) => typeof one === "string");
  if (isList && references.length <= MAX_REFERENCES) return references;
  throw badRequest(`"references" must be a list of at most ${MAX_REFERENCES} names of images`);
}

/**
 * Those of the images that something in the cluster still needs: pods, and templates, the retained ones of earlier
 * releases included. A node learns nothing but this of what it asks about.
 */
export function imagesNeeded(
  objects: Pick<ObjectStore, "list">,
  references: readonly string[],
): readonly string[] {
  const needed = new Set<string>();
  for (const holder of HOLDERS)
    for (const { object } of objects.list(resourceOf(holder)).items)
      for (const reference of referencesOf(object)) needed.add(imageKey(reference));
  return references.filter((reference) => needed.has(imageKey(reference)));
}

function referencesOf(object: ApiObject): readonly string[] {
  const pins = readPins(object.metadata);
  return imagesOf(podSpecOf(object)).map((image) => pinnedReference(image, pins as StringMap));
}

function podSpecOf(object: ApiObject): Partial<PodSpec> | undefined {
  switch (object.kind) {
    case "Pod":
      return (object as Pod).spec;
    case "CronJob":
      return (object as CronJob).spec.jobTemplate.spec.template.spec;
    case "ControllerRevision": {
      const { spec } = (object as ControllerRevision).data as {
        readonly spec?: { readonly template?: { readonly spec?: Partial<PodSpec> } };
      };
      return spec?.template?.spec;
    }
    default:
      return (object as ReplicaSet).spec.template.spec;
  }
}

function imagesOf(spec: Partial<PodSpec> | undefined): readonly string[] {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  return containers.map(({ image }) => image);
}
