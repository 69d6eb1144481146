import { formatTime, parseTime, type Millis } from "../base/clock.ts";
import { shortHash } from "../base/hash.ts";
import { APPROVED_ANNOTATION } from "../model/app.ts";
import type {
  App,
  AppQuarantine,
  PodSpec,
  QuarantinedObject,
  Release,
} from "../model/kinds.gen.ts";
import { formatRef, refKey, refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import type { DeclaredObject } from "./apply-manifest.ts";
import { isSameContent } from "./release-rules.ts";
import { configRefs } from "./restart-on-config.ts";
import type { Excuse, Fault } from "./revert-fault.ts";

/** One revert by itself per App within this time: whatever fails next is for people. */
export const REVERT_WINDOW_MS: Millis = 3_600_000;
/** Contents that an App remembers as failed; the oldest ones are forgotten. */
export const MAX_QUARANTINES = 20;
/** Failed objects that make up one quarantine, and that messages name. */
const MAX_OBJECTS = 50;
const FAULTS_SHOWN = 5;
const MAX_MESSAGE = 1000;

export type RevertVerdict =
  /** It did not fail, or the App does not ask for this. */
  | { readonly kind: "none" }
  /** It failed, and stays: `reason` and `message` say why. */
  | {
      readonly kind: "refused";
      readonly reason: RevertRefusal;
      readonly message: string;
      /** When it may be judged otherwise without anything having changed. */
      readonly lookAgainAt?: Millis;
    }
  | { readonly kind: "revert"; readonly target: Release };

export type RevertRefusal =
  | Excuse
  | "Suspended"
  | "RevertOfRevert"
  | "NothingToGoBackTo"
  | "OncePerWindow";

/**
 * Whether the App's current release is taken back by itself: one that failed by its own fault, that is no revert, after
 * one that was healthy, once per window. Pure.
 */
export function judgeRevert(
  app: App,
  releases: readonly Release[],
  current: Release | undefined,
  faults: readonly Fault[],
  now: Millis,
): RevertVerdict {
  if (app.spec.autoRevert !== true || current?.status.phase !== "Failed") return { kind: "none" };
  const own = faults.filter(({ excuse }) => excuse === undefined);
  if (own.length === 0) {
    const excused = faults.find(({ excuse }) => excuse !== undefined);
    if (excused?.excuse === undefined) return { kind: "none" };
    return refused(excused.excuse, `${EXCUSES[excused.excuse]}: ${excused.message}`);
  }
  if (app.spec.suspend === true)
    return refused("Suspended", "the App is suspended: it stays as it is");
  if (current.spec.returnsFrom !== undefined || current.spec.reverts !== undefined)
    return refused(
      "RevertOfRevert",
      `what failed is itself a revert, and is not taken back again: commit a fix`,
    );
  const target = targetOf(app, releases, current);
  if (target === undefined)
    return refused(
      "NothingToGoBackTo",
      "no earlier release of this folder was healthy with other content: commit a fix",
    );
  const last = lastRevertAt(app, current);
  if (last !== undefined && now < last + REVERT_WINDOW_MS)
    return {
      kind: "refused",
      reason: "OncePerWindow",
      message: `a commit was taken back at ${formatTime(last)}; one revert by itself an hour is the limit: commit a fix, or \`berth rollback ${app.metadata.name}\``,
      lookAgainAt: last + REVERT_WINDOW_MS,
    };
  return { kind: "revert", target };
}

const EXCUSES: Readonly<Record<Excuse, string>> = {
  NodeLost: "not the commit's fault, a node is not Ready",
  Unschedulable: "not the commit's fault, there is no room",
  RegistryUnavailable: "not the commit's fault, the registry does not answer",
  Disrupted: "not the commit's fault, pods were ended from outside",
  Starting: "no container has failed yet",
  NotOnANode: "it failed on no node",
};

function refused(reason: RevertRefusal, message: string): RevertVerdict {
  return { kind: "refused", reason, message };
}

/** The newest release that was healthy before, of the same folder read in the same way, if its content is another. */
function targetOf(app: App, releases: readonly Release[], current: Release): Release | undefined {
  const before = releases.findLast(
    ({ spec, status }) => spec.sequence < current.spec.sequence && status.phase === "Healthy",
  );
  if (before === undefined || before.spec.tree === current.spec.tree) return undefined;
  const isOurs = isSameContent(app, before, before.spec.tree);
  return isOurs && isSameContent(app, current, current.spec.tree) ? before : undefined;
}

/** When something else than this release was taken back last: what was begun is gone on with. */
function lastRevertAt({ status }: App, current: Release): Millis | undefined {
  const times = (status?.quarantine ?? [])
    .filter(({ release }) => release !== current.metadata.name)
    .flatMap(({ at }) => parseTime(at) ?? []);
  return times.length === 0 ? undefined : Math.max(...times);
}

/** Manifests of the commit that failed, and of the one that is gone back to. */
export interface RevertManifests {
  readonly bad: readonly DeclaredObject[];
  readonly good: readonly DeclaredObject[];
}

/**
 * What is not let in again unchanged: the failed objects by their content and by that of the configuration that they
 * read. Where all of that is as it was when it was healthy, the cause is elsewhere in the folder, and only the very
 * same folder is kept out. Pure.
 */
export function makeQuarantine(
  failed: Release,
  target: Release,
  faults: readonly Fault[],
  { bad, good }: RevertManifests,
  now: Millis,
): AppQuarantine {
  const own = faults.filter(({ excuse }) => excuse === undefined);
  const digestBad = digests(bad);
  const digestGood = digests(good);
  const objects = own.slice(0, MAX_OBJECTS).flatMap(({ ref }): readonly QuarantinedObject[] => {
    const digest = digestBad(ref);
    return digest === undefined || digest === digestGood(ref) ? [] : [{ ...plain(ref), digest }];
  });
  return {
    release: failed.metadata.name,
    commit: failed.spec.commit,
    tree: failed.spec.tree,
    to: target.spec.commit,
    at: formatTime(now),
    message: describeFaults(own),
    objects,
    revert: "Pending",
  };
}

/** The failed objects and why, in one line. Pure. */
export function describeFaults(faults: readonly Fault[]): string {
  const shown = faults.slice(0, FAULTS_SHOWN).map(({ message }) => message);
  const more = faults.length - shown.length;
  const text = `${shown.join("; ")}${more > 0 ? ` (and ${more} more)` : ""}`;
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
}

/** The list with one more, in place of one of the same release; the oldest ones go when it is full. Pure. */
export function withQuarantine(
  known: readonly AppQuarantine[] = [],
  next: AppQuarantine,
): readonly AppQuarantine[] {
  // Only the newest one can still be pushed.
  const before = known
    .filter(({ release }) => release !== next.release)
    .map((one) => (one.revert === "Pending" ? { ...one, revert: "Dropped" as const } : one));
  return [...before, next].slice(-MAX_QUARANTINES);
}

/** The quarantine of this very folder that nobody has lifted. Pure. */
export function quarantineOfTree(
  app: App,
  releases: readonly Release[],
  tree: string,
): AppQuarantine | undefined {
  return activeQuarantines(app, releases).findLast((one) => one.tree === tree);
}

/** The quarantine that a commit with these manifests still carries, and nobody has lifted. Pure. */
export function carriedQuarantine(
  app: App,
  releases: readonly Release[],
  tree: string,
  manifests: readonly DeclaredObject[],
): AppQuarantine | undefined {
  return activeQuarantines(app, releases).findLast((one) => isCarried(one, tree, manifests));
}

/** The list as it is once somebody has consented to a commit with these manifests; the same one when nothing changes. Pure. */
export function lifted(
  known: readonly AppQuarantine[],
  tree: string,
  manifests: readonly DeclaredObject[],
): readonly AppQuarantine[] {
  const carried = known.filter((one) => one.lifted !== true && isCarried(one, tree, manifests));
  if (carried.length === 0) return known;
  return known.map((one) =>
    carried.includes(one) ? { ...one, lifted: true, revert: settledRevert(one) } : one,
  );
}

function settledRevert({ revert }: AppQuarantine): AppQuarantine["revert"] {
  return revert === "Pending" ? "Dropped" : revert;
}

/** What a commit is held with. Pure. */
export function heldMessage(app: string, { release, message, objects }: AppQuarantine): string {
  const what =
    objects.length === 0
      ? "the folder is the one"
      : `${objects.slice(0, FAULTS_SHOWN).map(formatRef).join(", ")} ${objects.length === 1 ? "is" : "are"} as`;
  return `${what} that failed in release ${release} (${message}); change what failed, or let it in as it is: \`berth approve ${app}\``;
}

/** What is kept out now, oldest first. Pure. */
export function activeQuarantines(
  { status }: App,
  releases: readonly Release[],
): readonly AppQuarantine[] {
  return (status?.quarantine ?? []).filter(
    (one) => one.lifted !== true && !isApprovedAgain(one, releases),
  );
}

/** Consent to the commit that was taken back stands on its own Release. */
function isApprovedAgain({ release }: AppQuarantine, releases: readonly Release[]): boolean {
  const failed = releases.find(({ metadata }) => metadata.name === release);
  return failed?.metadata.annotations?.[APPROVED_ANNOTATION] === "true";
}

function isCarried(
  { tree: failed, objects }: AppQuarantine,
  tree: string,
  manifests: readonly DeclaredObject[],
): boolean {
  if (failed === tree) return true;
  if (objects.length === 0) return false;
  const digest = digests(manifests);
  return objects.every((object) => digest(object) === object.digest);
}

/** Gives digests of what a commit declares: of a manifest and of the ConfigMaps and Secrets of the commit that its pods read. */
function digests(manifests: readonly DeclaredObject[]): (ref: ObjectRef) => string | undefined {
  const byKey = new Map(manifests.map((one) => [refKey(refOf(one.object)), one]));
  return (ref) => {
    const manifest = byKey.get(refKey(plain(ref)));
    if (manifest === undefined) return undefined;
    const { namespace = "" } = manifest.object.metadata;
    const spec = podSpecOf(manifest.object);
    const read = spec === undefined ? [] : configRefs(spec, namespace);
    return shortHash([
      manifest.hash,
      ...read.map((one) => contentOf(byKey.get(refKey(one))?.object)),
    ]);
  };
}

/** What pods read of a ConfigMap or Secret. */
function contentOf(object: ApiObject | undefined): unknown {
  if (object === undefined) return "";
  const { data, binaryData, stringData } = object as ApiObject & Readonly<Record<string, unknown>>;
  return { data, binaryData, stringData };
}

function podSpecOf(object: ApiObject): PodSpec | undefined {
  if (object.kind === "Pod") return (object as ApiObject & { readonly spec?: PodSpec }).spec;
  const { spec } = object as ApiObject & {
    readonly spec?: { readonly template?: { readonly spec?: PodSpec } };
  };
  return spec?.template?.spec;
}

function plain({ apiVersion, kind, namespace, name }: ObjectRef): ObjectRef {
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

/** The commit that a message says it takes back: by Berth's trailer, or in Git's own words. Pure. */
export function revertedCommit(message: string): string | undefined {
  const found =
    /^Berth-Reverts: ([0-9a-f]{40})\s*$/m.exec(message) ??
    /^This reverts commit ([0-9a-f]{40})\b/m.exec(message);
  return found?.[1];
}
