import fc from "fast-check";
import { expect, test } from "vitest";
import { Document, visit } from "yaml";
import { isSameJson } from "../../../src/base/same-json.ts";
import { readYaml } from "../../../src/schema/read-yaml.ts";
import { editMap } from "../../../src/sync/write/edit-value.ts";
import { openManifestFile } from "../../../src/sync/write/manifest-file.ts";
import type { JsonObject } from "../../../src/api/body.ts";

/*
 * Manifests in all kinds of dress: indented in several ways, with comments, flow collections, JSON, CRLF. Whatever is
 * changed, exactly the wanted object comes of the text, and lines of fields that do not change stay as they are.
 */

const key = fc.constantFrom("a", "b", "name", "yes", "data", "x.y/z", "list", "on");
const scalar = fc.oneof(
  fc.constantFrom(
    "web",
    "yes",
    "1.10",
    "012",
    "",
    " padded ",
    "a: b",
    "# no",
    "two\nlines\n",
    "two\nlines",
    "é",
    "'q'",
    "- x",
    "null",
    "1:30",
    "2020-01-01",
    "{a}",
    "a\n\nb\n",
    "\n",
    "tab\there",
    "end\n\n",
    "  first\nless\n",
  ),
  fc.integer({ min: -3, max: 70_000 }),
  fc.boolean(),
);
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  map: fc.dictionary(key, tie("value"), { maxKeys: 4 }),
  list: fc.oneof(
    fc.array(scalar, { maxLength: 4 }),
    fc.uniqueArray(fc.record({ name: fc.constantFrom("p", "q", "r", "s"), value: tie("value") }), {
      maxLength: 4,
      selector: ({ name }) => name,
    }),
  ),
  value: fc.oneof({ depthSize: "small", withCrossShrink: true }, scalar, tie("map"), tie("list")),
})).value;
const object = fc
  .dictionary(key, value, { minKeys: 0, maxKeys: 4 })
  .map((fields): JsonObject => ({ kind: "Thing", ...fields }));

interface Dress {
  readonly indent: number;
  readonly indentSeq: boolean;
  readonly flow: readonly boolean[];
  readonly comments: readonly boolean[];
  readonly json: boolean;
  readonly crlf: boolean;
  readonly end: boolean;
  readonly more: boolean;
}
const dress: fc.Arbitrary<Dress> = fc.record({
  indent: fc.constantFrom(2, 4),
  indentSeq: fc.boolean(),
  flow: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  comments: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  json: fc.oneof(
    { weight: 4, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
  crlf: fc.boolean(),
  end: fc.boolean(),
  more: fc.boolean(),
});

function render(
  from: JsonObject,
  { indent, indentSeq, flow, comments, json, crlf, end, more }: Dress,
): string {
  if (json) return JSON.stringify(from, null, indent) + (end ? "\n" : "");
  const document = new Document(from, { aliasDuplicateObjects: false });
  let count = 0;
  visit(document, {
    Collection: (_key, node) => {
      count += 1;
      if (node !== document.contents && flow[count % 5] === true && count % 3 === 0)
        node.flow = true;
    },
    Scalar: (_key, node) => {
      count += 1;
      if (comments[count % 5] === true && count % 4 === 0 && typeof node.value !== "string")
        node.comment = " said";
    },
  });
  let text = document.toString({ indent, indentSeq, lineWidth: 0 });
  if (more) text = `# top\n${text}---\nkind: Other\nb: 1\n`;
  if (!end) text = text.replace(/\n$/, "");
  return crlf ? text.replaceAll("\n", "\r\n") : text;
}

function edited(text: string, before: JsonObject, after: JsonObject, name = "x.yaml"): string {
  const file = openManifestFile(name, new TextEncoder().encode(text));
  const node = file.objects[0]?.node;
  if (node === undefined) throw new Error("no object");
  expect(editMap(node, { before, after, written: after }, file)).toBe(true);
  return file.edits.apply();
}

test("exactly the wanted object comes of an edited file, and all else in it stays", () => {
  fc.assert(
    fc.property(object, object, dress, fc.boolean(), (one, other, how, isPart) => {
      const text = render(one, how);
      const [first] = readYaml(text).documents;
      // What this dress cannot say of these values is no test of ours.
      fc.pre(first !== undefined && isSameJson(first.value, one));
      const after = isPart ? { ...one, ...other } : other;
      const result = edited(text, one, after, how.json ? "x.json" : "x.yaml");
      const { documents, problems } = readYaml(result);
      expect(problems, result).toEqual([]);
      expect(documents[0]?.value, `${text}\n>>>\n${result}`).toEqual(after);
      if (how.more && !how.json) expect(documents[1]?.value).toEqual({ kind: "Other", b: 1 });
      if (/\r\n./.test(text)) expect(result.replaceAll("\r\n", "")).not.toContain("\n");
      if (isSameJson(one, after)) expect(result).toBe(text);
    }),
    { numRuns: 400 },
  );
});

test("lines of fields that do not change stay as they are", () => {
  fc.assert(
    fc.property(object, scalar, dress, (one, set, how) => {
      const text = render({ ...one, last: "here", zone: 1 }, { ...how, json: false });
      const [first] = readYaml(text).documents;
      fc.pre(isSameJson(first?.value, { ...one, last: "here", zone: 1 }));
      const after = { ...one, last: set, zone: 1 };
      const result = edited(text, { ...one, last: "here", zone: 1 }, after);
      const eol = how.crlf ? "\r\n" : "\n";
      const cut = text.indexOf(`${eol}last:`);
      expect(result.slice(0, cut)).toBe(text.slice(0, cut));
      expect(result.endsWith(text.slice(text.indexOf(`${eol}zone:`)))).toBe(true);
    }),
    { numRuns: 150 },
  );
});
