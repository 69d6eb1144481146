import { expect, it } from "vitest";
import { didYouMean, suggest } from "../../src/schema/suggest.ts";

const FIELDS = ["containers", "image", "imagePullPolicy", "name", "env", "envFrom", "ports"];

it.each([
  ["contianers", "containers"],
  ["Image", "image"],
  ["imagepullpolicy", "imagePullPolicy"],
  ["nam", "name"],
  ["envfrom", "envFrom"],
  ["port", "ports"],
  ["enw", "env"],
  ["xyz", undefined],
  ["image", undefined],
  ["volumes", undefined],
  ["x".repeat(1000), undefined],
  ["", undefined],
])("suggest(%s) = %s", (word, expected) => {
  expect(suggest(word, FIELDS)).toBe(expected);
});

it("didYouMean is a hint", () => {
  expect(didYouMean("imge", FIELDS)).toBe('did you mean "image"?');
  expect(didYouMean("wibble", FIELDS)).toBeUndefined();
});
