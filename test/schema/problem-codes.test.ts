import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { compare } from "../../src/base/order.ts";

const SOURCES = new URL("../../src/schema/", import.meta.url);
const CORPUS = new URL("../corpus/", import.meta.url);
const DOCS = new URL("../../docs/problems.md", import.meta.url);

/** The members of the union `ProblemCode`: the compiler sees to it that no other code is used. */
const CODES = codesOf(new URL("problem-codes.ts", SOURCES));
/** Of encrypted files, which are opened before they are manifests. */
const SOPS_CODES = codesOf(new URL("../sync/sops/sops-error.ts", SOURCES));

function codesOf(file: URL): readonly string[] {
  const found = readFileSync(file, "utf8").matchAll(/"([a-z-]+\/[a-z-]+)"/g);
  return [...found].map(([, code = ""]) => code);
}

/** Entries that other rooms document in the same file stand under another area. */
const AREAS = new Set(CODES.map((code) => code.split("/")[0]));

function textOf(folder: URL): string {
  return readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => /\.(?:ts|yaml)$/.test(name) && name !== "problem-codes.ts")
    .map((name) => readFileSync(new URL(name, folder), "utf8"))
    .join("\n");
}

it("every code is documented, with cause and cure", () => {
  const entries = readFileSync(DOCS, "utf8")
    .split(/^### /m)
    .slice(1)
    .map((entry) => ({ code: /^`([^`]+)`/.exec(entry)?.[1] ?? "", entry }));
  const documented = entries.filter(({ code }) => AREAS.has(code.split("/")[0]));
  const codes = [...CODES, ...SOPS_CODES].toSorted(compare);
  expect(documented.map(({ code }) => code)).toEqual(codes);
  for (const { code, entry } of documented) {
    expect(entry, code).toMatch(/^\*\*Cause\.\*\* \S/m);
    expect(entry, code).toMatch(/^\*\*Cure\.\*\* \S/m);
  }
});

it("every code is used, and stands in order", () => {
  const sources = textOf(SOURCES);
  expect(CODES.filter((code) => !sources.includes(`"${code}"`))).toEqual([]);
  expect(CODES).toEqual(CODES.toSorted());
  expect(CODES.length).toBeGreaterThan(40);
});

/** Codes that only bytes, sizes or options bring about, tested beside the corpus. */
const OUTSIDE_CORPUS = [
  "crd/not-evaluated",
  "crd/schema",
  "file/binary",
  "file/too-complex",
  "file/too-large",
  "file/too-many-problems",
  "object/too-large",
  "secret/plain",
  "yaml/documents",
];

it("every code has its case in the corpus", () => {
  const corpus = textOf(CORPUS);
  const missing = CODES.filter(
    (code) => !new RegExp(`^# (?:expect|warn): ${code} `, "m").test(corpus),
  );
  expect(missing).toEqual(OUTSIDE_CORPUS);
});
