import type { JSONSchemaProps } from "../model/kinds.gen.ts";
import { isFields } from "./fields.ts";
import type { FieldPath, Finding } from "./finding.ts";
import { formatPath, quote } from "./finding.ts";
import type { JsonSchema } from "./json-schema.ts";
import { safePattern } from "./safe-pattern.ts";

/** Schemas inside of one schema, far above what the largest operators have. */
const MAX_NODES = 20_000;
const MAX_DEPTH = 50;
/** Findings of one schema after which the rest is not listed. */
const MAX_FINDINGS = 50;

const TYPES: ReadonlySet<string> = new Set([
  "string",
  "integer",
  "number",
  "boolean",
  "array",
  "object",
]);
/** What OpenAPI has and a CustomResourceDefinition cannot. */
const FORBIDDEN = [
  "$ref",
  "definitions",
  "dependencies",
  "id",
  "patternProperties",
  "additionalItems",
] as const;
/** What may not stand in allOf, anyOf, oneOf and not: they say what is valid, not what there is. */
const ONLY_OUTSIDE = [
  "default",
  "additionalProperties",
  "nullable",
  "x-kubernetes-preserve-unknown-fields",
] as const;
/** What means the same here. */
const LIMITS: readonly string[] = [
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties",
  "multipleOf",
  "required",
  "enum",
];
/** Formats that Kubernetes checks, by our names for them; others say nothing. */
const FORMAT_NAMES: Readonly<Record<string, string>> = { "date-time": "date-time", byte: "base64" };

export interface ConvertedSchema {
  readonly schema: JsonSchema;
  readonly findings: readonly Finding[];
}

/**
 * The structural schema of a CustomResourceDefinition in the form that this room validates with: what it does not name
 * is refused, as in all manifests. `path` is where it stands. Pure.
 */
export function convertSchema(props: JSONSchemaProps, path: FieldPath): ConvertedSchema {
  const converter = new Converter();
  const schema = converter.convert(props, { path, depth: 0, inside: false });
  return { schema, findings: converter.findings };
}

interface Place {
  readonly path: FieldPath;
  readonly depth: number;
  /** Whether it stands in allOf, anyOf, oneOf or not. */
  readonly inside: boolean;
}

class Converter {
  readonly findings: Finding[] = [];
  #nodes = 0;

  convert(props: JSONSchemaProps, place: Place): JsonSchema {
    this.#nodes++;
    if (place.depth > MAX_DEPTH || this.#nodes > MAX_NODES) {
      if (this.#nodes <= MAX_NODES + 1) {
        const limit = `${MAX_DEPTH} levels or ${MAX_NODES} parts`;
        this.#add(place.path, `${formatPath(place.path)} has more than ${limit}`);
      }
      return {};
    }
    this.#check(props, place);
    return {
      ...this.#typeOf(props),
      ...this.#limitsOf(props, place),
      ...this.#fieldsOf(props, place),
      ...this.#branchesOf(props, place),
      ...(props.default === undefined ? {} : { default: props.default }),
    };
  }

