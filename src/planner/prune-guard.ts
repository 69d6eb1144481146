import { formatRef, refKey, type ObjectRef } from "../model/meta.ts";

export interface PruneGuardInput {
  /** The App's name, as a trailer names it. */
  readonly app: string;
  /** Objects that the current release declares; empty for a first one. */
  readonly previous: readonly ObjectRef[];
  /** Objects that the commit declares. */
  readonly next: readonly ObjectRef[];
  /** Objects that would be removed, those that earlier releases still owe included. */
  readonly toPrune: readonly ObjectRef[];
  /** Those of them that an earlier release was let in to remove: nobody is asked twice. */
  readonly owed: readonly ObjectRef[];
  readonly commitMessage: string;
  /** Whether this very tree was Healthy before: going back needs no consent for its counts. */
  readonly returning: boolean;
}

export type GuardVerdict =
  | { readonly kind: "allow" }
  | { readonly kind: "hold"; readonly reason: "PruneGuard"; readonly message: string };

/** A commit may remove this many objects, or this share of its App's, without being asked about. */
const MAX_REMOVED = 3;
const MAX_REMOVED_SHARE = 0.3;
/** Kinds that take other things with them: removing one always needs consent. */
const PRECIOUS: ReadonlySet<string> = new Set([
  "Namespace",
  "PersistentVolume",
  "PersistentVolumeClaim",
  "CustomResourceDefinition",
  "App",
]);
const NAMES_SHOWN = 5;

/**
 * Whether a commit may remove what it no longer declares. Consent is a trailer `Allow-Prune: <app>` in its message; the
 * caller knows of consent given otherwise. Pure.
 */
export function guardPrune(input: PruneGuardInput): GuardVerdict {
  const { app, previous, commitMessage, returning } = input;
  const owed = new Set(input.owed.map(refKey));
  const toPrune = input.toPrune.filter((ref) => !owed.has(refKey(ref)));
  if (toPrune.length === 0 || hasConsent(commitMessage, app)) return { kind: "allow" };
  const precious = toPrune.filter(isPrecious);
  if (precious.length > 0)
    return hold(input, `it would remove ${list(precious)}, with all that is in it`);
  if (returning) return { kind: "allow" };
  const declared = new Set(input.next.map(refKey));
  const survivors = previous.filter((ref) => declared.has(refKey(ref)));
  if (survivors.length === 0)
    return hold(
      input,
      `it would remove all ${toPrune.length} objects of the App: ${list(toPrune)}`,
    );
  const limit = Math.max(MAX_REMOVED, Math.floor(previous.length * MAX_REMOVED_SHARE));
  if (toPrune.length <= limit) return { kind: "allow" };
  return hold(
    input,
    `it would remove ${toPrune.length} of ${previous.length} objects, more than ${limit}: ${list(toPrune)}`,
  );
}

/** Whether other things go with an object of this kind, so that removing it always needs consent. Pure. */
export function isPrecious({ kind }: Pick<ObjectRef, "kind">): boolean {
  return PRECIOUS.has(kind);
}

/** Whether the message's last paragraph has the trailer for this App. */
function hasConsent(message: string, app: string): boolean {
  const lastParagraph =
    message
      .trimEnd()
      .split(/\n\s*\n/)
      .at(-1) ?? "";
  return lastParagraph
    .split("\n")
    .some((line) => /^allow-prune:\s*(\S+)\s*$/i.exec(line)?.[1] === app);
}

function hold({ app }: PruneGuardInput, why: string): GuardVerdict {
  const cure = `consent with \`berth approve ${app}\`, or with the trailer "Allow-Prune: ${app}" in the commit message`;
  return { kind: "hold", reason: "PruneGuard", message: `${why}; ${cure}` };
}

function list(refs: readonly ObjectRef[]): string {
  const names = refs.slice(0, NAMES_SHOWN).map(formatRef).join(", ");
  return refs.length > NAMES_SHOWN ? `${names} and ${refs.length - NAMES_SHOWN} more` : names;
}
