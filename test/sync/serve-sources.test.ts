import { once } from "node:events";
import { join } from "node:path";
import { MessageChannel } from "node:worker_threads";
import { expect, test } from "vitest";
import type { Manifest } from "../../src/schema/manifest.ts";
import { serveSources } from "../../src/sync/serve-sources.ts";
import type { FromWorker, ManifestSlice, RevisionHead } from "../../src/sync/source-protocol.ts";
import { GitUser, tempDir } from "../support/git-fixture.ts";

/** 500 small manifests, then 20 of 50,000 characters. */
const MANIFESTS: readonly Manifest[] = Array.from({ length: 520 }, (_, index) => ({
  object: {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: `m${index}` },
    data: { key: "x".repeat(index < 500 ? 10 : 50_000) },
  },
  at: { file: "a.yaml", line: index, column: 1 },
  hash: `h${index}`,
}));

test("serveSources() sends a revision in slices that are short to parse, and forgets it after the last", async () => {
  await using dir = await tempDir();
  const user = await new GitUser(join(dir.path, "repo")).init();
  const id = await user.commit({ "a.yaml": "a" });
  const at = { repo: user.dir, branch: "main", path: ".", namespace: "default" };
  const { port1, port2 } = new MessageChannel();
  const settings = { mirrorDir: join(dir.path, "mirrors"), engine: "auto" } as const;
  serveSources(port2, settings, () => ({ manifests: MANIFESTS, problems: [], warnings: [] }));

  let calls = 0;
  async function call(verb: string, ...args: readonly unknown[]): Promise<FromWorker> {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    port1.postMessage({ kind: "call", id: ++calls, verb, args });
    for (;;) {
      const [message] = (await once(port1, "message")) as [FromWorker];
      if (message.kind !== "log") return message;
    }
  }
  async function value<T>(verb: string, ...args: readonly unknown[]): Promise<T> {
    const answer = await call(verb, ...args);
    expect(answer).toMatchObject({ kind: "done", id: calls });
    return (answer as { value: T }).value;
  }

  const { revision, first } = await value<RevisionHead>("load", at, id);
  const slices: ManifestSlice[] = first === undefined ? [] : [first];
  while (slices.at(-1)?.last !== true) slices.push(await value<ManifestSlice>("slice", revision));
  const parsed = slices.map(({ json }) => JSON.parse(json) as Manifest[]);
  expect(parsed.flat()).toEqual(MANIFESTS);
  expect(Math.max(...parsed.map(({ length }) => length))).toBeLessThanOrEqual(200);
  expect(Math.max(...slices.map(({ json }) => json.length))).toBeLessThan(256_000 + 51_000);
  expect(await call("slice", revision)).toMatchObject({ kind: "failed" });
  await value("close");
  port1.close();
});
