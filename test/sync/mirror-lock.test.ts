import { existsSync } from "node:fs";
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { waitForLock } from "../../src/sync/mirror-lock.ts";

const signal = new AbortController().signal;
let mirror: string;
let lock: string;

beforeEach(async () => {
  mirror = await mkdtemp(join(tmpdir(), "berth-lock-"));
  lock = join(mirror, "shallow.lock");
  await writeFile(lock, "");
});

afterEach(() => rm(mirror, { recursive: true }));

const said = (path: string): string =>
  `fatal: Unable to create '${path}': File exists.\n\nAnother git process`;

test("a lock that is held is waited for and left alone", async () => {
  expect(await waitForLock(said(lock), mirror, signal)).toBe(true);
  expect(existsSync(lock)).toBe(true);
});

test("the lock of a process that was killed is removed", async () => {
  const longAgo = new Date(Date.now() - 86_400_000);
  await utimes(lock, longAgo, longAgo);
  expect(await waitForLock(said(lock), mirror, signal)).toBe(true);
  expect(existsSync(lock)).toBe(false);
});

test("a lock outside of the mirror is never removed", async () => {
  const longAgo = new Date(Date.now() - 86_400_000);
  await utimes(lock, longAgo, longAgo);
  expect(await waitForLock(said(lock), join(mirror, "other"), signal)).toBe(true);
  expect(existsSync(lock)).toBe(true);
});

test("two pushes for one ref wait for each other; other failures are no locks", async () => {
  expect(await waitForLock("error: cannot lock ref 'refs/mirror/main'", mirror, signal)).toBe(true);
  expect(await waitForLock("fatal: could not resolve host", mirror, signal)).toBe(false);
});
