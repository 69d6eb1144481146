import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pushRevert } from "../../src/controller/revert-push.ts";
import { GitError } from "../../src/sync/git.ts";
import { filesOf, RevertBed } from "../support/revert-bed.ts";

describe("pushRevert()", () => {
  let bed: RevertBed;

  beforeEach(async () => {
    bed = await RevertBed.make();
    await bed.good("1", "one");
    await bed.bad("2", "two", "break it\n\nAllow-Prune: shop");
  });
  afterEach(() => bed[Symbol.asyncDispose]());

  /** The fake's publish puts the wanted folder on the branch. */
  const pushed = (): void => void bed.commit(filesOf("1", "one"), bed.lastMessage);

  test("puts the revert onto the branch, with the reason; our own commit makes no second rollout", async () => {
    await bed.push();
    expect(bed.published).toEqual(["main"]);
    expect(bed.lastMessage).toMatch(/^Revert "break it": its rollout failed\n/);
    expect(bed.lastMessage).toContain("Job default/two: two has ended");
    const bad = bed.releases()[1]?.spec.commit;
    expect(bed.lastMessage.trimEnd().split("\n\n").at(-1)).toBe(
      `Berth-App: shop\nBerth-Reverts: ${bad}`,
    );
    expect(bed.condition("RevertPushed")).toContain("True Pushed");
    pushed();
    await bed.look();
    expect(bed.history()).toEqual(["1 Healthy", "2 RolledBack", "3 Healthy shop-2"]);
    expect(bed.app().status?.appliedCommit).toBe(bed.app().status?.seenCommit);
    expect(bed.app().status?.healthyCommit).toBe(bed.app().status?.seenCommit);
    await bed.push();
    expect(bed.published).toEqual(["main"]);
  });

  test("after a crash behind the push, the revert that is there is recognised", async () => {
    pushed();
    await bed.push();
    expect(bed.published).toEqual([]);
    expect(bed.app().status?.quarantine?.[0]?.revert).toBe("Pushed");
    expect(bed.condition("RevertPushed")).toContain("is back at the content of");
  });

  test("leaves alone what came on top, and says so", async () => {
    bed.commit(filesOf("3", "two"));
    await bed.push();
    expect(bed.published).toEqual([]);
    expect(bed.condition("RevertPushed")).toContain("False NewerCommit: not pushed");
    expect(bed.app().status?.quarantine?.[0]?.revert).toBe("Dropped");
  });

  test.each([
    ["dirty", "DirtyWorkTree"],
    ["unreachable", "Unreachable"],
    ["unauthorized", "Unauthorized"],
  ] as const)(
    "a push that fails (%s) leaves what runs reverted, says so, and is tried again later",
    async (code, reason) => {
      bed.refusal = new GitError(code, "Cannot push; mend it");
      const first = await bed.push();
      expect(bed.condition("RevertPushed")).toBe(
        `False ${reason}: what runs was taken back, its revert is not in Git: Cannot push; mend it; it is tried again`,
      );
      expect(first.lookAgainAt).toBe(bed.clock.now() + 10_000);
      expect(await bed.push()).toEqual(first);
      await bed.look();
      expect(bed.history().at(-1)).toBe("3 Healthy shop-2");
      expect(bed.value()).toBe("1");
      await bed.clock.advance(10_000);
      expect(await bed.push()).toEqual({ lookAgainAt: bed.clock.now() + 20_000 });
      bed.refusal = undefined;
      await bed.clock.advance(20_000);
      await bed.push();
      expect(bed.published).toEqual(["main"]);
    },
  );

  test("a changed App is tried at once", async () => {
    bed.refusal = new GitError("unauthorized", "Cannot push");
    await bed.push();
    bed.refusal = undefined;
    await bed.change({ intervalSeconds: 20 });
    await bed.push();
    expect(bed.published).toEqual(["main"]);
  });

  test("a branch that moves meanwhile is read again soon", async () => {
    bed.refusal = new GitError("conflict", "it has moved on");
    expect(await bed.push()).toEqual({ lookAgainAt: bed.clock.now() + 200 });
    expect(bed.condition("RevertPushed")).toBe("none");
  });

  test("a protected branch gets a branch beside it and a request", async () => {
    bed.refusal = new GitError("rejected", "Cannot push: the branch is protected");
    await bed.push();
    const bad = bed.releases()[1]?.spec.commit.slice(0, 10);
    expect(bed.published).toEqual([`berth/revert-${bad}`]);
    expect(bed.condition("RevertPushed")).toMatch(
      /^False Proposed: Cannot push: the branch is protected; branch .* holds the revert: merge it/,
    );
    await bed.push();
    expect(bed.published).toHaveLength(1);
  });

  test("an App that takes writes as pull requests gets one", async () => {
    await bed.change({ write: "pull-request" });
    await bed.push();
    expect(bed.published).toEqual([expect.stringMatching(/^berth\/revert-/)]);
    expect(bed.app().status?.quarantine?.[0]?.revert).toBe("Proposed");
  });

  test("an App that takes no writes is only told of", async () => {
    await bed.change({ write: "deny" });
    expect(await bed.push()).toEqual({});
    expect(bed.published).toEqual([]);
    expect(bed.condition("RevertPushed")).toContain("False WriteDenied");
    await bed.change({ write: "commit" });
    await bed.push();
    expect(bed.published).toEqual(["main"]);
  });

  test("an App that follows a tag has no branch for it", async () => {
    await bed.change({ tag: "v1" });
    await bed.push();
    expect(bed.condition("RevertPushed")).toContain("False NoBranch");
  });
});

test("the revert waits until what runs is back", async () => {
  await using bed = await RevertBed.make();
  await bed.good("1", "one");
  bed.commit(filesOf("2", "two"));
  await bed.look();
  await bed.end("two", "Failed");
  await bed.harness.look("shop");
  expect(bed.releases().at(-1)?.status.applied).toBe(false);
  const context = bed.pushContext();
  const end = new AbortController().signal;
  expect(await pushRevert("shop", context, end)).toEqual({ lookAgainAt: bed.clock.now() + 1000 });
  expect(bed.published).toEqual([]);
});
