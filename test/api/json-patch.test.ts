import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyJsonPatch, MAX_OPERATIONS, parseJsonPatch } from "../../src/api/json-patch.ts";
import { ApiFailure } from "../../src/api/failure.ts";

const patched = (document: unknown, ...operations: unknown[]): unknown =>
  applyJsonPatch(document, parseJsonPatch(operations));

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiFailure) return `${error.code} ${error.message}`;
    throw error;
  }
  throw new Error("It was not refused");
}

describe("applyJsonPatch follows RFC 6902", () => {
  test.each([
    ["adds a field", { a: 1 }, [{ op: "add", path: "/b", value: 2 }], { a: 1, b: 2 }],
    ["adds over a field", { a: 1 }, [{ op: "add", path: "/a", value: 2 }], { a: 2 }],
    ["adds null", {}, [{ op: "add", path: "/a", value: null }], { a: null }],
    [
      "adds before a place",
      { a: [1, 3] },
      [{ op: "add", path: "/a/1", value: 2 }],
      { a: [1, 2, 3] },
    ],
    ["adds at the end", { a: [1] }, [{ op: "add", path: "/a/-", value: 2 }], { a: [1, 2] }],
    ["adds at its length", { a: [1] }, [{ op: "add", path: "/a/1", value: 2 }], { a: [1, 2] }],
    ["replaces all", { a: 1 }, [{ op: "add", path: "", value: { b: 2 } }], { b: 2 }],
    ["removes a field", { a: 1, b: 2 }, [{ op: "remove", path: "/a" }], { b: 2 }],
    ["removes a place", [1, 2, 3], [{ op: "remove", path: "/1" }], [1, 3]],
    [
      "replaces a field",
      { a: { b: 1 } },
      [{ op: "replace", path: "/a/b", value: 2 }],
      { a: { b: 2 } },
    ],
    ["replaces a place", [1, 2], [{ op: "replace", path: "/0", value: 9 }], [9, 2]],
    ["moves", { a: { b: 1 } }, [{ op: "move", from: "/a/b", path: "/c" }], { a: {}, c: 1 }],
    ["moves in a list", [1, 2, 3], [{ op: "move", from: "/0", path: "/2" }], [2, 3, 1]],
    ["copies", { a: [1] }, [{ op: "copy", from: "/a", path: "/b" }], { a: [1], b: [1] }],
    ["reads ~1 as a slash", { "a/b": 1 }, [{ op: "remove", path: "/a~1b" }], {}],
    ["reads ~01 as ~1", { "~1": 1 }, [{ op: "remove", path: "/~01" }], {}],
    ["reads an empty name", { "": 1, a: 2 }, [{ op: "remove", path: "/" }], { a: 2 }],
    [
      "tests maps in any order",
      { a: { x: 1, y: [2] } },
      [{ op: "test", path: "/a", value: { y: [2], x: 1 } }],
      { a: { x: 1, y: [2] } },
    ],
    [
      "goes on from what it did",
      {},
      [
        { op: "add", path: "/a", value: [] },
        { op: "add", path: "/a/-", value: 1 },
      ],
      { a: [1] },
    ],
  ])("%s", (_, document, operations, expected) => {
    expect(patched(document, ...operations)).toEqual(expected);
  });

  test.each([
    ["remove what is not there", { op: "remove", path: "/x" }, "the path /x does not exist"],
    ["replace what is not there", { op: "replace", path: "/x", value: 1 }, "the path /x does"],
    ["add below nothing", { op: "add", path: "/x/y", value: 1 }, "the path /x/y does not exist"],
    ["add below text", { op: "add", path: "/text/y", value: 1 }, "the path /text/y does not exist"],
    ["go past a list", { op: "add", path: "/list/3", value: 1 }, "is no place of a list of 2"],
    ["take - as a place", { op: "remove", path: "/list/-" }, "is no place of a list of 2"],
    ["take a leading zero", { op: "remove", path: "/list/01" }, "is no place of a list of 2"],
    ["remove all", { op: "remove", path: "" }, "the whole document cannot be removed"],
    ["test another value", { op: "test", path: "/text", value: "b" }, "testing value /text failed"],
    [
      "reach a prototype",
      { op: "remove", path: "/__proto__" },
      "the path /__proto__ does not exist",
    ],
  ])("does not %s: 422", (_, operation, why) => {
    expect(refusal(() => patched({ text: "a", list: [1, 2] }, operation))).toMatch(
      new RegExp(`^422 .*${why}`),
    );
  });

  test.each([
    [{ op: "jump", path: "/a" }, 'operation 0 of the JSON Patch is unknown: "jump"'],
    [{ op: "add", path: "/a" }, "operation 0 of the JSON Patch has no value"],
    [{ op: "remove", path: "a" }, 'has no path that begins with "/": "a"'],
    [{ op: "remove" }, 'has no path that begins with "/": undefined'],
    [{ op: "move", path: "/a" }, 'has no from that begins with "/": undefined'],
    [{ op: "move", from: "/a", path: "/a/b" }, "moves a value into itself"],
    ["remove", "operation 0 of the JSON Patch is no object"],
  ])("%j is no operation: 400", (operation, why) => {
    expect(refusal(() => parseJsonPatch([operation]))).toContain(why);
    expect(refusal(() => parseJsonPatch([operation]))).toMatch(/^400 /);
  });

  test("is a list, not too long, and does not grow without end", () => {
    expect(refusal(() => parseJsonPatch({}))).toMatch(/^400 /);
    const many = Array.from({ length: MAX_OPERATIONS + 1 }, () => ({ op: "remove", path: "/a" }));
    expect(refusal(() => parseJsonPatch(many))).toMatch(/^413 /);
    const double = { op: "copy", from: "/a", path: "/a/-" };
    const bomb = Array.from({ length: 40 }, () => double);
    expect(refusal(() => patched({ a: ["x".repeat(1000)] }, ...bomb))).toMatch(/^413 /);
  });

  test("changes no argument; what is added can be taken away again", () => {
    const name = fc.constantFrom("a", "b", "c");
    fc.assert(
      fc.property(fc.dictionary(name, fc.jsonValue()), fc.jsonValue(), (document, value) => {
        const before = structuredClone(document);
        const added = patched(document, { op: "add", path: "/new", value });
        expect(document).toEqual(before);
        expect(patched(added, { op: "remove", path: "/new" })).toEqual(before);
      }),
      { numRuns: 200 },
    );
  });
});
