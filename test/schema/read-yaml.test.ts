import { describe, expect, it } from "vitest";
import { readYaml } from "../../src/schema/read-yaml.ts";

function valueOf(text: string): unknown {
  const { documents, problems } = readYaml(text);
  expect([...problems, ...documents.flatMap((document) => document.problems)]).toEqual([]);
  return documents.map((document) => document.value);
}

function problemsOf(text: string): string[] {
  const { documents, problems, positionAt } = readYaml(text);
  return [...problems, ...documents.flatMap((document) => document.problems)].map((problem) => {
    const { line, column } = positionAt(problem.offset);
    return `${line}:${column} ${problem.code}`;
  });
}

describe("readYaml", { timeout: 60_000 }, () => {
  it("reads YAML 1.2, with octal modes as kubectl has them", () => {
    expect(
      valueOf(
        "a: 0644\nb: 0o644\nc: 0x10\nd: yes\ne: 2001-01-01\nf: ~\ng: 1_000\nh: 08\ni: on\nj: 1.0\n",
      ),
    ).toEqual([
      {
        a: 420,
        b: 420,
        c: 16,
        d: "yes",
        e: "2001-01-01",
        f: null,
        g: "1_000",
        h: 8,
        i: "on",
        j: 1,
      },
    ]);
  });

  it("takes names that are no text as text", () => {
    expect(valueOf("1: a\ntrue: b\n1.0: c\n")).toEqual([{ "1": "a", true: "b", "1.0": "c" }]);
  });

  it("takes %YAML 1.1 for 1.2: words stay words", () => {
    expect(valueOf("%YAML 1.1\n---\na: yes\nb: 2001-01-01\n")).toEqual([
      { a: "yes", b: "2001-01-01" },
    ]);
  });

  it("resolves aliases and merge keys: own names first, then the first source", () => {
    expect(
      valueOf(
        "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\nd: {y: 4, <<: *a}\n",
      ),
    ).toEqual([
      { a: { x: 1, y: 1 }, b: { y: 2, z: 2 }, c: { x: 3, y: 1, z: 2 }, d: { y: 4, x: 1 } },
    ]);
  });

  it("an alias means the last anchor before it, and a quoted << is a name", () => {
    expect(valueOf('a: &x 1\nb: *x\nc: &x 2\nd: *x\n"<<": 3\n')).toEqual([
      { a: 1, b: 1, c: 2, d: 2, "<<": 3 },
    ]);
  });

  it("allows tabs where they indent nothing", () => {
    expect(valueOf('{\n\t"a": [\n\t\t1\n\t]\n}\n')).toEqual([{ a: [1] }]);
    expect(valueOf("a:\tb\n")).toEqual([{ a: "b" }]);
  });

  it("limits the depth, also that of aliases in aliases", () => {
    expect(valueOf(`${"[".repeat(99)}${"]".repeat(99)}`)).toHaveLength(1);
    expect(problemsOf("[".repeat(3_000_000))).toEqual(["1:103 yaml/depth"]);
    expect(problemsOf("- ".repeat(1_000_000))).toHaveLength(1);
    const chain = Array.from({ length: 200 }, (_, n) => `a${n + 1}: &a${n + 1} {k: *a${n}}\n`).join(
      "",
    );
    expect(problemsOf(`a0: &a0 {x: 1}\n${chain}`)).toEqual(["100:15 yaml/depth"]);
  });

  it("limits documents, values through aliases, and pieces", () => {
    expect(problemsOf("--- a\n".repeat(10_001)).at(-1)).toMatch(/yaml\/documents$/);
    const bomb = Array.from(
      { length: 30 },
      (_, n) => `a${n + 1}: &a${n + 1} [*a${n}, *a${n}]\n`,
    ).join("");
    expect(problemsOf(`a0: &a0 [x]\n${bomb}`).map((line) => line.split(" ")[1])).toEqual([
      "yaml/expansion",
    ]);
    expect(problemsOf(`[${"1,".repeat(400_000)}]`).at(-1)).toMatch(/file\/too-complex$/);
  });

  it("reads the other documents when one is broken", () => {
    const { documents } = readYaml("a: 1\n---\nb: [\n---\nc: 3\n");
    expect(documents.map(({ value, problems }) => [value, problems.length])).toEqual([
      [{ a: 1 }, 0],
      [undefined, 1],
      [{ c: 3 }, 0],
    ]);
  });
});

