// Writes src/model/kinds.gen.ts from schemas/: the objects as they are after defaulting.
// A definition with a title is a type of that name; a property is there always when it is required or `x-always`.
import path from "node:path";
import { ID_BASE, readSchemas, ROOT } from "./lib/schema-files.mjs";
import { fail, writeOrCheck } from "./lib/generated-file.mjs";

const { schemas, mistakes } = await readSchemas();
if (mistakes.length > 0) fail(mistakes.join("\n"));
const files = new Map(schemas.map((schema) => [schema.$id.slice(ID_BASE.length), schema]));
const types = new Map();

for (const [file, schema] of files) {
  if (file === "v1.List.json") continue;
  if (schema.properties !== undefined) declare(schema, file, rootComment(schema));
  for (const definition of Object.values(schema.$defs ?? {})) {
    if (definition.title !== undefined) declare(definition, file, definition.description);
  }
}

const body = [...types].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
await writeOrCheck(
  path.join(ROOT, "src/model/kinds.gen.ts"),
  `// Generated from schemas/ by scripts/generate-types.mjs. Do not edit.
// Objects after defaulting: what Kubernetes or Berth always fills in is not optional.

${body.join("\n\n")}
`,
);

function declare(schema, file, comment) {
  const name = schema.title;
  if (types.has(name)) fail(`${file}: the title ${name} is used twice`);
  types.set(name, `${docOf(comment, "")}${declarationOf(schema, file, name)}`);
}

function declarationOf(schema, file, name) {
  if (schema.properties === undefined || schema["x-map"] === true)
    return `export type ${name} = ${typeOf(schema, file)};`;
  return `export interface ${name} ${bodyOf(schema, file, "")}`;
}

function rootComment(schema) {
  const name = `${schema.properties.apiVersion.const} ${schema.title}`;
  return schema.description === undefined ? `${name}.` : `${name}: ${schema.description}`;
}

function bodyOf(schema, file, indent) {
  const required = new Set(schema.required ?? []);
  const inside = `${indent}  `;
  const lines = Object.entries(schema.properties).flatMap(([name, property]) => {
    if (property === false || isNeverThere(property)) return [];
    const isThere = required.has(name) || property["x-always"] === true;
    const key = /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);
    const type = typeOf(property, file, inside);
    return [
      `${docOf(property.description, inside)}${inside}readonly ${key}${isThere ? "" : "?"}: ${type};`,
    ];
  });
  return `{\n${lines.join("\n")}\n${indent}}`;
}

/** Refused for good, and not described any further: no object has it. */
function isNeverThere({ "x-refused": refused, type, properties }) {
  return typeof refused === "string" && type === "object" && properties === undefined;
}

function typeOf(schema, file, indent = "") {
  if (schema.$ref !== undefined) return typeOfRef(schema.$ref, file);
  const values = valuesOf(schema);
  if (values?.includes(true) === true && values.includes(false)) return "boolean";
  if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.format === "quantity") return "string";
  const alternatives = [schema.type ?? "unknown"].flat();
  return alternatives.map((type) => typeOfOne(type, schema, file, indent)).join(" | ");
}

/** The values of an enum or const; none when more are allowed where the engine is there. */
function valuesOf(schema) {
  const stated = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  const later = schema["x-not-yet-values"];
  if (stated === undefined) return undefined;
  if (later !== true) return stated;
  return stated.every((value) => typeof value === "boolean") ? [true, false] : undefined;
}

function typeOfOne(type, schema, file, indent) {
  if (type === "integer") return "number";
  if (type === "string" || type === "number" || type === "boolean" || type === "null") return type;
  if (type === "array") {
    const item = typeOf(schema.items ?? {}, file, indent);
    return item.includes(" | ") ? `readonly (${item})[]` : `readonly ${item}[]`;
  }
  if (type === "object") {
    if (schema["x-map"] === true) {
      const [value] = Object.values(schema.properties);
      return `Readonly<Record<string, ${typeOf(value, file, indent)}>>`;
    }
    if (schema.properties !== undefined) return bodyOf(schema, file, indent);
    if (typeof schema.additionalProperties === "object")
      return `Readonly<Record<string, ${typeOf(schema.additionalProperties, file, indent)}>>`;
    return "Readonly<Record<string, unknown>>";
  }
  return schema["x-not-yet-values"] === true ? "string" : "unknown";
}

function typeOfRef(ref, file) {
  const [name, pointer = ""] = ref.split("#");
  const target =
    name === "" ? file : path.posix.normalize(path.posix.join(path.posix.dirname(file), name));
  const root = files.get(target);
  const schema = pointer === "" ? root : root?.$defs?.[pointer.replace("/$defs/", "")];
  if (schema === undefined) fail(`${file}: there is no ${ref}`);
  return schema.title !== undefined && (pointer !== "" || root.properties !== undefined)
    ? schema.title
    : typeOf(schema, target);
}

function docOf(comment, indent) {
  return comment === undefined ? "" : `${indent}/** ${comment.replaceAll("*/", "* /")} */\n`;
}
