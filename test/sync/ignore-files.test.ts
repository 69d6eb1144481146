import { expect, test } from "vitest";
import { ignoreRule } from "../../src/sync/ignore-files.ts";

test.for([
  [[], "a.yaml", true],
  [["# nothing\n"], "a.yaml", true],
  [["*.tmp.yaml\n"], "x/a.tmp.yaml", false],
  [["/drafts/\n"], "drafts/a.yaml", false],
  [["/drafts/\n"], "apps/drafts/a.yaml", true],
  [["*\n!apps/\n!apps/**\n"], "apps/a.yaml", true],
  [["a.yaml\n", "!a.yaml\n"], "a.yaml", true],
  [["!a.yaml\n", "a.yaml\n"], "a.yaml", false],
] as const)("%j: %s counts: %j", ([texts, path, counts]) => {
  expect(ignoreRule(texts)(path)).toBe(counts);
});
