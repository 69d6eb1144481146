import { join } from "node:path";
import { expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { openSources } from "../../src/sync/worker-sources.ts";
import { failure } from "../support/git-contract.ts";
import { GitUser, tempDir } from "../support/git-fixture.ts";

const signal = (): AbortSignal => AbortSignal.timeout(100_000);

function configMap(name: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  key: "1"\n`;
}

test("a tree that needs more memory than the worker has ends the worker, not the process", async () => {
  await using dir = await tempDir();
  const user = await new GitUser(join(dir.path, "repo")).init();
  const at = { repo: user.dir, branch: "main", path: "apps", namespace: "default" };
  const names = Array.from({ length: 20_000 }, (_, index) => `n${index}`);
  const big = await user.commit({ "apps/big.yaml": names.map(configMap).join("---\n") });
  const sources = await openSources({
    mirrorDir: join(dir.path, "mirrors"),
    engine: "auto",
    logger: silentLogger,
    maxHeapMb: 40,
  });
  const error = await failure(sources.load(at, big, signal()));
  expect(error.code).toBe("io");
  expect(error.message).toContain("memory");
  const id = await user.commit({ "apps/big.yaml": configMap("small") });
  expect((await sources.load(at, id, signal())).loaded.manifests).toHaveLength(1);
  await sources.close();
});

test("loading thousands of manifests takes no long turn of the receiving thread", async () => {
  await using dir = await tempDir();
  const user = await new GitUser(join(dir.path, "repo")).init();
  const at = { repo: user.dir, branch: "main", path: "apps", namespace: "default" };
  const files = Object.fromEntries(
    Array.from({ length: 3000 }, (_, index) => [`apps/f${index}.yaml`, configMap(`n${index}`)]),
  );
  const id = await user.commit(files);
  const sources = await openSources({
    mirrorDir: join(dir.path, "mirrors"),
    engine: "auto",
    logger: silentLogger,
  });
  const turns = new TurnMeter();
  const { loaded } = await sources.load(at, id, signal());
  expect(loaded.manifests).toHaveLength(3000);
  // Processor time, so that a busy machine does not count. In one message these take more than 50 ms.
  expect(turns.stop()).toBeLessThan(20);
  await sources.close();
});

/** The most processor time, in ms, that this thread spent between two turns of its loop. */
class TurnMeter {
  #last = process.threadCpuUsage();
  #longestMs = 0;
  #stopped = false;

  constructor() {
    this.#turn();
  }

  stop(): number {
    this.#stopped = true;
    return this.#longestMs;
  }

  #turn(): void {
    if (this.#stopped) return;
    const { user, system } = process.threadCpuUsage(this.#last);
    this.#last = process.threadCpuUsage();
    this.#longestMs = Math.max(this.#longestMs, (user + system) / 1000);
    setImmediate(() => this.#turn());
  }
}
