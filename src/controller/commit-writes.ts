import { backoffMs } from "../base/backoff.ts";
import { canonicalJson } from "../base/hash.ts";
import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { App, Release } from "../model/kinds.gen.ts";
import { APP_LABEL } from "../model/app.ts";
import { refKey, refOf, type ApiObject } from "../model/meta.ts";
import type { CommitWriter, WriteAnswer, WriteRequest } from "../model/write-request.ts";
import { planApply } from "../planner/check-manifests.ts";
import { currentRelease, releasesOf } from "../planner/release-rules.ts";
import { GitError } from "../sync/git.ts";
import type { SourceLocation } from "../sync/source.ts";
import { getApp } from "./app-context.ts";
import { locationOf } from "./app-location.ts";
import { statedPart } from "./commit-writes-stated.ts";
import {
  draftBatch,
  type BatchContext,
  type Draft,
  type Drafted,
  type RequestOutcome,
} from "./commit-writes-batch.ts";
import { refusalOf, refused, type Refused } from "./commit-writes-refusal.ts";
import { checkPolicy, propose, type ProposeContext } from "./commit-writes-policy.ts";
import { authorOf, describeWritten } from "./commit-writes-words.ts";
import { findTarget } from "./commit-writes-target.ts";
import { untilApplied } from "./commit-writes-wait.ts";
import { describeError } from "./loop.ts";

export interface CommitWritesOptions extends BatchContext, ProposeContext {
  /** What addresses of authors end with: `<name>@<domain>`. */
  readonly domain: string;
  /** Looks at the Apps' sources now. */
  readonly syncAll: (apps: readonly string[]) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 to 1: spreads the tries of several control planes and people. */
  readonly random: () => number;
}

/** One person's writes to one App within this time become one commit. */
const GATHER_MS: Millis = 200;
/** Whoever waits longer is told how far it came. */
const ANSWER_MS: Millis = 10_000;
/** Tries of a commit while others push to the same branch. */
const MAX_TRIES = 8;
const RETRY = { baseMs: 25, maxMs: 1000 };
/** Writes of one branch that wait; more are turned away at once. */
const MAX_WAITING = 500;
const MAX_BATCH = 200;
const MAX_HEADS = 500;
/** After it, a conversation with Git is given up. */
const GIT_MS = 60_000;

interface Pending {
  readonly request: WriteRequest;
  readonly app: App;
  readonly answer: (answer: WriteAnswer) => void;
  readonly fail: (error: unknown) => void;
  /** Monotonic. */
  readonly since: Millis;
  stage: "waiting" | "working" | "committed" | "gone";
  /** For people, once there is one. */
  commit?: string;
}

interface Lane {
  readonly waiting: Pending[];
}

/** Turns writes of people into commits: one at a time a branch, in the order in which they came. */
export class CommitWrites implements CommitWriter {
  readonly #options: CommitWritesOptions;
  readonly #lanes = new Map<string, Lane>();
  /** Heads that commits were made on, the latest last: times of commits are too coarse to tell which came first. */
  readonly #heads = new Set<string>();

  constructor(options: CommitWritesOptions) {
    this.#options = options;
  }

  async write(request: WriteRequest, signal: AbortSignal): Promise<WriteAnswer> {
    const { world, objects, clock } = this.#options;
    const stored = objects.get(request.ref)?.object;
    const target = findTarget(request.ref, request.app, stored, world);
    if (target.kind === "refused") return target;
    const { app } = target;
    const denied = checkPolicy(app, stored, request);
    if (denied !== undefined) return denied;
    const { promise, resolve, reject } = Promise.withResolvers<WriteAnswer>();
    const since = clock.monotonic();
    const pending: Pending = {
      request,
      app,
      answer: resolve,
      fail: reject,
      since,
      stage: "waiting",
    };
    if (!this.#enqueue(pending)) {
      return refused(
        "unavailable",
        `Cannot write: ${MAX_WAITING} writes wait for this branch already; try again later`,
      );
    }
    const over = new AbortController();
    const late = clock.sleep(ANSWER_MS, AbortSignal.any([signal, over.signal])).then(
      () => this.#tooLate(pending),
      () => (over.signal.aborted ? promise : this.#tooLate(pending)),
    );
    try {
      return await Promise.race([promise, late]);
    } finally {
      over.abort();
    }
  }

  async lastApplied(object: ApiObject, signal: AbortSignal): Promise<string | undefined> {
    const { world, sources, objects } = this.#options;
    const name = object.metadata.labels?.[APP_LABEL];
    const app = name === undefined ? undefined : getApp(name, this.#options);
    if (app === undefined) return undefined;
    const releases = world.list("berth.dev/v1", "Release") as readonly Release[];
    const current = currentRelease(releasesOf(releases, app.metadata.name));
    if (current === undefined) return undefined;
    try {
      const location = locationOf(app, objects);
      const { loaded } = await sources.load(location, current.spec.commit, signal);
      const key = refKey(refOf(object));
      const declared = loaded.manifests.find((manifest) => refKey(refOf(manifest.object)) === key);
      return declared === undefined ? undefined : appliedText(declared.object);
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      return undefined;
    }
  }

  #tooLate(pending: Pending): WriteAnswer {
    const { stage, commit } = pending;
    const seconds = ANSWER_MS / 1000;
    pending.stage = stage === "waiting" ? "gone" : stage;
    const said =
      commit !== undefined
        ? `${commit}, and it is not applied after ${seconds} s; see \`berth status\``
        : stage === "waiting"
          ? `nothing was committed within ${seconds} s; try again later`
          : `Git did not answer within ${seconds} s; whether the commit was made shows in \`git log\` of the branch`;
    return refused("timeout", said);
  }

  #enqueue(pending: Pending): boolean {
    const { repo, branch } = pending.app.spec;
    const key = `${repo}\0${branch}`;
    const lane = this.#lanes.get(key) ?? { waiting: [] };
    if (lane.waiting.length >= MAX_WAITING) return false;
    lane.waiting.push(pending);
    if (!this.#lanes.has(key)) {
      this.#lanes.set(key, lane);
      void this.#run(key, lane);
    }
    return true;
  }

