import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Problem } from "../../src/model/problem.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import { loadAhead } from "../support/ahead.ts";

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

interface CorpusFile {
  readonly name: string;
  readonly content: Uint8Array;
  readonly text: string;
}

function filesOf(folder: string): CorpusFile[] {
  return readdirSync(new URL(folder, CORPUS))
    .toSorted()
    .map((name) => {
      const content = readFileSync(new URL(`${folder}${name}`, CORPUS));
      return { name, content, text: content.toString("utf8") };
    });
}

/**
 * What is said to a file. Where a kind or field of it has no engine yet, and the file is not about that, the answer
 * of the schemas without those marks: so the corpus holds before and after an engine lands.
 */
function findingsOf({ name, content, text }: CorpusFile): {
  problems: string[];
  warnings: string[];
} {
  const file = { path: name, content };
  const loaded = loadManifests([file], { namespace: "default" });
  const expected = announced(text, "expect");
  const isEarly = codesAndPlaces(loaded.problems).some(
    (problem) => /\/not-yet /.test(problem) && !expected.includes(problem),
  );
  const { problems, warnings } = isEarly ? loadAhead(file) : loaded;
  if (!isEarly) expect(loaded.manifests.length === 0 || problems.length === 0).toBe(true);
  return { problems: codesAndPlaces(problems), warnings: codesAndPlaces(warnings) };
}

describe.each(["valid/", "charts/"])("%s", (folder) => {
  it.each(filesOf(folder))("$name", (file) => {
    const { problems, warnings } = findingsOf(file);
    expect(problems).toEqual([]);
    expect(warnings).toEqual(announced(file.text, "warn"));
  });
});

describe("invalid manifests", () => {
  it.each(filesOf("invalid/"))("$name", (file) => {
    expect(announced(file.text, "expect")).not.toEqual([]);
    expect(findingsOf(file).problems).toEqual(announced(file.text, "expect"));
  });
});

describe("manifests that wait for an engine", () => {
  it.each(filesOf("not-yet/"))("$name", ({ name, content, text }) => {
    const { problems } = loadManifests([{ path: name, content }], { namespace: "default" });
    const found = codesAndPlaces(problems);
    expect(announced(text, "expect").every((line) => line.includes("/not-yet "))).toBe(true);
    // The engine has come: the file may stay, and says nothing any more.
    expect([[], announced(text, "expect")]).toContainEqual(
      found.filter((line) => line.includes("/not-yet ")),
    );
  });
});

it("the corpus is all there", () => {
  expect(filesOf("valid/").length).toBeGreaterThan(45);
  expect(filesOf("invalid/").length).toBeGreaterThan(295);
});
