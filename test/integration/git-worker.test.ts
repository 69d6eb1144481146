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
  const big = await user.commit({
    "apps/big.yaml": names.map(configMap).join("---\n"),
  });
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
