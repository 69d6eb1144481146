import type { ErrorObject } from "ajv/dist/2020.js";
import { isFields } from "./fields.ts";
import type { Fields } from "./fields.ts";
import { FORMATS } from "./formats.ts";
import type { JsonSchema } from "./json-schema.ts";
import type { Resolve } from "./prune-nulls.ts";
import { hasType, isSame, limitFailures } from "./schema-words.ts";

/** Errors of one value after which the search ends: more would only say the same again. */
const MAX_ERRORS = 1000;

export interface SchemaRoot {
  readonly schema: JsonSchema;
  /** The `$id` from which its references are read. */
  readonly base: string;
  readonly resolve: Resolve;
}

/**
 * Every error that a schema finds in a value, in the form that ajv gives them with `allErrors` and `verbose`.
 *
 * It interprets the schema, and so costs nothing to load: the validators that ajv compiled say yes or no, and only
 * what they refuse comes here. It knows the keywords that schemas/ and CustomResourceDefinitions may use. Pure.
 */
export function schemaErrors(value: unknown, { schema, base, resolve }: SchemaRoot): ErrorObject[] {
  const search = new Search(resolve);
  search.visit(value, schema, { base, instancePath: "", schemaPath: "#" });
  return search.errors;
}

interface Place {
  readonly base: string;
  readonly instancePath: string;
  readonly schemaPath: string;
  /** Set while the name of a map's entry is looked at. */
  readonly propertyName?: string;
}

/** What is wrong by one keyword. */
interface Failure {
  readonly keyword: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly message?: string;
}

class Search {
  readonly errors: ErrorObject[] = [];
  readonly #resolve: Resolve;

  constructor(resolve: Resolve) {
    this.#resolve = resolve;
  }

  visit(value: unknown, schema: JsonSchema | boolean, place: Place): void {
    if (schema === true || this.errors.length >= MAX_ERRORS) return;
    if (schema === false) {
      this.#add({ keyword: "false schema" }, value, {}, place);
      return;
    }
    const fail = (failure: Failure): void => this.#add(failure, value, schema, place);
    if (schema.type !== undefined && !hasType(value, schema.type)) {
      fail({ keyword: "type", params: { type: schema.type } });
    }
    limitFailures(value, schema).forEach(fail);
    if (typeof value === "string" && schema.format !== undefined) {
      const { format } = schema;
      if (FORMATS[format]?.test(value) === false) fail({ keyword: "format", params: { format } });
    }
    this.#visitReference(value, schema, place);
    if ("const" in schema && !isSame(schema.const, value)) fail({ keyword: "const" });
    if (schema.enum?.some((allowed) => isSame(allowed, value)) === false) fail({ keyword: "enum" });
    this.#visitUnions(value, schema, place);
    if (Array.isArray(value)) this.#visitList(value as unknown[], schema, place);
    else if (isFields(value)) this.#visitMap(value, schema, place);
  }

  #visitReference(value: unknown, { $ref }: JsonSchema, place: Place): void {
    if ($ref === undefined) return;
    const { schema, base } = this.#resolve($ref, place.base);
    this.visit(value, schema, { ...place, base, schemaPath: $ref });
  }

  #visitUnions(value: unknown, schema: JsonSchema, place: Place): void {
    const { not, anyOf, oneOf, allOf } = schema;
    const fail = (failure: Failure): void => this.#add(failure, value, schema, place);
    if (not !== undefined && this.#accepts(value, not, place)) fail({ keyword: "not" });
    if (anyOf !== undefined && !anyOf.some((branch) => this.#accepts(value, branch, place))) {
      fail({ keyword: "anyOf", message: "must fit one of several schemas" });
    }
    if (oneOf !== undefined) {
      const passing = [...oneOf.keys()].filter((index) =>
        this.#accepts(value, oneOf[index] ?? {}, place),
      );
      const passingSchemas = passing.length === 0 ? null : passing.slice(0, 2);
      if (passing.length !== 1) fail({ keyword: "oneOf", params: { passingSchemas } });
    }
    for (const [index, branch] of (allOf ?? []).entries()) {
      this.visit(value, branch, { ...place, schemaPath: `${place.schemaPath}/allOf/${index}` });
    }
  }

  #accepts(value: unknown, schema: JsonSchema, place: Place): boolean {
    const search = new Search(this.#resolve);
    search.visit(value, schema, place);
    return search.errors.length === 0;
  }

  #visitList(list: readonly unknown[], schema: JsonSchema, place: Place): void {
    const { items } = schema;
    if (items === undefined) return;
    const schemaPath = `${place.schemaPath}/items`;
    for (const [index, item] of list.entries()) {
      const instancePath = `${place.instancePath}/${index}`;
      this.visit(item, items, { ...place, instancePath, schemaPath });
    }
  }

  #visitMap(map: Fields, schema: JsonSchema, place: Place): void {
    const { required = [], properties = {}, additionalProperties, propertyNames } = schema;
    for (const missingProperty of required) {
      if (map[missingProperty] !== undefined && Object.hasOwn(map, missingProperty)) continue;
      this.#add({ keyword: "required", params: { missingProperty } }, map, schema, place);
    }
    for (const [name, value] of Object.entries(map)) {
      if (this.errors.length >= MAX_ERRORS) return;
      if (propertyNames !== undefined) {
        const schemaPath = `${place.schemaPath}/propertyNames`;
        this.visit(name, propertyNames, { ...place, schemaPath, propertyName: name });
      }
      if (Object.hasOwn(properties, name)) {
        if (value === undefined) continue;
        const inner = innerPlace(place, name, `properties/${name}`);
        this.visit(value, properties[name] ?? true, inner);
      } else if (additionalProperties === false) {
        const params = { additionalProperty: name };
        this.#add({ keyword: "additionalProperties", params }, map, schema, place);
      } else if (additionalProperties !== undefined) {
        this.visit(value, additionalProperties, innerPlace(place, name, "additionalProperties"));
      }
    }
  }

  #add(failure: Failure, data: unknown, schema: JsonSchema, place: Place): void {
    const { keyword, params = {}, message = "is not valid" } = failure;
    const { instancePath, schemaPath, propertyName } = place;
    this.errors.push({
      keyword,
      instancePath,
      schemaPath: `${schemaPath}/${keyword}`,
      params,
      message,
      schema: schema[keyword],
      parentSchema: schema,
      data,
      ...(propertyName === undefined ? {} : { propertyName }),
    });
  }
}

function innerPlace(place: Place, name: string, step: string): Place {
  const escaped = name.replaceAll("~", "~0").replaceAll("/", "~1");
  return {
    base: place.base,
    instancePath: `${place.instancePath}/${escaped}`,
    schemaPath: `${place.schemaPath}/${step}`,
  };
}
