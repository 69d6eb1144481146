import type { FieldPath } from "../model/field-path.ts";
import type { JsonSchema } from "./json-schema.ts";
import { SCHEMAS } from "./schemas.gen.ts";

/** A schema, and the file that its references are relative to. */
export interface PlacedSchema {
  readonly schema: JsonSchema;
  readonly base: string;
}

/** Finds schemas by their id. */
export type SchemaById = (id: string) => JsonSchema | undefined;

const ID_BASE = "https://berth.dev/schemas/";

let byId: ReadonlyMap<string, JsonSchema> | undefined;

/** The schemas of this version. Pure. */
export const schemaById: SchemaById = (id) => {
  byId ??= new Map(SCHEMAS.map((schema) => [schema.$id ?? "", schema]));
  return byId.get(id);
};

/** The schema of a kind. Pure. */
export function kindSchema(
  apiVersion: unknown,
  kind: unknown,
  find: SchemaById,
): PlacedSchema | undefined {
  const id = `${ID_BASE}${String(apiVersion).replaceAll("/", ".")}.${String(kind)}.json`;
  const schema = find(id);
  return schema === undefined ? undefined : { schema, base: id };
}

/** The schema behind a reference; itself where it is none. Pure. */
export function resolveSchema(
  { schema, base }: PlacedSchema,
  find: SchemaById,
): PlacedSchema | undefined {
  if (schema.$ref === undefined) return { schema, base };
  const [file = "", pointer = ""] = schema.$ref.split("#");
  const id = file === "" ? base : new URL(file, base).href;
  const root = find(id);
  const target = pointer === "" ? root : root?.$defs?.[pointer.replace("/$defs/", "")];
  return target === undefined ? undefined : resolveSchema({ schema: target, base: id }, find);
}

/** The schema of a field or of an item of a list. Pure. */
export function stepInto(
  placed: PlacedSchema,
  part: string | number,
  find: SchemaById,
): PlacedSchema | undefined {
  const { schema, base } = placed;
  const next = typeof part === "number" ? schema.items : ownProperty(schema, part);
  if (typeof next !== "object") return undefined;
  return resolveSchema({ schema: next, base }, find);
}

/** The schemas from the root to a path: one more than the path has parts. Stops where it leads nowhere. Pure. */
export function schemasAlong(
  root: PlacedSchema,
  path: FieldPath,
  find: SchemaById,
): readonly PlacedSchema[] {
  const along: PlacedSchema[] = [root];
  for (const part of path) {
    const last = along.at(-1);
    const next = last === undefined ? undefined : stepInto(last, part, find);
    if (next === undefined) break;
    along.push(next);
  }
  return along;
}

/** Whether a schema names a field. Pure. */
export function hasField(schema: JsonSchema, name: string): boolean {
  return ownProperty(schema, name) !== undefined;
}

function ownProperty(schema: JsonSchema, name: string): JsonSchema | boolean | undefined {
  const { properties } = schema;
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
}
