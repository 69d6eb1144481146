import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { safePattern } from "../../src/schema/safe-pattern.ts";

describe("safePattern", () => {
  it("finds what the pattern says, anywhere unless it is anchored", () => {
    expect(safePattern("b+")?.("abbc")).toBe(true);
    expect(safePattern("^b+$")?.("abbc")).toBe(false);
    expect(safePattern("")?.("x")).toBe(true);
    expect(safePattern("^.$")?.("😀")).toBe(true);
  });

  const piece = fc.constantFrom(
    ..."a b c - . [ab] [^a] [a-c] \\d \\w \\S \\. (a|b) (?:bc) (a|) a* b+ c? a{2} b{1,2} c{0,} (ab)* ^ $ |".split(
      " ",
    ),
  );
  const text = fc.array(fc.constantFrom("a", "b", "c", "-", ".", "1", " "), { maxLength: 8 });

  it("agrees with JavaScript's own matcher", () => {
    const property = fc.property(fc.array(piece, { maxLength: 6 }), text, (pieces, letters) => {
      const source = pieces.join("");
      const test = safePattern(source);
      expect(test).toBeDefined();
      expect(test?.(letters.join(""))).toBe(new RegExp(source, "u").test(letters.join("")));
    });
    fc.assert(property, { numRuns: 3000 });
  });

  it.each(["(a+)+$", "(a|a)*$", "(.*)*x$", "(a?){50}a{50}$"])(
    "takes time in proportion to the text for %s",
    (source) => {
      const startedAt = performance.now();
      safePattern(source)?.(`${"a".repeat(5000)}!`);
      expect(performance.now() - startedAt).toBeLessThan(5000);
    },
  );

  it.each([
    "(",
    ")",
    "[a",
    "a**",
    "*a",
    "(?i)a",
    "(?=a)",
    "\\b",
    "\\1",
    "\\pL",
    "[[:alpha:]]",
    "a{2,1}",
    "a{1001}",
    "[b-a]",
    "\\",
    "((a{900}){900})",
  ])("does not take %s", (source) => expect(safePattern(source)).toBeUndefined());

  it("gives up on texts that are too long for the pattern", () => {
    expect(safePattern("^(a{1,1000})$")?.("a".repeat(100_000))).toBeUndefined();
  });
});
