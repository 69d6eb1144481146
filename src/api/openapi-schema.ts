import { unreachable } from "../base/assert.ts";
import { otherValues, stateOf, targetOf } from "../schema/schema-tree.ts";
import type { SchemaFiles, SchemaPlace, SourceSchema } from "../schema/schema-tree.ts";
import { mergeWords } from "./openapi-merge-keys.ts";
import { COMMON_NAMES, SCHEMA_PREFIX, componentName } from "./openapi-names.ts";

/** A schema or another part of an OpenAPI document. */
export type Part = Readonly<Record<string, unknown>>;

/** Schemas of one document, by name. */
export type Components = Map<string, Part>;

/** Largest integer of 32 bits. */
const INT32_MAX = 2_147_483_647;

/** Words that JSON Schema and OpenAPI 3.0 share, and that say something to people. */
const COPIED: ReadonlySet<string> = new Set([
  "default",
  "maxItems",
  "maxLength",
  "maxProperties",
  "maximum",
  "minItems",
  "minLength",
  "minProperties",
  "minimum",
]);

/** Formats that OpenAPI knows too; the others are Berth's own. */
const FORMATS: Readonly<Record<string, string>> = { "date-time": "date-time", base64: "byte" };

/** What stands beside the name of every object. */
const KIND_FIELDS: Readonly<Record<string, string>> = {
  apiVersion: "Group and version of the kind: says which schema the object follows.",
  kind: "What the object is.",
  metadata: "Name, labels and what else all objects have.",
};

/** Where the schema of a kind leaves it to the type to say so. */
const SPEC = "What the object is to be.";

/** Says where a schema is, once it and all that it refers to are among the components. Changes `into`. */
export function addComponent(files: SchemaFiles, place: SchemaPlace, into: Components): string {
  const { schema, file } = place;
  const name = componentName(file, schema.title ?? "");
  if (into.has(name)) return name;
  // Types may hold themselves: the name is taken before the fields are looked at.
  into.set(name, {});
  const properties = Object.entries(schema.properties ?? {}).map(([field, property]) => [
    field,
    typeof property === "boolean"
      ? { description: "Not to be set here." }
      : withWords(`${name}.${field}`, toPart(files, { schema: property, file }, into)),
  ]);
  into.set(name, {
    ...described(schema),
    type: "object",
    ...(schema.required === undefined ? {} : { required: schema.required }),
    properties: Object.fromEntries([...properties, ...toldApart(schema)]),
    ...mergeWords(name),
  });
  return name;
}

/** The component of a kind, marked as such, with Kubernetes' three fields described. Changes `into`. */
export function addKind(
  files: SchemaFiles,
  place: SchemaPlace,
  gvk: Part,
  into: Components,
): string {
  const name = addComponent(files, place, into);
  const component = into.get(name) ?? {};
  const properties = component["properties"] as Readonly<Record<string, Part>>;
  const fields = Object.entries(KIND_FIELDS).map(([field, description]) => {
    const part = field === "metadata" ? properties[field] : { type: "string" };
    return [field, withDescription(part ?? {}, description)];
  });
  const { spec } = properties;
  into.set(name, {
    ...component,
    ...(place.schema["x-not-yet"] === true ? { description: laterText(place.schema) } : {}),
    properties: {
      ...properties,
      ...Object.fromEntries(fields),
      ...(spec === undefined ? {} : { spec: withDescription(spec, SPEC) }),
    },
    "x-kubernetes-group-version-kind": [gvk],
  });
  return name;
}

/** What stands at a field, in a list or under a free name. Changes `into`. */
function toPart(files: SchemaFiles, place: SchemaPlace, into: Components): Part {
  const { schema } = place;
  const target = targetOf(files, place);
  if (target !== undefined) return toReferring(files, schema, target, into);
  if (schema.title !== undefined && schema.properties !== undefined) {
    return { $ref: SCHEMA_PREFIX + addComponent(files, place, into) };
  }
  const own = commonType(schema);
  if (own !== undefined) return referTo(SCHEMA_PREFIX + own, schema);
  return { ...described(schema), ...typeWords(files, place, into), ...copied(schema) };
}

/** A reference becomes one where its target has a name; else the target is written out, and what is beside wins. */
function toReferring(
  files: SchemaFiles,
  schema: SourceSchema,
  target: SchemaPlace,
  into: Components,
): Part {
  const { $ref: _, properties: overlay, ...beside } = schema;
  if (target.schema.title === undefined || target.schema.properties === undefined) {
    // A variant of another type, or a mere number: what it says is said here.
    return toPart(files, { schema: { ...target.schema, ...beside }, file: target.file }, into);
  }
  const closed = Object.entries(overlay ?? {}).filter(([, more]) => more === false);
  const note = closed.map(([name]) => `${name} is not to be set here.`).join(" ");
  return referTo(SCHEMA_PREFIX + addComponent(files, target, into), beside, note);
}

