import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../support/clone.ts";

/** Values that a file imports when it is loaded; types and `await import()` are not among them. */
const IMPORT = /^(?:import|export)\s(?!type\s)(?:[^;]*?\sfrom\s)?"(?<source>[^"]+)";/gm;

/** All that loading these files loads, as written: packages, and modules of Node. */
function loadedBy(files: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const outside = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const { groups } of readFileSync(file, "utf8").matchAll(IMPORT)) {
      const source = groups?.["source"] ?? "";
      if (source.startsWith(".")) visit(join(dirname(file), source));
      else outside.add(source);
    }
  };
  for (const file of files) visit(join(ROOT, file));
  return outside;
}

test("a node loads few packages, and not node:http, which brings a WebSocket client", () => {
  const loaded = loadedBy([
    "src/cli/main.ts",
    "src/cli/node.ts",
    "src/cli/node-setup.ts",
    "src/cli/join-dir.ts",
  ]);
  const packages = [...loaded].filter((name) => !name.startsWith("node:")).toSorted();
  expect(packages).toEqual(["commander", "pino", "ws"]);
  expect([...loaded]).not.toContain("node:http");
  expect([...loaded]).not.toContain("node:http2");
});
