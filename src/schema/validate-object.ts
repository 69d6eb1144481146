import { Ajv2020 } from "ajv/dist/2020.js";
import type { ValidateFunction } from "ajv/dist/2020.js";
import { invariant } from "../base/assert.ts";
import { explainErrors } from "./explain-errors.ts";
import type { Finding } from "./finding.ts";
import { FORMATS } from "./formats.ts";
import { OWN_KEYWORDS } from "./json-schema.ts";
import type { JsonSchema } from "./json-schema.ts";
import type { DeclaredKind } from "./kinds.ts";
import { hasNull, pruneNulls } from "./prune-nulls.ts";
import type { Resolve } from "./prune-nulls.ts";
import { SCHEMAS } from "./schemas.gen.ts";

export interface Validated {
  /** The value as the schema sees it: without empty and ignored fields. */
  readonly value: unknown;
  readonly findings: readonly Finding[];
}

/** What the schema of its kind says to a value. All findings at once; never throws. Pure. */
export function validateObject(value: unknown, kind: DeclaredKind): Validated {
  const pruned = hasNull(value)
    ? pruneNulls(value, kind.schema, kind.schema.$id ?? "", resolveRef)
    : value;
  const validate = validatorOf(kind);
  const isValid: boolean = validate(pruned);
  if (isValid) return { value: pruned, findings: [] };
  const { findings, ignored } = explainErrors(validate.errors ?? [], pruned);
  let kept = pruned;
  for (const path of ignored) kept = without(kept, path);
  return { value: kept, findings };
}

let compiler: Ajv2020 | undefined;
const validators = new Map<string, ValidateFunction>();

/** Compiled when first needed: most runs meet few of the kinds. */
function validatorOf(kind: DeclaredKind): ValidateFunction {
  const id = kind.schema.$id ?? "";
  const known = validators.get(id);
  if (known !== undefined) return known;
  compiler ??= makeCompiler();
  const validate = compiler.getSchema(id);
  invariant(validate !== undefined, `no schema ${id}`);
  validators.set(id, validate);
  return validate;
}

function makeCompiler(): Ajv2020 {
  const ajv = new Ajv2020({
    allErrors: true,
    verbose: true,
    strict: true,
    strictTypes: false,
    strictRequired: false,
    allowUnionTypes: true,
    logger: false,
  });
  ajv.addVocabulary([...OWN_KEYWORDS]);
  for (const [name, format] of Object.entries(FORMATS)) ajv.addFormat(name, format.test);
  ajv.addSchema([...SCHEMAS]);
  return ajv;
}

const BY_ID: ReadonlyMap<string, JsonSchema> = new Map(
  SCHEMAS.map((schema) => [schema.$id ?? "", schema]),
);

const resolveRef: Resolve = (ref, base) => {
  const [file = "", pointer = ""] = ref.split("#");
  const id = file === "" ? base : `${base.slice(0, base.lastIndexOf("/") + 1)}${file}`;
  const name = pointer.replace(/^\/\$defs\//, "");
  const root = BY_ID.get(id);
  const schema = pointer === "" ? root : root?.$defs?.[name];
  invariant(schema !== undefined, `schema ${base} refers to ${ref}, which is not there`);
  return { schema, base: id };
};

/** A copy of a value without the field at a path. */
function without(value: unknown, path: Finding["path"]): unknown {
  const [part, ...rest] = path;
  if (part === undefined || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    return (value as unknown[]).map((item, index) => (index === part ? without(item, rest) : item));
  }
  const entries = Object.entries(value).flatMap(([name, item]) => {
    if (name !== part) return [[name, item as unknown] as const];
    return rest.length === 0 ? [] : [[name, without(item, rest)] as const];
  });
  return Object.fromEntries(entries);
}
