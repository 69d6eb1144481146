import { isSameJson } from "../base/same-json.ts";
import type { App, Release } from "../model/kinds.gen.ts";
import { formatRef, refKey, refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import type { WantedObject, WriteRequest } from "../model/write-request.ts";
import { checkManifests, planApply } from "../planner/check-manifests.ts";
import { podSecurityWarnings } from "../planner/pod-security.ts";
import { guardPrune } from "../planner/prune-guard.ts";
import { currentRelease, owedBy, planPrune, releasesOf } from "../planner/release-rules.ts";
import { defaultObject } from "../schema/default-object.ts";
import type { Manifest } from "../schema/manifest.ts";
import type { Commit, FileChange } from "../sync/git.ts";
import type { SourceLocation } from "../sync/source.ts";
import { describeCommit } from "../sync/write/describe-change.ts";
import type { EditErrorCode, ObjectEdit } from "../sync/write/object-edit.ts";
import { findMisedit } from "../sync/write/verify-edit.ts";
import type { WritableSources } from "../sync/write/writable-sources.ts";
import type { AppContext } from "./app-context.ts";
import { refused, refusalOfProblem, type Refused } from "./commit-writes-refusal.ts";
import { statedPart } from "./commit-writes-stated.ts";

export interface BatchContext extends Pick<
  AppContext,
  "objects" | "world" | "clock" | "serviceCidr" | "reservedIps"
> {
  readonly sources: WritableSources;
}

/** Writes of one person to one App. */
export interface Batch {
  readonly app: App;
  readonly location: SourceLocation;
  readonly author: { readonly name: string; readonly email: string };
  /** Of different objects. */
  readonly requests: readonly WriteRequest[];
}

export type RequestOutcome =
  | { readonly kind: "edit"; readonly edit: ObjectEdit; readonly warnings: readonly string[] }
  | { readonly kind: "unchanged"; readonly warnings: readonly string[] }
  | { readonly kind: "failed"; readonly error: unknown }
  | Refused;

/** A commit that may go onto the branch; or nothing to commit. */
export interface Drafted {
  /** Of each request, in their order. */
  readonly outcomes: readonly RequestOutcome[];
  readonly draft?: Draft;
}

export interface Draft {
  readonly commit: Commit;
  readonly changes: readonly FileChange[];
  readonly manifests: readonly Manifest[];
}

/**
 * Makes the commit of a batch on the head of its branch, and checks it as any commit is checked; it is on no branch yet.
 * A refusal concerns the whole batch.
 */
export async function draftBatch(
  batch: Batch,
  context: BatchContext,
  signal: AbortSignal,
): Promise<Drafted | Refused> {
  const { sources } = context;
  const { location, app } = batch;
  const head = await sources.head(location, signal);
  const revision = await sources.load(location, head.id, signal);
  const { manifests, problems } = revision.loaded;
  const releases = releasesOf(allReleases(context), app.metadata.name);
  const bad = refuseHead(app, head, releases, revision.tree);
  if (bad !== undefined) return bad;
  const [problem] = problems;
  if (problem !== undefined) {
    const { message } = refusalOfProblem(problem, problems.length);
    const { file, line } = problem.at;
    return refused(
      "blocked",
      `the head ${short(head)} of branch "${location.branch}" cannot be applied: ${file}:${line}: ${message}; mend it first`,
    );
  }
  const outcomes = prepare(batch, manifests, context);
  const edits = outcomes.flatMap((outcome) => (outcome.kind === "edit" ? [outcome.edit] : []));
  if (edits.length === 0) return { outcomes };
  const guard = guardEdits(batch, edits, { head, manifests, releases, tree: revision.tree });
  if (guard.kind === "refused") return guard;
  const [first] = batch.requests;
  const message = describeCommit({
    edits,
    namespace: location.namespace,
    client: first?.client ?? "berth",
    message: first?.message,
    allowPrune: guard.consents ? app.metadata.name : undefined,
  });
  const answer = await sources.edit(
    location,
    { parent: head.id, edits, message, author: batch.author },
    signal,
  );
  if (answer.kind === "refused") return refused(EDIT_ERRORS[answer.code], answer.message);
  const { commit, changes } = answer;
  if (commit.id === head.id) {
    return {
      outcomes: outcomes.map((one) => (one.kind === "edit" ? { ...one, kind: "unchanged" } : one)),
    };
  }
  const draft = {
    commit,
    changes,
    manifests: (await sources.load(location, commit.id, signal)).loaded,
  };
  return checkDraft(batch, edits, { outcomes, draft, before: manifests }, context);
}

const EDIT_ERRORS: Readonly<Record<EditErrorCode, "blocked" | "exists" | "not-found">> = {
  generated: "blocked",
  "not-editable": "blocked",
  sealed: "blocked",
  exists: "exists",
  "not-declared": "not-found",
};

function checkDraft(
  { app }: Batch,
  edits: readonly ObjectEdit[],
  made: {
    readonly outcomes: readonly RequestOutcome[];
    readonly before: readonly Manifest[];
    readonly draft: Omit<Draft, "manifests"> & {
      readonly manifests: {
        readonly manifests: readonly Manifest[];
        readonly problems: readonly Parameters<typeof refusalOfProblem>[0][];
      };
    };
  },
  context: BatchContext,
): Drafted | Refused {
  const { outcomes, before, draft } = made;
  const { manifests, problems } = draft.manifests;
  const world = context.world.at(context.clock.now());
  const { serviceCidr, reservedIps } = context;
  const options = { app: app.metadata.name, serviceCidr, reservedIps };
  const found = problems.length > 0 ? problems : checkManifests(world, manifests, options);
  const [problem] = found;
  if (problem !== undefined) return refusalOfProblem(problem, found.length);
  const misedit = findMisedit(edits, before, manifests);
  if (misedit !== undefined) {
    const files = draft.changes.map(({ path }) => path).join(", ");
    return refused(
      "blocked",
      `Cannot change ${files} in place: ${misedit}; edit the file by hand and commit it`,
    );
  }
  return { outcomes, draft: { ...draft, manifests } };
}

function allReleases({ world }: Pick<AppContext, "world">): readonly Release[] {
  return world.list("berth.dev/v1", "Release") as readonly Release[];
}

/** A head that waits for somebody takes no more on top of it. */
function refuseHead(
  app: App,
  head: Commit,
  releases: readonly Release[],
  tree: string,
): Refused | undefined {
  const latest = releases.at(-1);
  if (latest?.spec.tree !== tree) return undefined;
  const { phase, message = "" } = latest.status;
  if (phase !== "Rejected" && phase !== "Held") return undefined;
  return refused(
    "blocked",
    `App "${app.metadata.name}" takes no writes: its head ${short(head)} is ${phase}: ${message}`,
  );
}

function prepare(
  { requests, app, location }: Batch,
  manifests: readonly Manifest[],
  context: BatchContext,
): readonly RequestOutcome[] {
  const declared = new Map(manifests.map((manifest) => [refKey(refOf(manifest.object)), manifest]));
  return requests.map((request) => {
    try {
      return prepareOne(request, declared.get(refKey(request.ref)), { app, location, context });
    } catch (error) {
      return { kind: "failed", error };
    }
  });
}

interface Place {
  readonly app: App;
  readonly location: SourceLocation;
  readonly context: BatchContext;
}

function prepareOne(
  request: WriteRequest,
  declared: Manifest | undefined,
  { app, location, context }: Place,
): RequestOutcome {
  const { ref, verb } = request;
  const stored = context.objects.get(ref)?.object;
  const unsafe = (object: ApiObject): readonly string[] =>
    podSecurityWarnings(context.world.at(context.clock.now()), object);
  if (verb === "create") {
    if (declared !== undefined || stored !== undefined)
      return refused("exists", `${formatRef(ref)} is there already`);
    const wanted = request.change(undefined, false);
    if (wanted === undefined) return refused("blocked", "there is nothing to create");
    const { written, after } = statedObjects(wanted);
    return {
      kind: "edit",
      edit: { kind: "create", ref, written, after },
      warnings: [...wanted.warnings, ...unsafe(after)],
    };
  }
  if (declared === undefined) {
    if (stored === undefined) return refused("not-found", `${formatRef(ref)} is not there`);
    return refused(
      "blocked",
      `${formatRef(ref)} is not in Git: Berth made it; add a manifest of it to App "${app.metadata.name}" (folder "${location.path}") and commit it`,
    );
  }
  const { base, isAhead } = baseOf(declared, stored, { app, location, context });
  const wanted = request.change(base, isAhead);
  if (verb === "delete") return { kind: "edit", edit: { kind: "delete", ref }, warnings: [] };
  if (wanted === undefined) return { kind: "unchanged", warnings: [] };
  const { written, after } = statedObjects(wanted);
  const before = statedPart(defaultObject(base, ref.namespace ?? ""));
  const warnings = [...wanted.warnings, ...unsafe(after)];
  if (isSameJson(before, after)) return { kind: "unchanged", warnings };
  return { kind: "edit", edit: { kind: "update", ref, before, written, after }, warnings };
}

function statedObjects({ written, after }: WantedObject): Pick<WantedObject, "written" | "after"> {
  return { written: statedPart(written), after: statedPart(after) };
}

/** The object as the head declares it, with what allocators and autoscalers gave. */
function baseOf(
  declared: Manifest,
  stored: ApiObject | undefined,
  { app, context }: Place,
): { readonly base: ApiObject; readonly isAhead: boolean } {
  const { serviceCidr, reservedIps } = context;
  const world = context.world.at(context.clock.now());
  const options = { app: app.metadata.name, serviceCidr, reservedIps };
  const [step] = planApply(world, [declared], options).steps;
  const base = step?.object ?? stored ?? declared.object;
  return { base, isAhead: stored !== undefined && step !== undefined };
}

interface HeadState {
  readonly head: Commit;
  readonly tree: string;
  readonly manifests: readonly Manifest[];
  readonly releases: readonly Release[];
}

/**
 * Deleting by name is consent for what is named, and for nothing else: what the head itself would remove must pass the
 * guard without it.
 */
function guardEdits(
  { app }: Batch,
  edits: readonly ObjectEdit[],
  { head, manifests, releases, tree }: HeadState,
): { readonly kind: "pass"; readonly consents: boolean } | Refused {
  const current = currentRelease(releases);
  if (current === undefined || !app.spec.prune) return { kind: "pass", consents: false };
  const gone = new Set(edits.filter(({ kind }) => kind === "delete").map(({ ref }) => refKey(ref)));
  const before = manifests.map(({ object }) => refOf(object));
  const added = edits.flatMap((edit) => (edit.kind === "create" ? [edit.ref] : []));
  const next = [...before.filter((ref) => !gone.has(refKey(ref))), ...added];
  const judge = (inventory: readonly ObjectRef[], commitMessage: string) =>
    guardPrune({
      app: app.metadata.name,
      previous: current.status.inventory,
      next: inventory,
      toPrune: planPrune(current, inventory),
      owed: owedBy(current),
      commitMessage,
      returning: releases.some(
        ({ status, spec }) => status.phase === "Healthy" && spec.tree === tree,
      ),
    });
  const ofHead =
    current.spec.tree === tree ? { kind: "allow" as const } : judge(before, head.message);
  if (ofHead.kind === "hold")
    return refused(
      "blocked",
      `App "${app.metadata.name}" takes no writes: its head ${short(head)} will be Held: ${ofHead.message}`,
    );
  const named = new Set([...gone, ...owedBy(current).map(refKey)]);
  const isNamed = planPrune(current, next).every((ref) => named.has(refKey(ref)));
  return { kind: "pass", consents: isNamed && judge(next, "").kind === "hold" };
}

function short({ id }: Commit): string {
  return id.slice(0, 12);
}
