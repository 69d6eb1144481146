// Writes src/schema/validators.gen.js: a function of plain code for each kind that can be declared, which says whether
// a value fits its schema. Ajv compiles them here, since compiling at start takes a second and loading a few ms.
// `--check` writes nothing and fails when the file is not what schemas/ would give.
import path from "node:path";
import { _ } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import standalone from "ajv/dist/standalone/index.js";
import { FORMATS } from "../src/schema/formats.ts";
import { OWN_KEYWORDS } from "../src/schema/json-schema.ts";
import { fail, writeOrCheck } from "./lib/generated-file.mjs";
import { readSchemas, ROOT, validationView } from "./lib/schema-files.mjs";

/** From the largest pieces to the smallest. */
const REWRITES = [
  [/"use strict";/, ""],
  [/export const kind\d+ = validate\d+;/g, ""],
  // Of the schemas that stand in the code, only the names of fields are looked at by more than messages.
  [/(const schema\d+ = )(\{"\$(?:id|schema)":.*?\});(?=\n|const |function |$)/g, leanSchema],
  [/\/\*# sourceURL=.*?\*\//g, ""],
  [/validate\d+\.evaluated = \{.*?\};/g, ""],
  [
    /const evaluated\d+ = validate\d+\.evaluated;if\(evaluated\d+\.dynamicProps\)\{.*?\}if\(evaluated\d+\.dynamicItems\)\{.*?\}/g,
    "",
  ],
  // Outside of unions the first error ends it.
  [/validate\d+\.errors = \[\{instancePath.*?\}\];return false;(?:break;)?/g, "return false;"],
  // Inside of unions errors are counted.
  [
    /const err\d+ = \{[^;]*?\};if\(vErrors === null\)\{vErrors = \[err\d+\];\}else \{vErrors\.push\(err\d+\);\}/g,
    "",
  ],
  [/validate\d+\.errors = vErrors;return false;/g, "return false;"],
  [
    /vErrors = vErrors === null \? validate\d+\.errors : vErrors\.concat\(validate\d+\.errors\);errors = vErrors\.length;/g,
    "errors++;",
  ],
  [
    /if\(vErrors !== null\)\{if\(_errs\d+\)\{vErrors\.length = _errs\d+;\}else \{vErrors = null;\}\}/g,
    "",
  ],
  [/validate\d+\.errors = vErrors;/g, ""],
  [/let vErrors = null;/g, ""],
  [/, \{instancePath[^{}]*?dynamicAnchors\}/g, ""],
  [/\(data, \{instancePath="".*?\}=\{\}\)/g, "(data)"],
  // What the code calls comes from outside: it imports nothing.
  [/require\("ajv\/dist\/runtime\/ucs2length"\)\.default/g, "countCharacters"],
  [/(?<=[;}])(?=function |const )/g, "\n"],
];

const { schemas, mistakes } = await readSchemas();
if (mistakes.length > 0) fail(mistakes.join("\n"));
const views = schemas.map(validationView);
const ids = views.filter((view) => view.properties?.kind !== undefined).map((view) => view.$id);
await writeOrCheck(path.join(ROOT, "src/schema/validators.gen.js"), moduleOf(compile()));

function compile() {
  const ajv = new Ajv2020({
    strict: true,
    strictTypes: false,
    strictRequired: false,
    allowUnionTypes: true,
    logger: false,
    code: { source: true, esm: true, optimize: 2, formats: _`FORMAT_TESTS` },
  });
  ajv.addVocabulary([...OWN_KEYWORDS]);
  for (const [name, format] of Object.entries(FORMATS)) ajv.addFormat(name, format.test);
  ajv.addSchema(views.flatMap(splitDefinitions));
  const names = Object.fromEntries(ids.map((id, index) => [`kind${index}`, id]));
  return standalone.default(ajv, names);
}

/** Each definition as a schema of its own: ajv compiles what several schemas refer to once for all of them then. */
function splitDefinitions({ $defs = {}, ...root }) {
  const named = Object.entries($defs).map(([name, schema]) => ({
    $id: `${root.$id}?${name}`,
    ...schema,
  }));
  return [root, ...named].map((schema) => withReferences(schema, root.$id));
}

function withReferences(node, base) {
  if (Array.isArray(node)) return node.map((item) => withReferences(item, base));
  if (typeof node !== "object" || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => [
      key,
      key === "$ref" && typeof value === "string"
        ? new URL(value, base).href.replace("#/$defs/", "?")
        : withReferences(value, base),
    ]),
  );
}

function leanSchema(_all, start, json) {
  const names = Object.keys(JSON.parse(json).properties ?? {});
  return `${start}${JSON.stringify({ properties: Object.fromEntries(names.map((name) => [name, 1])) })};`;
}

/** Ajv's code without all that only describes an error: another reader does that, for the few objects that have one. */
function moduleOf(code) {
  const lean = REWRITES.reduce((text, [pattern, by]) => text.replace(pattern, by), code).replace(
    /const (schema\d+) = .*;\n/g,
    (line, name, _offset, all) => (all.includes(`${name}.`) ? line : ""),
  );
  const left =
    /vErrors|instancePath|rootData|require\(|import |export |schema\d+\.(?!properties, )/.exec(
      lean,
    );
  if (left !== null)
    fail(
      `generate-validators: cannot make ajv's code lean near "${lean.slice(left.index, left.index + 200)}"`,
    );
  const kinds = [...code.matchAll(/export const kind(\d+) = (validate\d+);/g)].map(
    ([, index, name]) => `    ${JSON.stringify(ids[Number(index)])}: ${name},`,
  );
  return `// Generated from schemas/ by scripts/generate-validators.mjs. Do not edit.
/* eslint-disable */
export function makeValidators(FORMAT_TESTS, countCharacters) {
  "use strict";
${lean.trim()}
  return {
${kinds.join("\n")}
  };
}
`;
}