/** The reference alone, or one with words beside it: OpenAPI 3.0 allows none beside `$ref` itself. */
function referTo(ref: string, schema: SourceSchema, note = ""): Part {
  const words = {
    ...described(schema, note),
    ...(schema.default === undefined ? {} : { default: schema.default }),
  };
  return Object.keys(words).length === 0 ? { $ref: ref } : { ...words, allOf: [{ $ref: ref }] };
}

function commonType({ type, format }: SourceSchema): string | undefined {
  if (format === "quantity") return COMMON_NAMES.quantity;
  const isEither = Array.isArray(type) && type.includes("integer") && type.includes("string");
  return isEither ? COMMON_NAMES.intOrString : undefined;
}

function typeWords(files: SchemaFiles, { schema, file }: SchemaPlace, into: Components): Part {
  const values = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (values !== undefined)
    return { type: typeof values[0] === "number" ? "integer" : typeof values[0], enum: values };
  const { type, format, items, additionalProperties: free, maximum } = schema;
  if (type === "array") {
    return { type, items: items === undefined ? {} : toPart(files, { schema: items, file }, into) };
  }
  if (type === "object") {
    return typeof free === "object"
      ? { type, additionalProperties: toPart(files, { schema: free, file }, into) }
      : { type, ...(free === false ? {} : { "x-kubernetes-preserve-unknown-fields": true }) };
  }
  if (type === "integer") {
    return { type, format: maximum !== undefined && maximum <= INT32_MAX ? "int32" : "int64" };
  }
  if (typeof type !== "string") return { "x-kubernetes-preserve-unknown-fields": true };
  const known = FORMATS[format ?? ""];
  return known === undefined ? { type } : { type, format: known };
}

function copied(schema: SourceSchema): Part {
  return Object.fromEntries(Object.entries(schema).filter(([word]) => COPIED.has(word)));
}

/** Description, what becomes of the field in a manifest, and which values are not taken. */
function described(schema: SourceSchema, note = ""): Part {
  const lines = [
    schema.description ?? "",
    stateText(schema),
    ...otherValues(schema).map((line) => `${capital(line)}.`),
    note,
  ].filter((line) => line !== "");
  return lines.length === 0 ? {} : { description: lines.join(" ") };
}

function laterText({ description = "" }: SourceSchema): string {
  return `${description} Not supported yet: manifests of this kind are refused.`.trim();
}

function stateText(schema: SourceSchema): string {
  const { "x-not-declarable": why } = schema;
  const state = stateOf(schema);
  switch (state.kind) {
    case "not-yet":
      return "Not supported yet: a manifest with it is refused.";
    case "ignored":
      return `Ignored in manifests: ${state.why}.`;
    case "refused":
      return `Refused in manifests: ${state.why}.`;
    case "supported":
      return why === undefined ? "" : `Cannot be declared: ${why}.`;
    default:
      return unreachable(state);
  }
}

/** Fields that have no schema, as they are refused altogether. */
function toldApart(schema: SourceSchema): readonly (readonly [string, Part])[] {
  const { "x-not-yet": notYet, "x-refused": refused, "x-ignored": ignored } = schema;
  const later = Array.isArray(notYet) ? (notYet as readonly string[]) : [];
  return [
    ...later.map((name) => [name, described({ "x-not-yet": true })] as const),
    ...reasons(refused).map(([name, why]) => [name, described({ "x-refused": why })] as const),
    ...reasons(ignored).map(([name, why]) => [name, described({ "x-ignored": why })] as const),
  ];
}

function reasons(
  words: string | Readonly<Record<string, string>> | undefined,
): readonly (readonly [string, string])[] {
  return typeof words === "object" ? Object.entries(words) : [];
}

function withWords(path: string, part: Part): Part {
  const words = mergeWords(path);
  const { $ref } = part;
  return $ref === undefined || Object.keys(words).length === 0
    ? { ...part, ...words }
    : { allOf: [{ $ref }], ...words };
}

/** `description` stands where the part has none of its own. */
function withDescription(part: Part, description: string): Part {
  const { $ref, ...words } = part;
  const beside = $ref === undefined ? words : { ...words, allOf: [{ $ref }] };
  return { description, ...beside };
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
