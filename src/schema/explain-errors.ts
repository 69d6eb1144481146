import type { ErrorObject } from "ajv/dist/2020.js";
import { explainError } from "./explain-error.ts";
import { explainUnknownField } from "./explain-unknown-field.ts";
import type { UnknownField } from "./explain-unknown-field.ts";
import { formatPath } from "./finding.ts";
import { findHome } from "./find-home.ts";
import type { FieldPath, Finding } from "./finding.ts";
import { schemaById } from "./schema-lookup.ts";
import type { SchemaById } from "./schema-lookup.ts";

export interface Explained {
  readonly findings: readonly Finding[];
  /** Fields that a cluster writes and a manifest need not have: to be left out. */
  readonly ignored: readonly FieldPath[];
}

/** Errors of one object that are looked at: more would only say the same again. */
const MAX_ERRORS = 1000;

/** Branches of a union: only the union itself is worth a message. */
const INSIDE_UNION = /\/(?:oneOf|anyOf|not)\//;

/**
 * What a validator's errors mean, one finding per mistake: what follows from another mistake is left out. Pure.
 */
export function explainErrors(
  all: readonly ErrorObject[],
  root: unknown,
  find: SchemaById = schemaById,
): Explained {
  const errors = all.slice(0, MAX_ERRORS);
  const unknown = errors
    .filter((error) => error.keyword === "additionalProperties")
    .map((error) => explainUnknownField(error, pathOf(error.instancePath, root)))
    .map((field) => withHome(field, { root, find }));
  const findings = new Map<string, Finding>();
  const add = (finding: Finding): void => {
    const key = `${formatPath(finding.path)} ${finding.code}`;
    if (!findings.has(key)) findings.set(key, finding);
  };
  for (const field of unknown) if (field.finding !== undefined) add(field.finding);
  for (const error of errors) {
    if (INSIDE_UNION.test(error.schemaPath) || error.keyword === "additionalProperties") continue;
    const path = pathOf(error.instancePath, root);
    if (followsFrom(error, unknown)) continue;
    const finding = explainError(error, path);
    if (finding !== undefined) add(finding);
  }
  return {
    findings: [...findings.values()],
    ignored: unknown.filter((field) => field.ignored).map((field) => field.path),
  };
}

interface PlacedField extends UnknownField {
  /** Siblings that lead to where the field belongs. */
  readonly through?: readonly string[];
}

/** A field that is no slip of another one's name may only stand in the wrong place. */
function withHome(
  field: UnknownField,
  search: { readonly root: unknown; readonly find: SchemaById },
): PlacedField {
  const { finding, path } = field;
  if (finding?.code !== "field/unknown" || finding.hint?.startsWith("did you mean") === true)
    return field;
  const home = findHome(String(path.at(-1)), path.slice(0, -1), search);
  if (home === undefined) return field;
  const hint = `it belongs to ${home.where}`;
  return { ...field, finding: { ...finding, hint }, through: home.through };
}

/** `contianers` is unknown: that `containers` is missing then says nothing new. */
function followsFrom(error: ErrorObject, unknown: readonly PlacedField[]): boolean {
  const siblings = unknown.filter(
    (field) => field.parent === error.instancePath && field.finding !== undefined,
  );
  if (error.keyword === "required") {
    const missing = String(error.params["missingProperty"]);
    return siblings.some(
      (field) => field.meant === missing || field.through?.includes(missing) === true,
    );
  }
  return (
    error.keyword === "oneOf" && siblings.length > 0 && error.params["passingSchemas"] === null
  );
}

/** The names and indexes of a JSON pointer into `root`. */
function pathOf(pointer: string, root: unknown): FieldPath {
  const path: (string | number)[] = [];
  let value = root;
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    path.push(Array.isArray(value) ? Number(name) : name);
    value = (value as Readonly<Record<string, unknown>> | null | undefined)?.[name];
  }
  return path;
}
