import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CliError } from "../../src/cli/cli-error.ts";
import { lockNode } from "../../src/cli/node-lock.ts";
import type { NodeConfig } from "../../src/cli/node-setup.ts";

const CONFIG = { clusterId: "abc123", nodeName: "alpha" } as NodeConfig;

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "berth-lock-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function refusal(work: Promise<unknown>): Promise<CliError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CliError);
  return error as CliError;
}

test("a second agent in the same folder is refused, until the first has ended", async () => {
  await withFolder(async (folder) => {
    await using held = new AsyncDisposableStack();
    const stateDir = join(folder, "node");
    const locks = join(folder, "run");
    const first = await lockNode({ config: CONFIG, stateDir }, locks);
    const refused = await refusal(lockNode({ config: CONFIG, stateDir }, locks));
    expect(refused.message).toBe(
      `Cannot start node "alpha": this process runs it already, from "${stateDir}"`,
    );
    expect(refused.cure).toMatch(/end that one first/);
    await first[Symbol.asyncDispose]();
    expect(await readdir(locks), "nothing is left on the host").toEqual([]);
    held.use(await lockNode({ config: CONFIG, stateDir }, locks));
  });
});

test("the same node from another folder is refused; another node, or another cluster's, is not", async () => {
  await withFolder(async (folder) => {
    await using held = new AsyncDisposableStack();
    const locks = join(folder, "run");
    held.use(await lockNode({ config: CONFIG, stateDir: join(folder, "a") }, locks));
    const refused = await refusal(lockNode({ config: CONFIG, stateDir: join(folder, "b") }, locks));
    expect(refused.message).toMatch(
      /^Cannot start node "alpha" of cluster "abc123" from ".*": this process is this node already, from another folder/,
    );
    // What it took before it was refused, it gave back.
    const beta = { ...CONFIG, nodeName: "beta" };
    held.use(await lockNode({ config: beta, stateDir: join(folder, "b") }, locks));
    const elsewhere = { ...CONFIG, clusterId: "def456" };
    held.use(await lockNode({ config: elsewhere, stateDir: join(folder, "c") }, locks));
  });
});