  async #run(key: string, lane: Lane): Promise<void> {
    const { clock, logger } = this.#options;
    const never = new AbortController().signal;
    while (lane.waiting.length > 0) {
      const [first] = lane.waiting;
      const waited = clock.monotonic() - (first?.since ?? 0);
      const isTry = first?.request.dryRun === true;
      if (!isTry && waited < GATHER_MS) await clock.sleep(GATHER_MS - waited, never);
      const batch = takeBatch(lane.waiting);
      try {
        await this.#process(batch);
      } catch (error) {
        logger.error({ error: describeError(error) }, "cannot commit a write");
        for (const { fail } of batch) fail(error);
      }
    }
    this.#lanes.delete(key);
  }

  async #process(batch: readonly Pending[]): Promise<void> {
    const [first] = batch;
    if (first === undefined) return;
    for (const pending of batch) pending.stage = "working";
    const signal = AbortSignal.timeout(GIT_MS);
    const location = this.#locate(first.app);
    if ("kind" in location) {
      for (const pending of batch) pending.answer(location);
      return;
    }
    for (let attempt = 1; ; attempt += 1) {
      const made = await this.#draft(batch, location, signal);
      if (made.kind === "refused") {
        if (batch.length === 1) return first.answer(made);
        // One of them is at fault: each by itself, so that the others are not.
        for (const pending of batch) await this.#process([pending]);
        return;
      }
      const going = this.#answerOthers(batch, made.outcomes);
      if (made.draft === undefined) return;
      try {
        return await this.#publish(going, made.draft, location, signal);
      } catch (error) {
        const isRace = error instanceof GitError && error.code === "conflict";
        if (!isRace || attempt >= MAX_TRIES) {
          const answer = refusalOf(error);
          for (const { pending } of going) pending.answer(answer);
          return;
        }
      }
      const wait = backoffMs(RETRY, attempt) * (0.5 + this.#options.random());
      await this.#options.clock.sleep(wait, signal);
    }
  }

  #locate(app: App): SourceLocation | Refused {
    try {
      return locationOf(app, this.#options.objects);
    } catch (error) {
      return refusalOf(error);
    }
  }

  async #draft(
    batch: readonly Pending[],
    location: SourceLocation,
    signal: AbortSignal,
  ): Promise<({ readonly kind: "made" } & Drafted) | Refused> {
    const [first] = batch;
    const user = first?.request.user ?? "";
    try {
      const made = await draftBatch(
        {
          app: (first as Pending).app,
          location,
          author: authorOf(user, this.#options.domain),
          requests: batch.map(({ request }) => request),
        },
        this.#options,
        signal,
      );
      return "kind" in made ? made : { kind: "made", ...made };
    } catch (error) {
      return refusalOf(error);
    }
  }

  /** Those that are no part of the commit have their answer; the others are given back. */
  #answerOthers(batch: readonly Pending[], outcomes: readonly RequestOutcome[]): readonly Going[] {
    const going: Going[] = [];
    for (const [index, pending] of batch.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) continue;
      if (outcome.kind === "edit") going.push({ pending, warnings: outcome.warnings });
      else if (outcome.kind === "failed") pending.fail(outcome.error);
      else if (outcome.kind === "refused") pending.answer(outcome);
      else pending.answer(this.#unchanged(pending, outcome.warnings));
    }
    return going;
  }

  #unchanged({ request }: Pending, warnings: readonly string[]): WriteAnswer {
    const object = this.#options.objects.get(request.ref)?.object;
    return object === undefined
      ? refused("not-found", `${request.ref.kind} "${request.ref.name}" is not there yet`)
      : { kind: "unchanged", object, warnings };
  }

  async #publish(
    going: readonly Going[],
    draft: Draft,
    location: SourceLocation,
    signal: AbortSignal,
  ): Promise<void> {
    const [first] = going;
    if (first === undefined) return;
    const { app, request } = first.pending;
    if (request.dryRun) {
      for (const { pending, warnings } of going)
        pending.answer(this.#tried(pending, draft, warnings));
      return;
    }
    const { commit, changes } = draft;
    if (app.spec.write === "pull-request") {
      const message = await propose(app, draft, location, this.#options, signal);
      for (const { pending } of going) pending.answer({ kind: "proposed", message });
      return;
    }
    await this.#options.sources.publish(
      location,
      { branch: location.branch, commit, changes },
      signal,
    );
    const told = describeWritten(draft, location.branch);
    for (const { pending } of going) Object.assign(pending, { stage: "committed", commit: told });
    this.#rememberHeads(commit.parents);
    this.#options.syncAll([app.metadata.name]);
    void this.#answerWhenApplied(going, draft, told);
  }

  /** The next commit of the branch need not wait for it. */
  async #answerWhenApplied(
    going: readonly Going[],
    { commit }: Draft,
    told: string,
  ): Promise<void> {
    const { objects } = this.#options;
    const [first] = going;
    if (first === undefined) return;
    try {
      const older = new Set(this.#heads);
      const end = AbortSignal.timeout(GIT_MS);
      const bad = await untilApplied(
        first.pending.app.metadata.name,
        { commit, older },
        this.#options,
        end,
      );
      for (const { pending, warnings } of going) {
        const object = objects.get(pending.request.ref)?.object;
        pending.answer(bad ?? { kind: "written", object, warnings: [told, ...warnings] });
      }
    } catch {
      // Whoever asked has been told already that it takes longer.
      for (const { pending } of going) pending.answer(this.#tooLate(pending));
    }
  }

  #rememberHeads(ids: readonly string[]): void {
    for (const id of ids) this.#heads.add(id);
    for (const oldest of this.#heads) {
      if (this.#heads.size <= MAX_HEADS) return;
      this.#heads.delete(oldest);
    }
  }

  #tried({ request, app }: Pending, draft: Draft, warnings: readonly string[]): WriteAnswer {
    const { world, clock, serviceCidr, reservedIps } = this.#options;
    const key = refKey(request.ref);
    const manifest = draft.manifests.find(({ object }) => refKey(refOf(object)) === key);
    if (manifest === undefined) return { kind: "tried", object: undefined, warnings };
    const options = { app: app.metadata.name, serviceCidr, reservedIps };
    const [step] = planApply(world.at(clock.now()), [manifest], options).steps;
    return { kind: "tried", object: step?.object ?? manifest.object, warnings };
  }
}

