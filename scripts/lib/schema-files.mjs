// Reads schemas/ and gives the views of it that are generated: what a validator needs, and the kinds that are not
// declarable yet.
import { readFile, readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import path from "node:path";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SCHEMAS = path.join(ROOT, "schemas");
/** Folder of schemas/ that is made from the others. */
const GENERATED = "editor/";
export const ID_BASE = "https://berth.dev/schemas/";

/** `{ schemas, knownKinds, mistakes }`: every schema as it is written, in the order of its file's name. */
export async function readSchemas() {
  const entries = await readdir(SCHEMAS, { recursive: true });
  const files = entries
    .map((entry) => entry.replaceAll(path.sep, "/"))
    .filter((entry) => entry.endsWith(".json") && !entry.startsWith(GENERATED))
    .toSorted(byText);
  const found = { schemas: [], knownKinds: undefined, mistakes: [] };
  for (const file of files) {
    const content = JSON.parse(await readFile(path.join(SCHEMAS, file), "utf8"));
    if (file === "known-kinds.json") {
      found.knownKinds = content;
      continue;
    }
    if (content.$id !== ID_BASE + file)
      found.mistakes.push(`${file}: $id must be ${ID_BASE}${file}`);
    found.mistakes.push(...openObjects(content, file));
    found.schemas.push(content);
  }
  if (found.knownKinds === undefined) found.mistakes.push("known-kinds.json is missing");
  return found;
}

/** Every object that names properties of its own must be closed, or refer to one that is. */
function openObjects(node, where) {
  if (Array.isArray(node))
    return node.flatMap((item, index) => openObjects(item, `${where}/${index}`));
  if (typeof node !== "object" || node === null) return [];
  const isOpen =
    node.type === "object" &&
    node.properties !== undefined &&
    typeof node.properties.type !== "string" &&
    node.additionalProperties !== false &&
    // Names are free, and each value has a schema.
    typeof node.additionalProperties !== "object" &&
    node.unevaluatedProperties !== false;
  return [
    ...(isOpen ? [`${where}: an object with properties must be closed`] : []),
    ...Object.entries(node).flatMap(([key, value]) => openObjects(value, `${where}/${key}`)),
  ];
}

/** What a validator needs: fields that a manifest cannot state are listed, not described. */
export function validationView(schema) {
  if (isDeclarable(schema)) return viewOf(schema);
  return { $id: schema.$id, $defs: viewOf(schema.$defs ?? {}) };
}

export function isDeclarable(schema) {
  return schema["x-not-yet"] !== true && schema["x-not-declarable"] === undefined;
}

/** known-kinds.json with the kinds of schemas/ whose engine is not there. */
export function kindsView(schemas, knownKinds) {
  const notYet = structuredClone(knownKinds.notYet);
  for (const schema of schemas) {
    if (schema["x-not-yet"] !== true || schema.properties?.kind?.const === undefined) continue;
    const kinds = (notYet[schema.properties.apiVersion.const] ??= []);
    kinds.push(schema.properties.kind.const);
  }
  const sorted = Object.entries(notYet).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    ...knownKinds,
    notYet: Object.fromEntries(sorted.map(([key, kinds]) => [key, kinds.toSorted(byText)])),
  };
}

const ONLY_FOR_PEOPLE = new Set([
  "x-always",
  "x-map",
  "default",
  "description",
  "x-not-declarable",
]);

function viewOf(node) {
  if (Array.isArray(node)) return node.map(viewOf);
  if (typeof node !== "object" || node === null) return node;
  const out = {};
  for (const [key, value] of Object.entries(node)) {
    if (key === "properties") Object.assign(out, viewOfProperties(node, value));
    else if (!ONLY_FOR_PEOPLE.has(key) && out[key] === undefined) out[key] = viewOf(value);
  }
  return out;
}

function viewOfProperties(node, properties) {
  const kept = {};
  const notYet = Array.isArray(node["x-not-yet"]) ? [...node["x-not-yet"]] : [];
  const ignored = typeof node["x-ignored"] === "object" ? { ...node["x-ignored"] } : {};
  const refused = typeof node["x-refused"] === "object" ? { ...node["x-refused"] } : {};
  for (const [name, property] of Object.entries(properties)) {
    if (property["x-not-yet"] === true) notYet.push(name);
    else if (typeof property["x-ignored"] === "string") ignored[name] = property["x-ignored"];
    else if (typeof property["x-refused"] === "string") refused[name] = property["x-refused"];
    else kept[name] = viewOf(property);
  }
  return {
    properties: kept,
    ...(node["x-not-yet"] === true
      ? { "x-not-yet": true }
      : notYet.length > 0
        ? { "x-not-yet": notYet.toSorted(byText) }
        : {}),
    ...(Object.keys(ignored).length > 0 ? { "x-ignored": ignored } : {}),
    ...(Object.keys(refused).length > 0 ? { "x-refused": refused } : {}),
  };
}

function byText(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
