import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Problem } from "../../src/model/problem.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";

const CORPUS = new URL("../corpus/", import.meta.url);

/** What the first lines of a file announce: `# expect: field/unknown 7:3`, `# warn: ref/missing 9:5`. */
function announced(text: string, word: "expect" | "warn"): string[] {
  return [...text.matchAll(/^# (expect|warn): (\S+ \d+:\d+)$/gm)]
    .filter((match) => match[1] === word)
    .map((match) => match[2] ?? "");
}

function codesAndPlaces(problems: readonly Problem[]): string[] {
  return problems.map(({ code, at }) => `${code} ${at.line}:${at.column}`);
}

function filesOf(folder: string): { name: string; content: Uint8Array; text: string }[] {
  return readdirSync(new URL(folder, CORPUS))
    .toSorted()
    .map((name) => {
      const content = readFileSync(new URL(`${folder}${name}`, CORPUS));
      return { name, content, text: content.toString("utf8") };
    });
}

describe("valid manifests", () => {
  it.each(filesOf("valid/"))("$name", ({ name, content, text }) => {
    const { problems, warnings } = loadManifests([{ path: name, content }], {
      namespace: "default",
    });
    expect(codesAndPlaces(problems)).toEqual([]);
    expect(codesAndPlaces(warnings)).toEqual(announced(text, "warn"));
  });

  it("are all there", () => expect(filesOf("valid/").length).toBeGreaterThan(20));
});

describe("invalid manifests", () => {
  it.each(filesOf("invalid/"))("$name", ({ name, content, text }) => {
    const { manifests, problems } = loadManifests([{ path: name, content }], {
      namespace: "default",
    });
    expect(announced(text, "expect")).not.toEqual([]);
    expect(codesAndPlaces(problems)).toEqual(announced(text, "expect"));
    expect(manifests).toEqual([]);
  });

  it("are all there", () => expect(filesOf("invalid/").length).toBeGreaterThan(150));
});