/** As kubectl writes it. */
function appliedText(object: ApiObject): string {
  const { metadata, ...rest } = statedPart(object);
  const annotations = metadata.annotations ?? {};
  return `${canonicalJson({ ...rest, metadata: { ...metadata, annotations } })}\n`;
}

interface Going {
  readonly pending: Pending;
  readonly warnings: readonly string[];
}

/** The first one that waits, and those of the same person to the same App that go with it. */
function takeBatch(waiting: Pending[]): readonly Pending[] {
  const batch: Pending[] = [];
  const keys = new Set<string>();
  const rest: Pending[] = [];
  for (const pending of waiting) {
    if (pending.stage === "gone") continue;
    const [first] = batch;
    const key = refKey(pending.request.ref);
    const fits = first === undefined || (batch.length < MAX_BATCH && isSameKind(first, pending));
    // A second write of one object comes after the first; and so does what follows it.
    if (fits && !keys.has(key)) batch.push(pending);
    else rest.push(pending);
    if (fits || isSameKind(batch[0], pending)) keys.add(key);
  }
  waiting.splice(0, waiting.length, ...rest);
  return batch;
}

function isSameKind(first: Pending | undefined, other: Pending): boolean {
  if (first === undefined) return false;
  const [a, b] = [first.request, other.request];
  return (
    a.user === b.user &&
    a.dryRun === b.dryRun &&
    a.client === b.client &&
    a.message === b.message &&
    first.app.metadata.name === other.app.metadata.name
  );
}
