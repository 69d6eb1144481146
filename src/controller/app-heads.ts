import { backoffMs } from "../base/backoff.ts";
import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { accessKey } from "../sync/access.ts";
import { GitError } from "../sync/git.ts";
import { normalizeRepo } from "../sync/git-url.ts";
import type { Seen, SourceLocation, Sources } from "../sync/source.ts";
import { describeError } from "./loop.ts";

export interface AppHeadsOptions {
  readonly sources: Pick<Sources, "look" | "watch">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Apps for which Git says something new, all of one look at once. */
  readonly onSeen: (news: readonly News[]) => void;
  /** From 0 to 1: spreads the looks of many repositories. */
  readonly random?: () => number;
}

/** What Git says of an App's source now, and what it said before. */
export interface News {
  readonly app: string;
  readonly seen: Seen;
  readonly before: Seen | undefined;
}

/** After a failed look: soon again, then ever later, so that an ailing server is left in peace. */
const RETRY = { baseMs: 5000, maxMs: 300_000 };
/** The share of an interval by which looks are spread. */
const JITTER = 0.1;
/** Conversations with servers at the same time: one that hangs holds its own repository's only. */
const LOOKS_AT_ONCE = 64;

interface Member {
  readonly location: SourceLocation;
  readonly intervalMs: Millis;
  seen: Seen | undefined;
}

interface Repository {
  readonly key: string;
  readonly members: Map<string, Member>;
  failures: number;
  /** The look that runs now. */
  looking: Promise<void> | undefined;
  /** Whether somebody asked for a look since it began. */
  isAskedAgain: boolean;
  alarm: AbortController;
  watch: Promise<() => Promise<void>> | undefined;
}

/**
 * Looks at repositories, each one for all Apps that follow it: one conversation with its server per interval, with a
 * back-off of its own. Tells what is new, and remembers what was said last.
 */
