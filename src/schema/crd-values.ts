import { schemaErrors } from "./schema-errors.ts";
import { isFields } from "./fields.ts";
import { formatPath, show } from "./finding.ts";
import type { FieldPath, Finding } from "./finding.ts";
import type { JsonSchema } from "./json-schema.ts";

/**
 * A value with the defaults of its structural schema; fields that are null and may not be are left out first, as
 * Kubernetes does. Pure, idempotent.
 */
export function defaultValue(value: unknown, schema: JsonSchema): unknown {
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined
      ? value
      : (value as unknown[]).map((item) => defaultValue(item, items));
  }
  if (!isFields(value)) return value;
  const { properties = {}, additionalProperties } = schema;
  const fields: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) {
    const property = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    if (typeof property !== "object") fields[name] = item;
    else if (item !== null || property["x-nullable"] === true || !Object.hasOwn(properties, name))
      fields[name] = defaultValue(item, property);
  }
  for (const [name, property] of Object.entries(properties)) {
    if (typeof property !== "object" || Object.hasOwn(fields, name)) continue;
    if (property["default"] !== undefined)
      fields[name] = defaultValue(structuredClone(property["default"]), property);
  }
  return fields;
}

/** Defaults that their own schema refuses. `path` is where the schema stands. Pure. */
export function defaultFindings(schema: JsonSchema, path: FieldPath): readonly Finding[] {
  const findings: Finding[] = [];
  if (schema["default"] !== undefined) {
    const value = defaultValue(schema["default"], schema);
    const [error] = schemaErrors(value, { schema, base: "", resolve: noReference });
    if (error !== undefined) {
      const at = [...path, "default"];
      const why = `${error.keyword} ${error.instancePath}`.trim();
      const message = `${formatPath(at)} does not fit its own schema (${why}): it is ${show(schema["default"])}`;
      findings.push({ code: "crd/schema", message, path: at });
    }
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (typeof property === "object")
      findings.push(...defaultFindings(property, [...path, "properties", name]));
  }
  if (schema.items !== undefined)
    findings.push(...defaultFindings(schema.items, [...path, "items"]));
  if (typeof schema.additionalProperties === "object") {
    findings.push(
      ...defaultFindings(schema.additionalProperties, [...path, "additionalProperties"]),
    );
  }
  return findings;
}

function noReference(ref: string): never {
  throw new Error(`A structural schema refers to ${ref}`);
}
