import { invariant } from "../base/assert.ts";
import { FORMATS } from "./formats.ts";

/** A schema as it is written in schemas/, as far as explanations look into it. */
export interface SourceSchema {
  readonly $id?: string;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, SourceSchema>>;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SourceSchema | boolean>>;
  readonly additionalProperties?: SourceSchema | boolean;
  readonly items?: SourceSchema;
  readonly default?: unknown;
  readonly "x-map"?: boolean;
  readonly "x-not-yet"?: boolean | readonly string[];
  readonly "x-not-yet-values"?: boolean | readonly unknown[];
  readonly "x-ignored"?: string | Readonly<Record<string, string>>;
  readonly "x-refused"?: string | Readonly<Record<string, string>>;
  readonly "x-refused-values"?: Readonly<Record<string, string>>;
  readonly "x-not-declarable"?: string;
}

/** Files of schemas/ by name: `v1.Pod.json`, `shared/pod.json`. */
export type SchemaFiles = ReadonlyMap<string, SourceSchema>;

/** A schema and the file that it stands in. */
export interface SchemaPlace {
  readonly schema: SourceSchema;
  readonly file: string;
}

/** What becomes of a field in a manifest. */
export type FieldState =
  | { readonly kind: "supported" }
  | { readonly kind: "ignored"; readonly why: string }
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "not-yet" };

/** One field of a map. */
export interface SchemaField {
  readonly name: string;
  /** The field's own schema with what it refers to; absent when nothing more is known of it. */
  readonly place?: SchemaPlace;
  readonly state: FieldState;
  readonly required: boolean;
}

/** Why a field of a shared type is refused in one place. */
export const NO_PLACE = "it has no place here";

/** A schema with what its `$ref` names; what stands beside the reference wins. Pure. */
export function resolveSchema(files: SchemaFiles, { schema, file }: SchemaPlace): SchemaPlace {
  const target = targetOf(files, { schema, file });
  if (target === undefined) return { schema, file };
  const { $ref: _, properties: beside, ...more } = schema;
  const inner = resolveSchema(files, target);
  const { properties } = inner.schema;
  return {
    file: inner.file,
    schema: {
      ...inner.schema,
      ...more,
      ...(properties === undefined ? {} : { properties: overlay(properties, beside ?? {}) }),
    },
  };
}

/** What a schema's `$ref` names, as it is written there; `undefined` where it has none. Pure. */
export function targetOf(files: SchemaFiles, place: SchemaPlace): SchemaPlace | undefined {
  const { $ref } = place.schema;
  if ($ref === undefined) return undefined;
  const [name = "", pointer = ""] = $ref.split("#");
  const file = name === "" ? place.file : joinPath(place.file, name);
  const root = files.get(file);
  const schema = pointer === "" ? root : root?.$defs?.[pointer.replace("/$defs/", "")];
  invariant(schema !== undefined, `${place.file} refers to ${$ref}, which is not there`);
  return { schema, file };
}

/** The schema below lists and maps with free names: whose fields a path goes on with. Pure. */
export function elementOf(files: SchemaFiles, place: SchemaPlace): SchemaPlace {
  const { schema, file } = resolveSchema(files, place);
  const inner =
    schema.items ?? (schema.properties === undefined ? schema.additionalProperties : undefined);
  return typeof inner === "object" ? elementOf(files, { schema: inner, file }) : { schema, file };
}

/** The fields of a map, of the items of a list of maps, or none. Those that are only told apart come last. Pure. */
export function fieldsOf(files: SchemaFiles, place: SchemaPlace): readonly SchemaField[] {
  const { schema, file } = elementOf(files, place);
  const required = new Set(schema.required);
  const described = Object.entries(schema.properties ?? {}).map(([name, property]): SchemaField => {
    if (typeof property === "boolean") {
      return { name, state: { kind: "refused", why: NO_PLACE }, required: false };
    }
    return {
      name,
      place: resolveSchema(files, { schema: property, file }),
      state: stateOf(property),
      required: required.has(name),
    };
  });
  return [...described, ...toldApart(schema)];
}

