import type { ErrorObject } from "ajv/dist/2020.js";
import { formatPath } from "./finding.ts";
import type { FieldPath, Finding } from "./finding.ts";
import type { JsonSchema } from "./json-schema.ts";
import { suggest } from "./suggest.ts";

export interface UnknownField {
  readonly path: FieldPath;
  /** JSON pointer of the map that has the field. */
  readonly parent: string;
  /** Absent when there is nothing to say, as for an empty status. */
  readonly finding?: Finding;
  /** The field is left out, and the manifest taken. */
  readonly ignored: boolean;
  /** The sibling that was probably meant. */
  readonly meant?: string;
}

/** What to say to a field that the schema does not list: not yet, never, needless, or a typing slip. Pure. */
export function explainUnknownField(error: ErrorObject, parent: FieldPath): UnknownField {
  const name = String(error.params["additionalProperty"]);
  const schema = (error.parentSchema ?? {}) as JsonSchema;
  const path = [...parent, name];
  const base = { path, parent: error.instancePath, ignored: false };
  const value = (error.data as Readonly<Record<string, unknown>>)[name];
  const ignored = schema["x-ignored"];
  if (ignored !== undefined && Object.hasOwn(ignored, name)) {
    return isNothing(value)
      ? { ...base, ignored: true }
      : { ...base, ignored: true, finding: ignoredField(path, ignored[name] ?? "") };
  }
  const refusal = schema["x-refused"];
  if (refusal !== undefined && Object.hasOwn(refusal, name)) {
    return { ...base, finding: refusedField(path, refusal[name] ?? "") };
  }
  const notYet = schema["x-not-yet"];
  const isListed = Array.isArray(notYet) && notYet.includes(name);
  if (isListed && isNothing(value) && !isUnion(schema)) return { ...base, ignored: true };
  if (isListed) return { ...base, finding: notYetField(path) };
  const meant = suggest(name, Object.keys(schema.properties ?? {}));
  if (notYet === true && meant === undefined) return { ...base, finding: notYetField(path) };
  const finding = unknownField(path, schema, meant);
  return meant === undefined ? { ...base, finding } : { ...base, finding, meant };
}

function unknownField(path: FieldPath, schema: JsonSchema, meant: string | undefined): Finding {
  const notYet = schema["x-not-yet"];
  const also = meant ?? suggest(String(path.at(-1)), Array.isArray(notYet) ? notYet : []);
  return {
    code: "field/unknown",
    message: `${formatPath(path)} is no field of ${describe(path.slice(0, -1))}`,
    path,
    on: "key",
    ...(also === undefined
      ? siblingsHint(Object.keys(schema.properties ?? {}))
      : { hint: `did you mean "${also}"?` }),
  };
}

/** So many siblings fit into a hint. */
const MAX_LISTED = 8;

function siblingsHint(siblings: readonly string[]): { readonly hint?: string } {
  if (siblings.length === 0 || siblings.length > MAX_LISTED) return {};
  return { hint: `known are ${siblings.join(", ")}` };
}

function notYetField(path: FieldPath): Finding {
  return {
    code: "field/not-yet",
    message: `${formatPath(path)} is not supported yet`,
    path,
    on: "key",
    hint: "remove it",
  };
}

function refusedField(path: FieldPath, why: string): Finding {
  return {
    code: "field/refused",
    message: `${formatPath(path)} is refused`,
    path,
    on: "key",
    hint: why,
  };
}

function ignoredField(path: FieldPath, why: string): Finding {
  return {
    code: "field/ignored",
    message: `${formatPath(path)} is ignored: ${why}`,
    path,
    on: "key",
    harmless: true,
    hint: "remove it",
  };
}

function describe(parent: FieldPath): string {
  return parent.length === 0 ? "this kind" : formatPath(parent);
}

/** In a union an empty map is a choice, elsewhere it asks for nothing. */
function isUnion(schema: JsonSchema): boolean {
  return schema["oneOf"] !== undefined || schema["maxProperties"] !== undefined;
}

function isNothing(value: unknown): boolean {
  return value === null || (typeof value === "object" && Object.keys(value as object).length === 0);
}
