// One JSON Schema (draft 7) for all kinds, as yaml-language-server takes it: no $ref with siblings, and the kind chosen
// by if/then, so that messages are about the fields of that kind alone.
import path from "node:path";
import { FORMATS } from "../../src/schema/formats.ts";
import { allowedValues, otherValues } from "../../src/schema/schema-tree.ts";
import { ID_BASE, isDeclarable } from "./schema-files.mjs";

/** Words of our own, and of draft 2020-12 alone, that an editor does not read. */
const DROPPED = new Set([
  "$schema",
  "$id",
  "$defs",
  "x-always",
  "x-map",
  "x-secret",
  "x-not-yet",
  "x-not-yet-values",
  "x-ignored",
  "x-refused",
  "x-refused-values",
  "format",
]);

/** The bundle itself. */
const ROOT_REF = "#";

/** Values with which a field asks for nothing. */
const NOTHING = [null, [], {}];

/** Forms of text that an editor checks too, as patterns. */
const PATTERNS = {
  base64: "^[A-Za-z0-9+/=\\r\\n]*$",
  "dns-label": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
  "dns-subdomain": "^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$",
  percent: "^[0-9]+%$",
  "port-name": "^[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$",
  "service-name": "^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$",
  share: "^(100|[0-9]{1,2})%$",
};

/** The bundle over all kinds that a manifest may be of. Pure. */
export function editorSchema(schemas) {
  const definitions = {};
  for (const schema of schemas) {
    const file = schema.$id.slice(ID_BASE.length);
    for (const [name, definition] of Object.entries(schema.$defs ?? {})) {
      definitions[keyOf(file, name)] = convert(definition, file);
    }
  }
  const kinds = schemas.filter(
    (schema) => isDeclarable(schema) && schema.properties?.kind?.const !== undefined,
  );
  for (const schema of kinds) {
    const file = schema.$id.slice(ID_BASE.length);
    definitions[keyOf(file, "")] = convert(schema, file);
  }
  definitions[keyOf("v1.List.json", "")].properties.items.items = { $ref: ROOT_REF };
  // An editor reads 0644 as six hundred and forty-four; Berth, as Kubernetes, as permission bits.
  definitions[keyOf("shared/volume.json", "fileMode")].maximum = 777;
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    $id: `${ID_BASE}editor/berth.schema.json`,
    title: "Manifest",
    description: "A manifest of Berth: one object of Kubernetes or of Berth itself.",
    // A document without content is none.
    type: ["object", "null"],
    required: ["apiVersion", "kind"],
    properties: {
      apiVersion: {
        description: "Group and version of the kind.",
        enum: unique(kinds.map((schema) => schema.properties.apiVersion.const)),
      },
      kind: {
        description: "What the object is.",
        enum: unique(kinds.map((schema) => schema.properties.kind.const)),
        errorMessage: "Berth knows no such kind, or does not support it yet",
      },
    },
    allOf: [...kinds.map(choice), ...kinds.map(versionOf(kinds))],
    definitions: reachable(definitions, kinds),
  };
}

/** The schema of a kind holds where both names are there. */
function choice(schema) {
  const { apiVersion, kind } = schema.properties;
  return when(
    { apiVersion: { const: apiVersion.const }, kind: { const: kind.const } },
    { $ref: `#/definitions/${keyOf(schema.$id.slice(ID_BASE.length), "")}` },
  );
}

/** A kind under another apiVersion is a mistake in apiVersion, not a kind without a schema. */
function versionOf(kinds) {
  return (schema) => {
    const kind = schema.properties.kind.const;
    const versions = kinds
      .filter((other) => other.properties.kind.const === kind)
      .map((other) => other.properties.apiVersion.const);
    return when(
      { kind: { const: kind } },
      { properties: { apiVersion: { enum: unique(versions) } } },
    );
  };
}

/** A schema for maps that have certain fields. */
function when(properties, schema) {
  const condition = { type: "object", required: Object.keys(properties), properties };
  // oxlint-disable-next-line unicorn/no-thenable -- a word of JSON Schema
  return { if: condition, then: schema };
}