/** What becomes of a field with this schema. Pure. */
export function stateOf(property: SourceSchema): FieldState {
  if (property["x-not-yet"] === true) return { kind: "not-yet" };
  const { "x-ignored": ignored, "x-refused": refused } = property;
  if (typeof ignored === "string") return { kind: "ignored", why: ignored };
  if (typeof refused === "string") return { kind: "refused", why: refused };
  return { kind: "supported" };
}

/** The type of a value as people write it: `string`, `[]Container`, `map[string]string`, `1 to 65535`. Pure. */
export function typeName(files: SchemaFiles, place: SchemaPlace): string {
  const { schema, file } = resolveSchema(files, place);
  if (schema.type === "array") {
    return `[]${schema.items === undefined ? "Object" : typeName(files, { schema: schema.items, file })}`;
  }
  const [first] = schema["x-map"] === true ? Object.values(schema.properties ?? {}) : [];
  const values = typeof first === "object" ? first : schema.additionalProperties;
  if (schema.type === "object" && typeof values === "object") {
    return `map[string]${typeName(files, { schema: values, file })}`;
  }
  if (schema.type === "object") return schema.title ?? "Object";
  if (schema.format === "quantity") return "Quantity";
  return (
    [schema.type ?? valueTypes(schema)]
      .flat()
      .map((type) => type.replace("array", "[]Object"))
      .join(" or ") || "Object"
  );
}

/** Words that are allowed, or a range, or a form; nothing where any value goes. Pure. */
export function allowedValues(schema: SourceSchema): string | undefined {
  const values = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (values !== undefined)
    return values.map((value) => (value === "" ? '""' : String(value))).join(", ");
  const range = rangeOf(schema);
  const form = schema.format === undefined ? undefined : FORMATS[schema.format]?.says;
  return range ?? form;
}

/** Values that exist and are not taken, each with what is said of it. Pure. */
export function otherValues(schema: SourceSchema): readonly string[] {
  const later = schema["x-not-yet-values"];
  return [
    ...(later === true ? ["others are not supported yet"] : []),
    ...(Array.isArray(later) ? later.map((value) => `${String(value)} is not supported yet`) : []),
    ...Object.entries(schema["x-refused-values"] ?? {}).map(
      ([value, why]) => `${value} is refused: ${why}`,
    ),
  ];
}

/** Largest integer of 32 bits: as a bound it says nothing to people. */
const INT32_MAX = 2_147_483_647;

function rangeOf({ minimum, maximum, type }: SourceSchema): string | undefined {
  if (type !== "integer" || (minimum === undefined && maximum === undefined)) return undefined;
  if (maximum === undefined || maximum === INT32_MAX) return `${minimum ?? 0} or more`;
  return minimum === undefined ? `at most ${maximum}` : `${minimum} to ${maximum}`;
}

function toldApart(schema: SourceSchema): readonly SchemaField[] {
  const { "x-not-yet": notYet, "x-refused": refused } = schema;
  return [
    ...(Array.isArray(notYet) ? (notYet as string[]) : []).map((name): SchemaField => ({
      name,
      state: { kind: "not-yet" },
      required: false,
    })),
    ...Object.entries(typeof refused === "object" ? refused : {}).map(
      ([name, why]): SchemaField => ({ name, state: { kind: "refused", why }, required: false }),
    ),
  ];
}

function overlay(
  properties: NonNullable<SourceSchema["properties"]>,
  beside: NonNullable<SourceSchema["properties"]>,
): NonNullable<SourceSchema["properties"]> {
  const out = { ...properties };
  for (const [name, more] of Object.entries(beside)) {
    const there = out[name];
    out[name] =
      typeof there === "object" && typeof more === "object" ? { ...there, ...more } : more;
  }
  return out;
}

function valueTypes({ const: one, enum: several }: SourceSchema): readonly string[] {
  const values = several ?? (one === undefined ? [] : [one]);
  return [...new Set(values.map((value) => typeof value))];
}

/** `shared/meta.json` for `meta.json` beside `shared/pod.json`. */
function joinPath(file: string, name: string): string {
  const folder = file.split("/").slice(0, -1);
  return [...folder, name].join("/");
}
