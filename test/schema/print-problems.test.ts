import { describe, expect, it } from "vitest";
import type { Problem } from "../../src/model/problem.ts";
import { printProblem, printProblems } from "../../src/schema/print-problems.ts";

function problem(line: number, column: number, rest: Partial<Problem> = {}): Problem {
  return {
    code: "field/type",
    message: "spec.replicas must be an integer",
    at: { file: "a.yaml", line, column },
    path: "spec.replicas",
    ...rest,
  };
}

describe("printProblem", () => {
  it("shows the place, the line, a caret and the hint", () => {
    expect(
      printProblem(problem(2, 13, { hint: "write 3" }), "spec:\r\n  replicas: three\r\n", "error"),
    ).toBe(
      [
        "a.yaml:2:13: error: spec.replicas must be an integer [field/type]",
        "    2 |   replicas: three",
        "      |             ^",
        "        hint: write 3",
      ].join("\n"),
    );
  });

  it.each([
    ["without a text", undefined, 2],
    ["with an empty line", "a\n\nb", 2],
    ["with a line that is not there", "a", 5],
  ])("%s only the message stands", (_what, text, line) => {
    expect(printProblem(problem(line, 1), text, "warning")).toBe(
      `a.yaml:${line}:1: warning: spec.replicas must be an integer [field/type]`,
    );
  });

  it("cuts long lines around the place", () => {
    const [, line = "", caret = ""] = printProblem(
      problem(1, 501),
      `${"a".repeat(500)}X${"b".repeat(500)}`,
      "error",
    ).split("\n");
    expect(line.length).toBeLessThan(140);
    expect(line[caret.indexOf("^")]).toBe("X");
    expect(line).toMatch(/^ {4}1 \| …a+Xb+…$/);
  });

  it("keeps the caret under a place behind tabs", () => {
    const [, line = "", caret = ""] = printProblem(problem(1, 3), "\t\tX", "error").split("\n");
    expect(line[caret.indexOf("^")]).toBe("X");
  });

  it("lets no control character through to a terminal", () => {
    const evil = "\u001B[2J\u0007\u202Eabc\u0085";
    expect(printProblem(problem(1, 1, { message: evil, hint: evil }), evil, "error")).not.toMatch(
      // oxlint-disable-next-line no-control-regex
      /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]/,
    );
  });
});

it("printProblems puts a blank line between", () => {
  const text = printProblems([problem(1, 1), problem(2, 1)], (file) =>
    file === "a.yaml" ? "x\ny\n" : undefined,
  );
  expect(text.split("\n\n")).toHaveLength(2);
  expect(text).toContain("    2 | y");
});
