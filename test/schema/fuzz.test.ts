import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import type { LoadedManifests } from "../../src/schema/manifest.ts";

/*
 * Whatever the bytes are: an answer, soon. The limit is far above what any of these takes on a quiet machine (half a
 * second at most); a hang, or time that grows with the square of the text, is what it must tell.
 */
const TIME_LIMIT_MS = 10_000;
const SIZE = 800_000;

function load(content: Uint8Array): LoadedManifests {
  const startedAt = performance.now();
  const loaded = loadManifests([{ path: "a.yaml", content }], { namespace: "default" });
  expect(performance.now() - startedAt).toBeLessThan(TIME_LIMIT_MS);
  expect(loaded.manifests.length === 0 || loaded.problems.length === 0).toBe(true);
  expect(loaded.problems.length).toBeLessThanOrEqual(101);
  return loaded;
}

function codesOf(text: string): readonly string[] {
  const { problems } = load(new TextEncoder().encode(text));
  return [...new Set(problems.map(({ code }) => code))];
}

const fill = (piece: string, size = SIZE): string => piece.repeat(Math.floor(size / piece.length));
const lines = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => `${line(index)}\n`).join("");
const HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n";

describe("almost a megabyte of", { timeout: 60_000 }, () => {
  it.each([
    ["open brackets", fill("["), "yaml/depth"],
    ["open braces", fill("{a: "), "yaml/depth"],
    ["dashes", fill("- "), "yaml/depth"],
    ["deeper and deeper lines", lines(1200, (n) => `${" ".repeat(n)}a:`), "yaml/depth"],
    ["one quote", `a: "${fill("x")}`, "yaml/syntax"],
    ["two quotes each", `a: '${fill("''")}`, "kind/missing"],
    ["backslashes", `a: "${fill("\\\\")}"`, "kind/missing"],
    ["one plain word", `a: ${fill("x")}`, "kind/missing"],
    ["digits", `a: ${fill("1")}`, "kind/missing"],
    ["digits and underscores", `a: ${fill("1_")}x`, "kind/missing"],
    ["one comment", `# ${fill("x")}\na: 1`, "kind/missing"],
    ["colons", fill("a: "), "yaml/depth"],
    ["question marks", fill("? "), "yaml/depth"],
    ["anchors", fill("&a "), "file/too-complex"],
    ["aliases without an anchor", fill("*a\n"), "yaml/syntax"],
    ["tags", fill("!a "), "file/too-complex"],
    ["anchors with names", lines(60_000, (n) => `a${n}: &a${n} 1`), "file/too-complex"],
    ["aliases of one anchor", `a: &a 1\n${lines(70_000, (n) => `b${n}: *a`)}`, "file/too-complex"],
    ["one name", fill("a: 1\n"), "file/too-complex"],
    ["names", lines(70_000, (n) => `k${n}: 1`), "kind/missing"],
    ["fields that nobody knows", HEAD + lines(60_000, (n) => `f${n}: ${n}`), "field/unknown"],
    [
      "numbers that need quotes",
      `${HEAD}data:\n${lines(60_000, (n) => `  k${n}: ${n}`)}`,
      "field/quote",
    ],
    ["items", `a:\n${fill("- b\n")}`, "kind/missing"],
    ["items of a List", `apiVersion: v1\nkind: List\nitems:\n${fill("- a: 1\n")}`, "kind/missing"],
    ["a flow list", `[${fill("1, ")}1]`, "object/shape"],
    ["a block", `a: |\n${fill("  x\n")}`, "kind/missing"],
    ["a block of spaces", `a: |\n${fill("  \n")}`, "kind/missing"],
    ["a folded block", `a: >\n${fill("  x\n\n   y\n")}`, "kind/missing"],
    ["tabs", fill("\t"), undefined],
    ["line ends", fill("\n"), undefined],
    ["line ends of a Macintosh", fill("\r"), "object/shape"],
    ["line ends of Windows", fill("a: b\r\n"), "file/too-complex"],
    ["documents", fill("---\n"), "yaml/documents"],
    ["documents with a mistake", lines(9000, () => "a: [\n---"), "yaml/syntax"],
    ["words of YAML 1.1", `a:\n${fill("- yes\n")}`, "file/too-complex"],
  ])("%s", (_what, text, code) => {
    expect(codesOf(text)[0]).toBe(code);
  });
});

describe("aliases that stand for ever more", () => {
  it("are refused before they are written out", () => {
    const doubled = lines(60, (n) => `a${n + 1}: &a${n + 1} [*a${n}, *a${n}]`);
    expect(codesOf(`a0: &a0 [x]\n${doubled}`)).toEqual(["yaml/expansion"]);
    const merged = lines(2000, (n) => `a${n + 1}: &a${n + 1} {<<: *a${n}, k${n}: 1}`);
    expect(codesOf(`a0: &a0 {x: 1}\n${merged}`)).toContain("yaml/depth");
  });
});

describe("bytes that are no text", () => {
  const text = new TextEncoder().encode(HEAD);
  it.each([
    ["NULs", new Uint8Array(SIZE), "file/binary"],
    ["a NUL at the end", new Uint8Array([...text, 0]), "file/binary"],
    ["a cut character", new Uint8Array([...text, 0xe2, 0x82]), "file/binary"],
    ["an overlong character", new Uint8Array([...text, 0xc0, 0xaf]), "file/binary"],
    ["half of a surrogate pair", new Uint8Array([...text, 0xed, 0xa0, 0x80]), "file/binary"],
    [
      "UTF-16, little end first",
      new Uint8Array(Buffer.from(`\uFEFF${HEAD}`, "utf16le")),
      "file/binary",
    ],
    ["UTF-16, big end first", Buffer.from(`\uFEFF${HEAD}`, "utf16le").swap16(), "file/binary"],
    ["a byte order mark before text", new Uint8Array([0xef, 0xbb, 0xbf, ...text]), undefined],
    [
      "two byte order marks",
      new Uint8Array([0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf, ...text]),
      undefined,
    ],
  ])("%s", (_what, content, code) => {
    expect(load(content).problems[0]?.code).toBe(code);
  });
});

describe("random bytes", { timeout: 60_000 }, () => {
  it("in any mixture of text and noise", () => {
    const noise = fc.uint8Array({ maxLength: 200 });
    const signs = fc
      .array(fc.constantFrom(...Array.from("\n\n  --::##[]{},&*!|>'\"%@`?.~0a\t\r\u00a0€")), {
        maxLength: 200,
      })
      .map((parts) => new TextEncoder().encode(parts.join("")));
    const piece = fc.oneof(noise, signs, fc.constant(new TextEncoder().encode(HEAD)));
    const property = fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      load(Buffer.concat(pieces));
    });
    fc.assert(property, { numRuns: 500 });
  });
});
