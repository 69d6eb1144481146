import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatLabels,
  formatSelector,
  isEmptySelector,
  isLabelKey,
  isLabelValue,
  matchesLabels,
  matchesSelector,
  parseSelector,
} from "../../src/model/labels.ts";

describe("matchesSelector", () => {
  const labels = { app: "web", tier: "front", empty: "" };
  it.each([
    ["", true],
    ["app=web", true],
    ["app==web", true],
    ["app = web", true],
    ["app=db", false],
    ["app=web,tier=front", true],
    ["app=web,tier=back", false],
    ["app!=web", false],
    ["app!=db", true],
    ["other!=db", true],
    ["app in (web,db)", true],
    ["app in (db)", false],
    ["other in (web)", false],
    ["app notin (web)", false],
    ["other notin (web)", true],
    ["app", true],
    ["other", false],
    ["!app", false],
    ["!other", true],
    ["empty=", true],
    ["app=", false],
    ["constructor", false],
    ["!constructor", true],
    ["app=web,app=db", false],
  ])("%s chooses: %s", (text, expected) => {
    const selector = parseSelector(text);
    expect(selector).toBeDefined();
    expect(matchesSelector(selector, labels)).toBe(expected);
  });

  it("an absent selector chooses nothing, an empty one everything", () => {
    expect(matchesSelector(undefined, labels)).toBe(false);
    expect(matchesSelector({}, labels)).toBe(true);
    expect(matchesSelector({}, undefined)).toBe(true);
    expect(matchesLabels({}, undefined)).toBe(true);
    expect(matchesLabels({ app: "web" }, undefined)).toBe(false);
    expect(isEmptySelector({ matchLabels: {}, matchExpressions: [] })).toBe(true);
    expect(isEmptySelector({ matchLabels: { app: "web" } })).toBe(false);
  });
});

describe("parseSelector", () => {
  it.each([
    "=a",
    "a=b=c",
    "a in b",
    "a in (b",
    "a,,b",
    "a b",
    "-a=b",
    "!",
    "a in (b))",
    "a=b c",
    "x/y/z",
  ])("%s is no selector", (text) => expect(parseSelector(text)).toBeUndefined());

  it("gives what formatSelector wrote", () => {
    const word = fc.constantFrom("a", "b.c", "d-e", "f_g", "x9");
    const requirement = fc.oneof(
      fc.record({
        key: word,
        operator: fc.constantFrom("Exists" as const, "DoesNotExist" as const),
      }),
      fc.record({
        key: fc.constantFrom("example.com/k", "k"),
        operator: fc.constantFrom("In" as const, "NotIn" as const),
        values: fc.uniqueArray(word, { minLength: 1, maxLength: 3 }),
      }),
    );
    const selector = fc.record({
      matchLabels: fc.dictionary(word, word, { noNullPrototype: true }),
      matchExpressions: fc.array(requirement, { maxLength: 3 }),
    });
    const labels = fc.dictionary(fc.constantFrom("a", "b.c", "k", "example.com/k"), word);
    fc.assert(
      fc.property(selector, labels, (written, candidate) => {
        const read = parseSelector(formatSelector(written));
        expect(read && formatSelector(read)).toBe(formatSelector(written));
        expect(matchesSelector(read, candidate)).toBe(matchesSelector(written, candidate));
      }),
    );
  });

  it("never throws", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseSelector(text)));
  });
});

describe("formatSelector", () => {
  it("orders by key", () => {
    expect(formatLabels({ b: "2", a: "1" })).toBe("a=1,b=2");
    expect(
      formatSelector({
        matchLabels: { m: "1" },
        matchExpressions: [
          { key: "z", operator: "In", values: ["y", "x"] },
          { key: "c", operator: "NotIn", values: ["d"] },
          { key: "b", operator: "DoesNotExist" },
        ],
      }),
    ).toBe("!b,c!=d,m=1,z in (x,y)");
  });
});

describe("isLabelKey and isLabelValue", () => {
  it.each(["app", "app.kubernetes.io/name", "A-b_c.d", "a".repeat(63)])("key %s", (key) =>
    expect(isLabelKey(key)).toBe(true),
  );
  it.each(["", "/a", "a/", "-a", "a-", "a".repeat(64), "A.io/x", "a b", "a/b/c", "ä"])(
    "no key %s",
    (key) => expect(isLabelKey(key)).toBe(false),
  );
  it.each(["", "1.0", "a_b", "b".repeat(63)])("value %s", (value) =>
    expect(isLabelValue(value)).toBe(true),
  );
  it.each(["-", "a ", "b".repeat(64), "a/b"])("no value %s", (value) =>
    expect(isLabelValue(value)).toBe(false),
  );
});
