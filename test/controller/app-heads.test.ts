import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { AppHeads, type News } from "../../src/controller/app-heads.ts";
import { GitError } from "../../src/sync/git.ts";
import type { SourceLocation } from "../../src/sync/source.ts";
import { FakeSources } from "../support/fake-sources.ts";
import { ManualClock } from "../support/manual-clock.ts";

const at = (path: string, repo = "https://h/repo"): SourceLocation => ({
  repo,
  branch: "main",
  path,
  namespace: "default",
});

describe("AppHeads", () => {
  let clock: ManualClock;
  let sources: FakeSources;
  let heads: AppHeads;
  let news: string[];
  const stop = { signal: new AbortController() };

  beforeEach(() => {
    clock = new ManualClock();
    sources = new FakeSources();
    news = [];
    stop.signal = new AbortController();
    const onSeen = (found: readonly News[]): void =>
      void news.push(found.map(({ app }) => app).join());
    heads = new AppHeads({ sources, clock, logger: silentLogger, onSeen, random: () => 0.5 });
    heads.start(stop.signal.signal);
  });
  afterEach(async () => {
    stop.signal.abort();
    await heads.close();
  });

  test("Apps of one repository share a look, by the shortest of their intervals", async () => {
    sources.commit({ "a/x.yaml": "1", "b/x.yaml": "1" });
    heads.follow("one", at("a"), 60_000);
    heads.follow("two", at("b", "https://H/repo/"), 20_000);
    await clock.advance(0);
    expect([sources.looks, ...news]).toEqual([1, "one,two"]);
    await clock.advance(19_999);
    expect(sources.looks).toBe(1);
    await clock.advance(1);
    expect(sources.looks).toBe(2);
    expect(news).toHaveLength(1);
  });

  test("tells of those alone for which Git says something new", async () => {
    sources.commit({ "a/x.yaml": "1" });
    heads.follow("one", at("a"), 10_000);
    heads.follow("lost", at("nowhere"), 10_000);
    await clock.advance(0);
    sources.commit({ "a/x.yaml": "2" });
    await clock.advance(10_000);
    expect(news).toEqual(["one,lost", "one"]);
    expect(heads.seen("lost")).toMatchObject({ kind: "failed", code: "no-such-path" });
  });

  test("a repository that fails is asked ever less often, and others as before", async () => {
    sources.commit({ "a/x.yaml": "1" });
    sources.failure = new GitError("unreachable", "Cannot reach it");
    heads.follow("one", at("a"), 1000);
    await clock.advance(0);
    const looks = async (ms: number): Promise<number> => {
      const before = sources.looks;
      await clock.advance(ms);
      return sources.looks - before;
    };
    expect(heads.seen("one")).toMatchObject({ kind: "failed", code: "unreachable" });
    sources.failure = undefined;
    expect(await looks(4999)).toBe(0);
    expect(await looks(1)).toBe(1);
    expect(await looks(1000)).toBe(1);
  });

  test("a webhook's look is at once, for its Apps' repository alone", async () => {
    sources.commit({ "a/x.yaml": "1" });
    heads.follow("one", at("a"), 60_000);
    heads.follow("other", at("a", "https://h/other"), 60_000);
    await clock.advance(0);
    expect(sources.looks).toBe(2);
    heads.lookNow(["one"]);
    await clock.advance(0);
    expect(sources.looks).toBe(3);
    heads.lookNow();
    await clock.advance(0);
    expect(sources.looks).toBe(5);
  });

  test("a shorter interval counts from now on, and who leaves is not looked for", async () => {
    sources.commit({ "a/x.yaml": "1" });
    heads.follow("one", at("a"), 3_600_000);
    await clock.advance(0);
    heads.follow("one", at("a"), 1000);
    await clock.advance(0);
    const before = sources.looks;
    await clock.advance(1000);
    expect(sources.looks).toBe(before + 1);
    heads.unfollow("one");
    await clock.advance(10_000);
    expect(sources.looks).toBe(before + 1);
    expect(heads.seen("one")).toBeUndefined();
  });
});
