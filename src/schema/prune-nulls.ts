import type { JsonSchema } from "./json-schema.ts";

/** Finds the schema that a `$ref` names, from the schema that holds it. */
export type Resolve = (
  ref: string,
  base: string,
) => { readonly schema: JsonSchema; readonly base: string };

/**
 * The value without the fields that are null: as in Kubernetes, `field:` with nothing behind it is an absent field.
 * In maps with free names, such as labels, a null stays, and is refused later. Pure.
 */
export function pruneNulls(
  value: unknown,
  schema: JsonSchema,
  base: string,
  resolve: Resolve,
): unknown {
  if (schema.$ref !== undefined) {
    const target = resolve(schema.$ref, base);
    return pruneNulls(value, target.schema, target.base, resolve);
  }
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined
      ? value
      : (value as unknown[]).map((item) => pruneNulls(item, items, base, resolve));
  }
  if (typeof value !== "object" || value === null || schema.properties === undefined) return value;
  const fields: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) {
    const property = propertyOf(schema, name);
    if (item === null && (property !== undefined || isToldApart(schema, name))) continue;
    fields[name] =
      typeof property === "object" ? pruneNulls(item, property, base, resolve) : (item as unknown);
  }
  return fields;
}

/** Whether there is a null anywhere in a value. Pure. */
export function hasNull(value: unknown): boolean {
  if (value === null) return true;
  if (typeof value !== "object") return false;
  return Object.values(value).some(hasNull);
}

/** Whether the schema knows a field only to say that it is ignored or refused. */
function isToldApart(schema: JsonSchema, name: string): boolean {
  const notYet = schema["x-not-yet"];
  return (
    Object.hasOwn(schema["x-ignored"] ?? {}, name) ||
    Object.hasOwn(schema["x-refused"] ?? {}, name) ||
    (Array.isArray(notYet) && notYet.includes(name))
  );
}

function propertyOf(schema: JsonSchema, name: string): JsonSchema | boolean | undefined {
  const { properties } = schema;
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
}
