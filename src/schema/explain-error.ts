import type { ErrorObject } from "ajv/dist/2020.js";
import { formatPath, listWords, quote, show } from "./finding.ts";
import type { FieldPath, Finding } from "./finding.ts";
import { FORMATS } from "./formats.ts";
import type { JsonSchema } from "./json-schema.ts";
import { suggest } from "./suggest.ts";

type Explain = (error: ErrorObject, path: FieldPath) => Finding | undefined;

/** What one error of a validator means to the author; `undefined` where another error says it better. Pure. */
export function explainError(error: ErrorObject, path: FieldPath): Finding | undefined {
  const explain = EXPLAIN[error.keyword];
  if (explain !== undefined) return explain(error, path);
  return {
    code: "field/value",
    message: `${label(path)} ${error.message ?? "is not valid"}`,
    path,
  };
}

const EXPLAIN: Readonly<Record<string, Explain>> = {
  type: wrongType,
  required: (error, path) => {
    const missing = [...path, String(error.params["missingProperty"])];
    return { code: "field/required", message: `${formatPath(missing)} is required`, path: missing };
  },
  enum: wrongValue,
  const: wrongValue,
  minimum: outOfRange,
  maximum: outOfRange,
  minItems: wrongLength,
  maxItems: wrongLength,
  minLength: wrongLength,
  maxLength: wrongLength,
  minProperties: (error, path) => ({
    code: "field/required",
    message: `${label(path)} must have at least one of ${listWords(
      Object.keys(schemaOf(error).properties ?? {}),
    )}`,
    path,
  }),
  maxProperties: (error, path) => ({
    code: "field/one-of",
    message: `${label(path)} must have one source: it has ${listWords(
      fieldsOf(error.data).filter((name) => name !== "name"),
      "and",
    )}`,
    path,
    hint: "keep one of them",
  }),
  oneOf: notOneOf,
  not: (error, path) => {
    const { required = [] } = error.schema as JsonSchema;
    return {
      code: "field/one-of",
      message: `${label(path)} must have only one of ${listWords(required, "and")}`,
      path,
    };
  },
  format: wrongFormat,
  propertyNames: () => undefined,
  "false schema": (_error, path) => ({
    code: "field/not-allowed",
    message: `${formatPath(path)} is not allowed here`,
    path,
    on: "key",
    hint: "remove it",
  }),
};

function wrongType(error: ErrorObject, path: FieldPath): Finding {
  const { data } = error;
  const schema = schemaOf(error);
  const wanted = expected(schema);
  const isBare = typeof data === "number" || typeof data === "boolean";
  if (schema.type === "string" && isBare) {
    const isSecret = schema["x-secret"] === true;
    const shown = isSecret ? "a value" : String(data);
    return {
      code: "field/quote",
      message: `${label(path)} must be ${wanted}: ${shown} without quotes is a ${typeof data}`,
      path,
      ...(isSecret
        ? { hint: "put it in quotes" }
        : { hint: `write "${String(data)}"`, unquoted: true }),
    };
  }
  if (schema.type === "string" && data === null) {
    return {
      code: "field/type",
      message: `${label(path)} must be ${wanted}: it is empty`,
      path,
      hint: 'write ""',
    };
  }
  return {
    code: "field/type",
    message: `${label(path)} must be ${wanted}: it is ${show(data)}`,
    path,
    ...unquoteHint(schema, data),
  };
}

function unquoteHint(schema: JsonSchema, data: unknown): { readonly hint?: string } {
  if (typeof data !== "string") return {};
  const isNumber = schema.type === "integer" && /^\d{1,9}$/.test(data);
  const isBoolean = schema.type === "boolean" && /^(?:true|false)$/.test(data);
  if (isNumber || isBoolean) return { hint: `write ${data} without quotes` };
  if (schema.type !== "boolean") return {};
  if (/^(?:yes|on)$/i.test(data)) return { hint: "write true" };
  return /^(?:no|off)$/i.test(data) ? { hint: "write false" } : {};
}

function outOfRange(error: ErrorObject, path: FieldPath): Finding {
  const schema = schemaOf(error);
  const wanted = schema.type === undefined ? rangeOf(schema) : expected(schema);
  return {
    code: "field/range",
    message: `${label(path)} must be ${wanted}: it is ${show(error.data)}`,
    path,
  };
}

