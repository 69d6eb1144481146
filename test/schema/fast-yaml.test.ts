import { readdirSync, readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { composeYaml } from "../../src/schema/compose-yaml.ts";
import { readFast } from "../../src/schema/fast-yaml.ts";
import { readYaml } from "../../src/schema/read-yaml.ts";
import type { YamlFile } from "../../src/schema/yaml-file.ts";

const ROOT = new URL("../../", import.meta.url);
const TEXTS = ["test/corpus/", "examples/"].flatMap((folder) =>
  readdirSync(new URL(folder, ROOT), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(?:ya?ml|json)$/.test(name))
    .toSorted()
    .map((name) => readFileSync(new URL(folder + name, ROOT), "utf8")),
);
const MANIFEST = `# A comment
apiVersion: apps/v1
kind: Deployment   # another
metadata:
  name: 'it''s'
  labels: {app: web, "tier": 'front', empty: ""}
  annotations: {}

spec:
  replicas: 3
  paused: false
  ratio: -0.5
  nothing: ~
  missing:
  containers:
  - name: web
    args: ["--port=80", -v, a:b, http://x/#y, {a: [1, 2]}]
    command:
      - sh
      - -c
      - |
        echo "hi: there" # no comment
          deeper

        done
      - >-
        folded
        text

        and more
    image: nginx:1.27
  -
    name: "tab\\tand \\"quotes\\""
    list:
    - - 1
      - two words
    - - 3
    - null
  mode: 0644
  last: |+
    kept

`;

describe("readFast", () => {
  it("takes what manifests are made of", () => {
    expect(readFast(MANIFEST, 0)?.value).toEqual({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: {
        name: "it's",
        labels: { app: "web", tier: "front", empty: "" },
        annotations: {},
      },
      spec: {
        replicas: 3,
        paused: false,
        ratio: -0.5,
        nothing: null,
        missing: null,
        containers: [
          {
            name: "web",
            args: ["--port=80", "-v", "a:b", "http://x/#y", { a: [1, 2] }],
            command: [
              "sh",
              "-c",
              'echo "hi: there" # no comment\n  deeper\n\ndone\n',
              "folded text\nand more",
            ],
            image: "nginx:1.27",
          },
          { name: 'tab\tand "quotes"', list: [[1, "two words"], [3], null] },
        ],
        mode: 0o644,
        last: "kept\n\n",
      },
    });
    expectSame(MANIFEST);
  });

  it("takes JSON, indented by tabs too", () => {
    expect(
      readFast('{\n\t"a": [\n\t\t1,\n\t\ttrue\n\t],\n\t"b": {"c":null}\n}\n', 0)?.value,
    ).toEqual({
      a: [1, true],
      b: { c: null },
    });
  });

  it.each([
    ["an anchor", "a: &x 1\n"],
    ["an alias", "a: 1\nb: *x\n"],
    ["a tag", "a: !!str 1\n"],
    ["a merge key", "<<: {a: 1}\n"],
    ["a name twice", "a: 1\nb: 2\na: 3\n"],
    ["a name twice in braces", "x: {a: 1, a: 2}\n"],
    ["__proto__", "__proto__: 1\n"],
    ["a tab before a name", "a:\n\tb: 1\n"],
    ["a tab behind a value", "a: b\t\n"],
    ["text on two lines", "a: b\n  c\n"],
    ["quotes on two lines", 'a: "b\n  c"\n'],
    ["a name without a colon", "a\n"],
    ["a second colon", "a: b: c\n"],
    ["a line too far right", "a: 1\n  b: 2\n"],
    ["a line too far left", "  a: 1\n b: 2\n"],
    ["a list item among names", "a: 1\n- b\n"],
    ["a name among list items", "- a\nb: 1\n"],
    ["something behind quotes", 'a: "b" c\n'],
    ["a map in a value", "a: - b\n"],
    ["an open bracket", "a: [b\n"],
    ["a comma too many", "a: [b, ]\n"],
    ["a bracket too far left", "a:\n  b: [\n  1]\n"],
    ["an empty name", '"": 1\n'],
    ["a directive", "%YAML 1.2\n"],
    ["an end mark", "a: 1\n...\n"],
    ["line ends of Windows", "a: |\r\n  b\r\n"],
    ["a byte order mark inside", "a: 1\n\uFEFFb: 2\n"],
    ["an indentation indicator", "a: |2\n  b\n"],
    ["an empty block", "a: |\nb: 1\n"],
    ["folding with deeper lines", "a: >\n  b\n    c\n"],
    ["an escape that JSON lacks", 'a: "\\x41"\n'],
    ["a template", "a: {{ .Values.x }}\n"],
    ["a word of YAML 1.1", "a: yes\n"],
    ["a name that is a word of YAML 1.1", "on: 1\n"],
    ["octal", "a: 012\n"],
    ["an exponent", "a: 1e3\n"],
    ["an underscore in a number", "a: 1_000\n"],
    ["infinity", "a: .inf\n"],
    ["hexadecimal", "a: 0x1f\n"],
    ["81 levels", `a: ${"[".repeat(81)}${"]".repeat(81)}\n`],
    ["a scalar alone", "a\n"],
  ])("leaves %s to yaml", (_what, text) => expect(readFast(text, 0)).toBeUndefined());

  it("takes most of the corpus", () => {
    const taken = TEXTS.filter((text) => readFast(text, 0) !== undefined);
    expect(taken.length / TEXTS.length).toBeGreaterThan(0.5);
  });
});

/** What a file comes to, for comparison: all that its readers see. */
function contentOf({ documents, problems, positionAt }: YamlFile): unknown {
  return {
    problems,
    documents: documents.map((document) => {
      const { value = null, problems: mistakes, warnings } = document;
      // The order of names counts too.
      return {
        value,
        order: JSON.stringify(value),
        mistakes,
        warnings,
        places: placesOf(document),
      };
    }),
    end: positionAt(1e9),
  };
}

function placesOf({ value, locate }: YamlFile["documents"][number]): readonly number[] {
  if (typeof value !== "object" || value === null) return [];
  const { items } = value as { readonly items?: unknown };
  const count = Array.isArray(items) ? items.length : 0;
  const paths = Array.from({ length: count }, (_, index) => ["items", index]);
  return [[], ...paths].map((path) => locate(path, "value").offset);
}

function expectSame(text: string): void {
  expect(contentOf(readYaml(text))).toEqual(contentOf(composeYaml(text)));
}

describe("readYaml gives what yaml gives", { timeout: 60_000 }, () => {
  it("for the whole corpus", () => TEXTS.forEach(expectSame));

  const piece = fc.constantFrom(
    ...' ¦  ¦\n¦\n\n¦:¦: ¦- ¦-¦#¦ #¦"¦\'¦{¦}¦[¦]¦,¦|¦|-\n¦|+\n¦>\n¦&a ¦*a¦!!str ¦0¦012¦yes¦null¦~¦?¦%¦@¦`¦\\¦---\n¦---¦...\n¦<<: ¦\r\n¦\t¦a: b\n¦  a: b\n¦- x\n¦1e3¦.5¦é¦😀¦\u2028¦\u00a0¦  \n¦    \n¦# c\n¦  # c\n¦__proto__: 1\n¦{a: b}¦[a, b]¦{"a":1}¦\'\'¦"\\n"¦"\\x41"¦{}¦[]¦-1¦\uFEFF¦: \n¦%TAG ! x\n'.split(
      "¦",
    ),
  );
  const edit = fc.record({
    at: fc.nat(4000),
    what: fc.oneof(
      fc.record({ remove: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ insert: piece }),
      fc.record({ copyLine: fc.nat(200) }),
      fc.constant({ removeLine: true } as const),
    ),
  });

  it("for corpus texts with characters and lines put in and taken out", () => {
    const property = fc.property(
      fc.constantFrom(MANIFEST, ...TEXTS),
      fc.option(fc.tuple(fc.nat(100), fc.integer({ min: 1, max: 15 }))),
      fc.array(edit, { maxLength: 3 }),
      (text, window, edits) => {
        const lines = text.split("\n");
        const [start, count] = window ?? [0, lines.length];
        const chosen = lines.slice(start % lines.length, (start % lines.length) + count).join("\n");
        expectSame(edits.reduce(applyEdit, chosen));
      },
    );
    fc.assert(property, { numRuns: 1200 });
  });

  it("for pieces of YAML in any order", () => {
    const text = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(""));
    fc.assert(fc.property(text, expectSame), { numRuns: 600 });
  });
});

type Edit = {
  readonly at: number;
  readonly what:
    | { readonly remove: number }
    | { readonly insert: string }
    | { readonly copyLine: number }
    | { readonly removeLine: true };
};

function applyEdit(text: string, { at, what }: Edit): string {
  const place = at % (text.length + 1);
  if ("remove" in what) return text.slice(0, place) + text.slice(place + what.remove);
  if ("insert" in what) return text.slice(0, place) + what.insert + text.slice(place);
  const lines = text.split("\n");
  if ("removeLine" in what) lines.splice(at % lines.length, 1);
  else lines.splice(at % lines.length, 0, lines[what.copyLine % lines.length] ?? "");
  return lines.join("\n");
}
