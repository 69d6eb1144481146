import { invariant } from "../base/assert.ts";
import { explainErrors } from "./explain-errors.ts";
import type { Finding } from "./finding.ts";
import { FORMATS } from "./formats.ts";
import type { JsonSchema } from "./json-schema.ts";
import type { DeclaredKind } from "./kinds.ts";
import { hasNull, pruneNulls } from "./prune-nulls.ts";
import type { Resolve } from "./prune-nulls.ts";
import { schemaErrors } from "./schema-errors.ts";
import { countCharacters } from "./schema-words.ts";
import { SCHEMAS } from "./schemas.gen.ts";
import { makeValidators } from "./validators.gen.js";
import type { Validator } from "./validators.gen.js";

export interface Validated {
  /** The value as the schema sees it: without empty and ignored fields. */
  readonly value: unknown;
  readonly findings: readonly Finding[];
}

/** What the schema of its kind says to a value. All findings at once; never throws. Pure. */
export function validateObject(value: unknown, kind: DeclaredKind): Validated {
  const base = kind.schema.$id ?? "";
  const pruned = hasNull(value) ? pruneNulls(value, kind.schema, base, resolveRef) : value;
  if (validatorOf(base)(pruned)) return { value: pruned, findings: [] };
  const errors = schemaErrors(pruned, { schema: kind.schema, base, resolve: resolveRef });
  invariant(errors.length > 0, `the two readers of ${base} disagree: run npm run generate`);
  const { findings, ignored } = explainErrors(errors, pruned);
  let kept = pruned;
  for (const path of ignored) kept = withoutField(kept, path);
  return { value: kept, findings };
}

const VALIDATORS: Readonly<Record<string, Validator>> = makeValidators(
  Object.fromEntries(Object.entries(FORMATS).map(([name, { test }]) => [name, test])),
  countCharacters,
);

function validatorOf(id: string): Validator {
  const validator = VALIDATORS[id];
  invariant(validator !== undefined, `no validator for ${id}: run npm run generate`);
  return validator;
}

const BY_ID: ReadonlyMap<string, JsonSchema> = new Map(
  SCHEMAS.map((schema) => [schema.$id ?? "", schema]),
);

/** Finds what a `$ref` of schemas/ names. Pure. */
export const resolveRef: Resolve = (ref, base) => {
  const [file = "", pointer = ""] = ref.split("#");
  const id = file === "" ? base : `${base.slice(0, base.lastIndexOf("/") + 1)}${file}`;
  const name = pointer.replace(/^\/\$defs\//, "");
  const root = BY_ID.get(id);
  const schema = pointer === "" ? root : root?.$defs?.[name];
  invariant(schema !== undefined, `schema ${base} refers to ${ref}, which is not there`);
  return { schema, base: id };
};

/** A copy of a value without the field at a path. Pure. */
export function withoutField(value: unknown, path: Finding["path"]): unknown {
  const [part, ...rest] = path;
  if (part === undefined || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    return (value as unknown[]).map((item, index) =>
      index === part ? withoutField(item, rest) : item,
    );
  }
  const entries = Object.entries(value).flatMap(([name, item]) => {
    if (name !== part) return [[name, item as unknown] as const];
    return rest.length === 0 ? [] : [[name, withoutField(item, rest)] as const];
  });
  return Object.fromEntries(entries);
}