  #check(props: JSONSchemaProps, { path, inside }: Place): void {
    const isFree =
      props["x-kubernetes-int-or-string"] === true ||
      props["x-kubernetes-preserve-unknown-fields"] === true;
    if (!inside && props.type === undefined && !isFree) {
      this.#add(
        [...path, "type"],
        `${formatPath([...path, "type"])} is required: each field of a structural schema has a type`,
      );
    } else if (props.type !== undefined && !TYPES.has(props.type)) {
      this.#add(
        [...path, "type"],
        `${formatPath([...path, "type"])} must be ${[...TYPES].join(", ")}: it is ${quote(props.type)}`,
      );
    }
    for (const name of [...FORBIDDEN, ...(inside ? ONLY_OUTSIDE : [])]) {
      if (props[name] !== undefined) this.#forbid([...path, name]);
    }
    if (props.uniqueItems === true)
      this.#forbid([...path, "uniqueItems"], 'write "x-kubernetes-list-type: set"');
    if (props.additionalProperties === false) this.#forbid([...path, "additionalProperties"]);
    if (props.properties !== undefined && props.additionalProperties !== undefined) {
      this.#forbid([...path, "additionalProperties"], "keep it or properties, not both");
    }
    if (!inside && props.type === "array" && !isFields(props.items)) {
      this.#add(
        [...path, "items"],
        `${formatPath([...path, "items"])} is required: a list has one schema for its items`,
      );
    }
    if ((props["x-kubernetes-validations"]?.length ?? 0) > 0) {
      const at = [...path, "x-kubernetes-validations"];
      this.#warn(
        at,
        `${formatPath(at)} is not evaluated: objects that break these rules are taken`,
      );
    }
  }

  #typeOf(props: JSONSchemaProps): JsonSchema {
    const isEither = props["x-kubernetes-int-or-string"] === true;
    const types = isEither ? ["integer", "string"] : props.type === undefined ? [] : [props.type];
    if (types.length === 0) return {};
    if (props.nullable === true) return { type: [...types, "null"], "x-nullable": true };
    const [only] = types;
    return { type: types.length === 1 && only !== undefined ? only : types };
  }

  #limitsOf(props: JSONSchemaProps, { path }: Place): JsonSchema {
    const limits: Record<string, unknown> = {};
    for (const name of LIMITS) {
      const value = (props as Readonly<Record<string, unknown>>)[name];
      if (value !== undefined) limits[name] = value;
    }
    const { minimum, maximum, pattern } = props;
    if (minimum !== undefined)
      limits[props.exclusiveMinimum === true ? "exclusiveMinimum" : "minimum"] = minimum;
    if (maximum !== undefined)
      limits[props.exclusiveMaximum === true ? "exclusiveMaximum" : "maximum"] = maximum;
    if (props["x-kubernetes-list-type"] === "set") limits["uniqueItems"] = true;
    const format = FORMAT_NAMES[props.format ?? ""];
    if (format !== undefined) limits["format"] = format;
    if (pattern !== undefined) {
      const test = safePattern(pattern);
      const at = [...path, "pattern"];
      if (test === undefined)
        this.#warn(
          at,
          `${formatPath(at)} is not evaluated: it is broken, too large, or has signs that are not known`,
        );
      else limits["x-pattern"] = { source: pattern, test };
    }
    return limits;
  }

  #fieldsOf(props: JSONSchemaProps, place: Place): JsonSchema {
    const { properties, additionalProperties, items } = props;
    const isOpen = props["x-kubernetes-preserve-unknown-fields"] === true;
    const known = Object.entries(properties ?? {}).map(([name, inner]) => [
      name,
      this.convert(inner, inPlace(place, "properties", name)),
    ]);
    const isEmbedded = props["x-kubernetes-embedded-resource"] === true;
    const embedded = isEmbedded ? EMBEDDED : {};
    const schema: Record<string, unknown> = {};
    if (known.length > 0 || isEmbedded)
      schema["properties"] = { ...embedded, ...Object.fromEntries(known) };
    if (isEmbedded)
      schema["required"] = [
        ...new Set([...Object.keys(EMBEDDED).slice(0, 2), ...(props.required ?? [])]),
      ];
    if (isFields(items))
      schema["items"] = this.convert(items as JSONSchemaProps, inPlace(place, "items"));
    if (isFields(additionalProperties)) {
      const inner = inPlace(place, "additionalProperties");
      schema["additionalProperties"] = this.convert(additionalProperties as JSONSchemaProps, inner);
    } else if (
      props.type === "object" &&
      !isOpen &&
      !place.inside &&
      additionalProperties !== true
    ) {
      schema["additionalProperties"] = false;
    }
    return schema;
  }

  #branchesOf(props: JSONSchemaProps, place: Place): JsonSchema {
    const schema: Record<string, unknown> = {};
    for (const word of ["allOf", "anyOf", "oneOf"] as const) {
      const branches = props[word];
      if (branches === undefined || branches.length === 0) continue;
      schema[word] = branches.map((branch, index) => {
        return this.convert(branch, { ...inPlace(place, word, index), inside: true });
      });
    }
    if (props.not !== undefined)
      schema["not"] = this.convert(props.not, { ...inPlace(place, "not"), inside: true });
    return schema;
  }

  #forbid(path: FieldPath, hint = "remove it"): void {
    this.#add(path, `${formatPath(path)} cannot stand in a structural schema`, hint);
  }

  #add(path: FieldPath, message: string, hint?: string): void {
    if (this.findings.length >= MAX_FINDINGS) return;
    this.findings.push({
      code: "crd/schema",
      message,
      path,
      ...(hint === undefined ? {} : { hint }),
    });
  }

  #warn(path: FieldPath, message: string): void {
    if (this.findings.length >= MAX_FINDINGS) return;
    this.findings.push({ code: "crd/not-evaluated", message, path, on: "key", harmless: true });
  }
}

/** Fields that every object inside of an object has. */
const EMBEDDED: Readonly<Record<string, JsonSchema>> = {
  apiVersion: { type: "string" },
  kind: { type: "string" },
  metadata: { type: "object" },
};

function inPlace({ path, depth, inside }: Place, ...steps: readonly (string | number)[]): Place {
  return { path: [...path, ...steps], depth: depth + 1, inside };
}