export class AppHeads {
  readonly #options: AppHeadsOptions;
  readonly #repositories = new Map<string, Repository>();
  /** By App. */
  readonly #followed = new Map<string, Repository>();
  readonly #waiting: (() => void)[] = [];
  #looks = 0;
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: AppHeadsOptions) {
    this.#options = options;
  }

  /** Must come before anything else; what is followed is looked at until `signal` aborts. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
  }

  /** Follows a location for an App in place of the one before it. A new one is looked at at once. */
  follow(app: string, location: SourceLocation, intervalMs: Millis): void {
    const key = `${normalizeRepo(location.repo)} ${accessKey(location.access)}`;
    const known = this.#followed.get(app);
    const member = known?.members.get(app);
    if (known?.key === key && member !== undefined && isSameLocation(member.location, location)) {
      if (member.intervalMs === intervalMs) return;
      known.members.set(app, { ...member, intervalMs });
      this.#lookNow(known); // The wait for the next look was for the interval before.
      return;
    }
    this.unfollow(app);
    const repository = this.#repositories.get(key) ?? this.#open(key, location);
    repository.members.set(app, { location, intervalMs, seen: undefined });
    this.#followed.set(app, repository);
    this.#lookNow(repository);
  }

  unfollow(app: string): void {
    const repository = this.#followed.get(app);
    this.#followed.delete(app);
    repository?.members.delete(app);
    if (repository === undefined || repository.members.size > 0) return;
    this.#repositories.delete(repository.key);
    repository.alarm.abort();
    repository.watch?.then((stop) => stop()).catch(() => undefined);
  }

  /** What Git said last; `undefined` while it was not asked yet. */
  seen(app: string): Seen | undefined {
    return this.#followed.get(app)?.members.get(app)?.seen;
  }

  /** Other Apps of the same repository, with what Git said of them. */
  neighbours(app: string): readonly { readonly app: string; readonly seen: Seen | undefined }[] {
    const members = this.#followed.get(app)?.members ?? new Map<string, Member>();
    return [...members]
      .filter(([name]) => name !== app)
      .map(([name, { seen }]) => ({ app: name, seen }));
  }

  /** Looks now at what these Apps follow; at everything without them. */
  lookNow(apps?: Iterable<string>): void {
    if (apps === undefined) {
      for (const repository of this.#repositories.values()) this.#lookNow(repository);
      return;
    }
    const wanted = new Set([...apps].map((app) => this.#followed.get(app)));
    for (const repository of wanted) if (repository !== undefined) this.#lookNow(repository);
  }

  async close(): Promise<void> {
    const repositories = [...this.#repositories.values()];
    this.#repositories.clear();
    this.#followed.clear();
    for (const { alarm } of repositories) alarm.abort();
    await Promise.allSettled(repositories.map(async ({ looking }) => looking));
    await Promise.allSettled(repositories.map(async ({ watch }) => (await watch)?.()));
  }

  #open(key: string, location: SourceLocation): Repository {
    const repository: Repository = {
      key,
      members: new Map(),
      failures: 0,
      looking: undefined,
      isAskedAgain: false,
      alarm: new AbortController(),
      watch: undefined,
    };
    this.#repositories.set(key, repository);
    this.#watch(repository, location);
    return repository;
  }

  /** Local repositories tell of changes themselves; where that fails, the interval is left. */
  #watch(repository: Repository, location: SourceLocation): void {
    repository.watch = this.#options.sources.watch(location, () => this.#lookNow(repository));
    repository.watch.catch((error: unknown) => {
      repository.watch = undefined;
      this.#options.logger.warn(
        { repo: repository.key.split(" ", 1)[0], error: describeError(error) },
        "cannot watch the repository, will poll it",
      );
    });
  }

  #lookNow(repository: Repository): void {
    repository.isAskedAgain = true;
    repository.looking ??= this.#lookWhileAsked(repository);
  }

  /** Looks until nobody asks any more. */
  async #lookWhileAsked(repository: Repository): Promise<void> {
    // Whoever begins to follow in this turn of the loop shares the look.
    await Promise.resolve();
    while (repository.isAskedAgain && !this.#signal.aborted && repository.members.size > 0) {
      repository.isAskedAgain = false;
      repository.alarm.abort();
      await this.#take();
      try {
        await this.#look(repository);
      } finally {
        this.#give();
      }
    }
    repository.looking = undefined;
    this.#sleep(repository);
  }

  async #look(repository: Repository): Promise<void> {
    const members = [...repository.members];
    const answers = await this.#ask(members.map(([, { location }]) => location));
    const isDown = answers.every((seen) => seen.kind === "failed");
    repository.failures = isDown ? repository.failures + 1 : 0;
    const news: News[] = [];
    for (const [index, [app, member]] of members.entries()) {
      const seen = answers[index];
      // It may follow something else by now.
      const current = repository.members.get(app);
      if (seen === undefined || current?.location !== member.location) continue;
      const before = current.seen;
      if (before !== undefined && isSameSeen(before, seen)) continue;
      current.seen = seen;
      news.push({ app, seen, before });
    }
    if (news.length > 0) this.#options.onSeen(news);
    // Who came meanwhile was not asked about.
    if ([...repository.members.values()].some(({ seen }) => seen === undefined))
      repository.isAskedAgain = true;
  }

  async #ask(locations: readonly SourceLocation[]): Promise<readonly Seen[]> {
    try {
      return await this.#options.sources.look(locations, this.#signal);
    } catch (error) {
      if (this.#signal.aborted) return [];
      if (!(error instanceof GitError))
        this.#options.logger.error({ error: describeError(error) }, "looking at Git failed");
      const { code, message } =
        error instanceof GitError ? error : new GitError("io", describeError(error));
      return locations.map(() => ({ kind: "failed", code, message }));
    }
  }

  /** Until the next look. */
  #sleep(repository: Repository): void {
    if (this.#signal.aborted || repository.members.size === 0) return;
    const { clock, random = Math.random } = this.#options;
    const intervals = [...repository.members.values()].map(({ intervalMs }) => intervalMs);
    const interval = Math.min(...intervals);
    // A server that fails is asked less often than the interval says, never more often than the first retry.
    const base = repository.failures === 0 ? interval : backoffMs(RETRY, repository.failures);
    const waitMs = base * (1 + JITTER * (2 * random() - 1));
    const alarm = new AbortController();
    repository.alarm = alarm;
    const wake = (): void => {
      if (!alarm.signal.aborted && !this.#signal.aborted) this.#lookNow(repository);
    };
    clock.sleep(waitMs, AbortSignal.any([alarm.signal, this.#signal])).then(wake, () => undefined);
  }

  async #take(): Promise<void> {
    if (this.#looks < LOOKS_AT_ONCE) {
      this.#looks += 1;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await promise;
  }

  /** The place goes to who waits longest. */
  #give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#looks -= 1;
    else next();
  }
}

function isSameLocation(a: SourceLocation, b: SourceLocation): boolean {
  return (
    a.repo === b.repo &&
    a.branch === b.branch &&
    a.path === b.path &&
    a.namespace === b.namespace &&
    a.ignore === b.ignore &&
    JSON.stringify(a.revision) === JSON.stringify(b.revision)
  );
}

function isSameSeen(a: Seen, b: Seen): boolean {
  if (a.kind === "seen" && b.kind === "seen")
    return a.commit.id === b.commit.id && a.tree === b.tree;
  if (a.kind === "failed" && b.kind === "failed")
    return a.code === b.code && a.message === b.message;
  return false;
}
