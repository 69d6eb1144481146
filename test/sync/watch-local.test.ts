import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { watchLocal } from "../../src/sync/watch-local.ts";
import { GitUser, tempDir } from "../support/git-fixture.ts";

/** Real processes on a machine that may be busy. */
const PATIENCE = { timeout: 30_000 };

/** Counts callbacks, and waits for the next one. */
class Listener {
  calls = 0;
  #wake: () => void = () => undefined;

  readonly notify = (): void => {
    this.calls++;
    this.#wake();
  };

  /** Resolves at the first callback after `since`; the test's time-out is the limit. */
  async after(since: number): Promise<void> {
    while (this.calls <= since) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }
}

async function using(work: (user: GitUser, root: string) => Promise<void>): Promise<void> {
  await using dir = await tempDir();
  await work(await new GitUser(join(dir.path, "repo")).init(), dir.path);
}

test("watchLocal() calls back for the first commit, and for the next", PATIENCE, () =>
  using(async (user) => {
    const listener = new Listener();
    const stop = await watchLocal(user.dir, listener.notify);
    await user.commit({ "a.yaml": "1" });
    await listener.after(0);
    const before = listener.calls;
    await user.commit({ "a.yaml": "2" });
    await listener.after(before);
    await stop();
  }),
);

test("watchLocal() calls back within 100 ms of a change, at its best of three", PATIENCE, () =>
  using(async (user) => {
    await user.commit({ "a.yaml": "0" });
    const [id, other] = [
      await user.commit({ "a.yaml": "1" }),
      await user.commit({ "a.yaml": "2" }),
    ];
    const listener = new Listener();
    const stop = await watchLocal(user.dir, listener.notify);
    const delays: number[] = [];
    for (const target of [id, other, id]) {
      const before = listener.calls;
      await user.git("update-ref", "refs/heads/main", target);
      const at = performance.now();
      await listener.after(before);
      delays.push(performance.now() - at);
    }
    expect(Math.min(...delays)).toBeLessThan(100);
    await stop();
  }),
);

test("watchLocal() sees new branches in folders, packed refs and a switched HEAD", PATIENCE, () =>
  using(async (user) => {
    await user.commit({ "a.yaml": "1" });
    const listener = new Listener();
    const stop = await watchLocal(user.dir, listener.notify);
    for (const args of [
      ["branch", "env/prod"],
      ["pack-refs", "--all"],
      ["symbolic-ref", "HEAD", "refs/heads/env/prod"],
      ["branch", "-D", "main"],
    ]) {
      const before = listener.calls;
      await user.git(...args);
      await listener.after(before);
    }
    await stop();
  }),
);

test(
  "watchLocal() of a linked work tree sees commits made there and in the main one",
  PATIENCE,
  () =>
    using(async (user, root) => {
      await user.commit({ "a.yaml": "1" });
      await user.git("worktree", "add", "--quiet", "-b", "prod", "../linked");
      const linked = new GitUser(join(root, "linked"));
      const listener = new Listener();
      const stop = await watchLocal(linked.dir, listener.notify);
      await linked.commit({ "b.yaml": "b" });
      await listener.after(0);
      const before = listener.calls;
      await user.commit({ "c.yaml": "c" });
      await listener.after(before);
      await stop();
    }),
);

test(
  "watchLocal() calls back when the repository vanishes, and again when it is back",
  PATIENCE,
  () =>
    using(async (user, root) => {
      await user.commit({ "a.yaml": "1" });
      const listener = new Listener();
      const stop = await watchLocal(user.dir, listener.notify);
      await rename(user.dir, join(root, "away"));
      await listener.after(0);
      const gone = listener.calls;
      await rename(join(root, "away"), user.dir);
      await listener.after(gone);
      // The watch that came back sees commits, too.
      const before = listener.calls;
      await user.commit({ "a.yaml": "2" });
      await listener.after(before);
      await stop();
    }),
);

test("watchLocal() stops for good, also while the repository is away", PATIENCE, () =>
  using(async (user) => {
    await user.commit({ "a.yaml": "1" });
    const listener = new Listener();
    const stop = await watchLocal(user.dir, listener.notify);
    await rm(user.dir, { recursive: true });
    await listener.after(0);
    await stop();
    const before = listener.calls;
    await user.init();
    await user.commit({ "a.yaml": "2" });
    expect(listener.calls).toBe(before);
  }),
);
