import type { ObjectMeta, StringMap } from "./meta.ts";

/**
 * On the object that stands for a release of a workload (ReplicaSet, ControllerRevision, Job, ReplicationController) and
 * on the pods that it makes afterwards: which digest each image's tag meant when the release first ran, as JSON
 * `{"registry/team/app:1": "sha256:…"}`.
 */
export const PINS_ANNOTATION = "berth.dev/image-digests";
/** On a pod template: `disabled` leaves its tags unpinned, as Kubernetes does. */
export const PINNING_ANNOTATION = "berth.dev/image-pinning";
/** How a container's `imageID` begins when a registry has the image. */
export const PULLABLE_PREFIX = "docker-pullable://";

/** More images than this are not pinned: a release has few. */
const MAX_PINS = 100;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** By image, as the template writes it. What cannot be read counts as none. Pure. */
export function readPins({ annotations = {} }: Pick<ObjectMeta, "annotations">): StringMap {
  const text = annotations[PINS_ANNOTATION];
  if (text === undefined) return {};
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found !== "object" || found === null || Array.isArray(found)) return {};
    const pins = Object.entries(found).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string" && DIGEST.test(entry[1]),
    );
    return Object.fromEntries(pins.slice(0, MAX_PINS));
  } catch {
    return {};
  }
}

/** Pure. */
export function writePins(pins: StringMap): string {
  return JSON.stringify(Object.fromEntries(Object.entries(pins).toSorted(byName)));
}

/** Whether the pod's author lets its images be pinned. Pure. */
export function isPinned({ annotations = {} }: Pick<ObjectMeta, "annotations">): boolean {
  return annotations[PINNING_ANNOTATION] !== "disabled";
}

/** What to pull in place of `image`; the image itself where nothing is pinned. Pure. */
export function pinnedReference(image: string, pins: StringMap): string {
  const digest = Object.hasOwn(pins, image) ? pins[image] : undefined;
  return digest === undefined || image.includes("@") ? image : `${repositoryOf(image)}@${digest}`;
}

/** The digest of an `imageID` of a pod's status; `undefined` when no registry has the image. Pure. */
export function digestOfImageId(imageId: string): string | undefined {
  if (!imageId.startsWith(PULLABLE_PREFIX)) return undefined;
  const digest = imageId.slice(imageId.lastIndexOf("@") + 1);
  return DIGEST.test(digest) ? digest : undefined;
}

/** Which of an image's digests is from the repository that `image` names; `undefined` when none is. Pure. */
export function digestReference(image: string, digests: readonly string[]): string | undefined {
  const wanted = familiarName(repositoryOf(image));
  const own = digests.filter((one) => familiarName(repositoryOf(one)) === wanted);
  const exact = own.find(
    (one) => image.includes("@") && one.endsWith(image.slice(image.indexOf("@"))),
  );
  return exact ?? own.toSorted()[0];
}

/** Without tag and digest. Pure. */
export function repositoryOf(image: string): string {
  const [name = ""] = image.split("@");
  const colon = name.indexOf(":", name.lastIndexOf("/") + 1);
  return colon === -1 ? name : name.slice(0, colon);
}

/** The same for all ways to write an image: Docker Hub's names have several, and no tag is `latest`. Pure. */
export function imageKey(image: string): string {
  const repository = repositoryOf(image);
  const rest = image.slice(repository.length);
  const at = rest.indexOf("@");
  const mark = at === -1 ? rest : rest.slice(at);
  return `${familiarName(repository)}${mark === "" ? ":latest" : mark}`;
}

/** Docker Hub's names have three forms. */
function familiarName(repository: string): string {
  return repository.replace(/^(?:index\.)?docker\.io\//, "").replace(/^library\//, "");
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