function convert(node, file) {
  if (typeof node === "boolean") return node;
  const { $ref, ...beside } = node;
  const own = convertOwn(beside, file);
  if ($ref === undefined) return own;
  const target = { $ref: `#/definitions/${targetOf($ref, file)}` };
  // An editor shows the nearest description and default, and draft 7 reads nothing beside $ref.
  return Object.keys(own).length === 0 ? target : { ...own, allOf: [target] };
}

function convertOwn(node, file) {
  const out = {};
  for (const [word, value] of Object.entries(node)) {
    if (word === "properties") Object.assign(out, convertFields(node, file));
    else if (word === "patternProperties") {
      out[word] = Object.fromEntries(
        Object.entries(value).map(([pattern, field]) => [pattern, convert(field, file)]),
      );
    } else if (word === "items" || word === "additionalProperties" || word === "not") {
      out[word] = convert(value, file);
    } else if (word === "propertyNames") continue;
    else if (!DROPPED.has(word)) out[word] = value;
  }
  const pattern = PATTERNS[node.format];
  if (pattern !== undefined) {
    out.pattern = pattern;
    out.patternErrorMessage = `must be ${FORMATS[node.format].says}`;
  }
  const others = otherValues(node);
  if (others.length > 0) {
    out.errorMessage = `must be ${allowedValues(node)}; ${others.join("; ")}`;
  }
  return out;
}

/** Fields with their state: what is refused or not there yet is an error that says so. */
function convertFields(node, file) {
  const isUnion = node.oneOf !== undefined || node.maxProperties !== undefined;
  const properties = {};
  for (const [name, field] of Object.entries(node.properties)) {
    if (typeof field === "boolean") properties[name] = field;
    else if (field["x-not-yet"] === true) {
      properties[name] = refusal("not supported yet", isUnion ? [null] : NOTHING);
    } else if (typeof field["x-refused"] === "string") {
      properties[name] = refusal(`refused: ${field["x-refused"]}`, [null]);
    } else if (typeof field["x-ignored"] === "string") {
      properties[name] = {
        description: `Ignored: ${field["x-ignored"]}.`,
        deprecationMessage: `Ignored: ${field["x-ignored"]}`,
        doNotSuggest: true,
      };
    } else properties[name] = convert(field, file);
  }
  return { properties };
}

/** No value is taken but those that say nothing. An editor shows errorMessage for `enum`, and not for `not`. */
function refusal(why, taken) {
  const message = `Berth: ${why}`;
  return { description: `${message}.`, enum: taken, errorMessage: message, doNotSuggest: true };
}

function targetOf(ref, file) {
  const [name, pointer = ""] = ref.split("#");
  const target =
    name === "" ? file : path.posix.normalize(path.posix.join(path.posix.dirname(file), name));
  return keyOf(target, pointer.replace("/$defs/", ""));
}

/** `v1.Pod`, `pod.podSpec`: a definition's name without characters that a pointer escapes. */
function keyOf(file, name) {
  const base = file.replace(/^shared\//, "").replace(/\.json$/, "");
  return name === "" ? base : `${base}.${name}`;
}

function reachable(definitions, kinds) {
  const kept = {};
  const visit = (node) => {
    if (Array.isArray(node)) node.forEach(visit);
    else if (typeof node === "object" && node !== null) {
      if (typeof node.$ref === "string") keep(node.$ref.replace("#/definitions/", ""));
      Object.values(node).forEach(visit);
    }
  };
  const keep = (key) => {
    if (key === ROOT_REF || kept[key] !== undefined) return;
    if (definitions[key] === undefined) throw new Error(`There is no definition ${key}`);
    kept[key] = definitions[key];
    visit(definitions[key]);
  };
  for (const schema of kinds) keep(keyOf(schema.$id.slice(ID_BASE.length), ""));
  return Object.fromEntries(Object.entries(kept).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function unique(values) {
  return [...new Set(values)].toSorted((a, b) => (a < b ? -1 : 1));
}