describe("readYaml warns", () => {
  const warningsOf = (text: string): string[] => {
    const { documents, positionAt } = readYaml(text);
    return documents.flatMap(({ warnings }) =>
      warnings.map(({ offset, message }) => {
        const { line, column } = positionAt(offset);
        return `${line}:${column} ${message}`;
      }),
    );
  };

  it.each([
    ["a: yes", "1:4 yes is read as text, but as true in YAML 1.1"],
    ["a: Off", "1:4 Off is read as text, but as false in YAML 1.1"],
    ["- n", "1:3 n is read as text, but as false in YAML 1.1"],
    ["[on]", "1:2 on is read as text, but as true in YAML 1.1"],
    ["on: 1", "1:1 on is read as text, but as true in YAML 1.1"],
    ["a: 012", "1:4 012 is read as 10, but as 12 in YAML 1.2"],
    ["mode: [012]", "1:8 012 is read as 10, but as 12 in YAML 1.2"],
    ["a: -012", "1:4 -012 is read as -12, but as text or another number in YAML 1.1"],
    ["a: 089", "1:4 089 is read as 89, but as text or another number in YAML 1.1"],
    ["a: 1e3", "1:4 1e3 is read as 1000, but as text in YAML 1.1"],
    ["a: 1_000", "1:4 1_000 is read as text, but as a number in YAML 1.1"],
    ["a: 0b11", "1:4 0b11 is read as text, but as a binary number in YAML 1.1"],
    ["a: 0o17", "1:4 0o17 is read as 15, but as text in YAML 1.1"],
    ["a: 1\n---\nb: no", "3:4 no is read as text, but as false in YAML 1.1"],
  ])("of %j", (text, expected) => expect(warningsOf(text)).toEqual([expected]));

  it.each([
    'a: "yes"',
    "a: 'on'",
    "a: |\n  no",
    "a: yEs",
    "a: yesterday",
    "a: 0",
    "a: 1.5e3",
    "a: 1.0",
    "defaultMode: 0644",
    "mode: 0o600",
    "a: 2001-01-01",
    "a: 12:30",
    "a: 0x1f",
    "a: -1",
    "a: _1",
  ])("not of %j", (text) => expect(warningsOf(text)).toEqual([]));
});

describe("locate", () => {
  const text = "a:\n  - b: 1\n    c: &x {d: 2}\ne: *x\nf:\n  <<: *x\n  g:\nh: 1.0\n";
  const { documents, positionAt } = readYaml(text);
  it.each([
    [[], "value", "1:1"],
    [["a", 0, "b"], "value", "2:8"],
    [["a", 0, "b"], "key", "2:5"],
    [["a", 0, "c", "d"], "value", "3:15"],
    [["a", 1], "value", "1:1"],
    [["a", 0, "none"], "value", "2:5"],
    [["e", "d"], "value", "3:15"],
    [["f", "d"], "key", "3:12"],
    [["f", "g"], "value", "7:3"],
    [["none", "deeper"], "value", "1:1"],
  ] as const)("%j %s is at %s", (path, on, expected) => {
    const place = documents[0]?.locate(path, on);
    const { line, column } = positionAt(place?.offset ?? -1);
    expect(`${line}:${column}`).toBe(expected);
  });

  it("gives a scalar as it is written", () => {
    expect(documents[0]?.locate(["h"], "value").source).toBe("1.0");
  });
});