function wrongValue(error: ErrorObject, path: FieldPath): Finding {
  const schema = schemaOf(error);
  const values = schema.enum ?? [schema.const];
  const { data } = error as { readonly data: unknown };
  const notYet = schema["x-not-yet-values"];
  const refusal = schema["x-refused-values"];
  if (refusal !== undefined && typeof data === "string" && Object.hasOwn(refusal, data)) {
    return {
      code: "field/refused",
      message: `${label(path)} ${show(data)} is refused`,
      path,
      ...(refusal[data] === undefined ? {} : { hint: refusal[data] }),
    };
  }
  const isScalar = typeof data !== "object" && data !== undefined;
  if (isScalar && (notYet === true || notYet?.includes(data) === true)) {
    return {
      code: "field/not-yet",
      message: `${label(path)} ${show(data)} is not supported yet`,
      path,
      hint: `remove it, or write ${listWords(values.map(show))}`,
    };
  }
  const meant = typeof data === "string" ? suggest(data, values.map(String)) : undefined;
  return {
    code: "field/value",
    message: `${label(path)} must be ${listWords(values.map(show))}: it is ${show(data)}`,
    path,
    ...(meant === undefined ? {} : { hint: `did you mean "${meant}"?` }),
  };
}

function wrongLength(error: ErrorObject, path: FieldPath): Finding {
  const limit = Number(error.params["limit"]);
  const what = typeof error.data === "string" ? "character" : "item";
  const bound = error.keyword.startsWith("min") ? "at least" : "at most";
  return {
    code: "field/length",
    message: `${label(path)} must have ${bound} ${limit} ${what}${limit === 1 ? "" : "s"}`,
    path,
  };
}

function notOneOf(error: ErrorObject, path: FieldPath): Finding {
  const branches = error.schema as readonly JsonSchema[];
  const names = branches.flatMap((branch) => branch.required ?? []);
  const found = fieldsOf(error.data).filter((name) => names.includes(name));
  const state = found.length === 0 ? "it has none" : `it has ${listWords(found, "and")}`;
  return {
    code: "field/one-of",
    message: `${label(path)} must have one of ${listWords(names)}: ${state}`,
    path,
  };
}

function wrongFormat(error: ErrorObject, path: FieldPath): Finding {
  const format = FORMATS[String(error.params["format"])];
  const wanted = format?.says ?? "of another form";
  // Ajv gives the name of a map's entry in place of its value, and the map's path.
  const name = (error as { readonly propertyName?: string }).propertyName;
  const text = name ?? String(error.data);
  const hint = format?.hint?.(text);
  const place = name === undefined ? path : [...path, name];
  const subject = name === undefined ? label(path) : `The name ${quote(name)} in ${label(path)}`;
  const isHidden = name !== undefined || schemaOf(error)["x-secret"] === true;
  const state = isHidden ? "" : `: it is ${show(text)}`;
  return {
    code: "field/format",
    message: `${subject} must be ${wanted}${state}`,
    path: place,
    ...(name === undefined ? {} : { on: "key" as const }),
    ...(hint === undefined ? {} : { hint }),
  };
}

/** Largest integer of Kubernetes' counters: as a bound it says nothing to people. */
const INT32_MAX = 2_147_483_647;

const TYPE_WORDS: Readonly<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  integer: "an integer",
  object: "a map",
  string: "a string",
};

/** Completes "must be …". */
function expected(schema: JsonSchema): string {
  const { type, format } = schema;
  if (typeof type !== "string") return FORMATS[format ?? ""]?.says ?? listWords(type ?? []);
  const word = TYPE_WORDS[type] ?? type;
  return type === "integer"
    ? [word, rangeOf(schema)].filter((part) => part !== "").join(" ")
    : word;
}

function rangeOf({ minimum, maximum }: JsonSchema): string {
  const isUnbounded = maximum === undefined || maximum === INT32_MAX;
  if (minimum === undefined) return isUnbounded ? "" : `at most ${maximum}`;
  return isUnbounded ? `>= ${minimum}` : `from ${minimum} to ${maximum}`;
}

function schemaOf(error: ErrorObject): JsonSchema {
  return (error.parentSchema ?? {}) as JsonSchema;
}

function fieldsOf(data: unknown): readonly string[] {
  return typeof data === "object" && data !== null ? Object.keys(data) : [];
}

function label(path: FieldPath): string {
  return path.length === 0 ? "The object" : formatPath(path);
}
