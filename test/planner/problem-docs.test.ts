import { readFileSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";

test("every problem code of the planner has an entry in docs/problems.md", () => {
  const docs = readFileSync(new URL("../../docs/problems.md", import.meta.url), "utf8");
  const folder = new URL("../../src/planner/", import.meta.url);
  const text = readdirSync(folder)
    .map((file) => readFileSync(new URL(file, folder), "utf8"))
    .join("\n");
  const codes = new Set(
    [...text.matchAll(/code: "([a-z-]+\/[a-z-]+)"/g)].map(([, code]) => code ?? ""),
  );
  expect(codes.size).toBeGreaterThan(5);
  expect([...codes].filter((code) => !docs.includes(`### \`${code}\``))).toEqual([]);
});
