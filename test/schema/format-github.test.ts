import { expect, it } from "vitest";
import { formatGithub } from "../../src/schema/format-github.ts";
import { tokenAt } from "../../src/schema/print-problems.ts";

it("lets no part of a message end the command", () => {
  const problem = {
    code: "field/type",
    message: "a\nb\r%",
    at: { file: "a,b:c.yaml", line: 1, column: 1 },
    path: "",
  };
  expect(formatGithub(problem, undefined, "error")).toBe(
    "::error file=a%2Cb%3Ac.yaml,line=1,col=1,endColumn=2,title=field/type::a%0Ab%0D%25",
  );
});

it.each([
  ["replicas: three", 11, "three"],
  ['a: "x: y" # z', 4, '"x: y"'],
  ["a: 'it''s' b", 4, "'it''s'"],
  ["{a: b}", 5, "b"],
  ["a:", 3, ""],
  ["a:", 9, ""],
])("the word of %j at %i is %j", (text, column, word) => {
  expect(tokenAt(text, { line: 1, column })).toBe(word);
});
