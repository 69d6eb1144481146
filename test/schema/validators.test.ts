import { readdirSync, readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { ErrorObject, ValidateFunction } from "ajv/dist/2020.js";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { explainErrors } from "../../src/schema/explain-errors.ts";
import { FORMATS } from "../../src/schema/formats.ts";
import { OWN_KEYWORDS } from "../../src/schema/json-schema.ts";
import type { JsonSchema } from "../../src/schema/json-schema.ts";
import { findKind, KINDS } from "../../src/schema/kinds.ts";
import type { DeclaredKind } from "../../src/schema/kinds.ts";
import { readYaml } from "../../src/schema/read-yaml.ts";
import { schemaErrors } from "../../src/schema/schema-errors.ts";
import { SCHEMAS } from "../../src/schema/schemas.gen.ts";
import { resolveRef, validateObject } from "../../src/schema/validate-object.ts";

/** Ajv as it compiles at run time, with all errors: what the generated code and the search for errors must agree with. */
const AJV = ((): Ajv2020 => {
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
  return ajv.addSchema([...SCHEMAS]);
})();

const CORPUS = new URL("../corpus/", import.meta.url);
const OBJECTS = readdirSync(CORPUS, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.ya?ml$/.test(name))
  .toSorted()
  .flatMap((name) => readYaml(readFileSync(new URL(name, CORPUS), "utf8")).documents)
  .map(({ value }) => value)
  .filter((value) => kindOf(value) !== undefined);

function kindOf(value: unknown): DeclaredKind | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { apiVersion, kind } = value as Readonly<Record<string, unknown>>;
  return findKind(String(apiVersion), String(kind));
}

function byAjv(value: unknown, kind: DeclaredKind): readonly ErrorObject[] {
  const validate = AJV.getSchema(kind.schema.$id ?? "") as ValidateFunction;
  const isValid: boolean = validate(value);
  return isValid ? [] : (validate.errors ?? []);
}

function told(errors: readonly ErrorObject[], value: unknown): readonly string[] {
  const { findings, ignored } = explainErrors(errors, value);
  return [...findings, ...ignored].map((finding) => JSON.stringify(finding)).toSorted();
}

function expectAgreement(value: unknown, kind: DeclaredKind): void {
  const errors = byAjv(value, kind);
  const root = { schema: kind.schema, base: kind.schema.$id ?? "", resolve: resolveRef };
  expect(told(schemaErrors(value, root), value)).toEqual(told(errors, value));
  // Without nulls nothing is taken out beforehand.
  if (JSON.stringify(value).includes("null")) return;
  const { findings } = validateObject(value, kind);
  expect(findings.length > 0).toBe(explainErrors(errors, value).findings.length > 0);
}

describe("the generated validators and the search for errors", { timeout: 60_000 }, () => {
  it("agree with ajv on the whole corpus", () => {
    expect(OBJECTS.length).toBeGreaterThan(150);
    for (const value of OBJECTS) {
      const kind = kindOf(value);
      if (kind !== undefined) expectAgreement(value, kind);
    }
  });

  const odd = fc.oneof(
    fc.constantFrom<unknown>(
      "",
      "a",
      "A b",
      "1",
      "25%",
      "😀",
      -1,
      0,
      0.5,
      1e300,
      70_000,
      true,
      [],
      {},
    ),
    fc.constantFrom<unknown>(
      [{}],
      [[]],
      { a: 1 },
      { name: "x" },
      ["a", "a"],
      "x".repeat(300),
      null,
    ),
    fc.jsonValue({ maxDepth: 1 }),
  );

  it("agree with ajv on corpus objects with values exchanged, removed and added", () => {
    const change = fc.record({
      seed: fc.nat(),
      value: odd,
      field: fc.constantFrom("", "name", "x-y"),
    });
    const property = fc.property(
      fc.constantFrom(...OBJECTS),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      (object, changes) => {
        const changed = changes.reduce((value, { seed, value: other, field }) => {
          return replaceOne(value, seed, { other, field });
        }, object);
        const kind = kindOf(object);
        if (kind !== undefined) expectAgreement(changed, kind);
      },
    );
    fc.assert(property, { numRuns: 1000 });
  });

  it("agree with ajv on any value, for every kind", () => {
    for (const kind of KINDS) {
      fc.assert(
        fc.property(odd, (value) => {
          const base = { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name: "a" } };
          expectAgreement({ ...base, spec: value, data: value }, kind);
          expectAgreement(value, kind);
        }),
        { numRuns: 15 },
      );
    }
  });
});

it("schemas/ use no keyword that the search for errors does not know", () => {
  const known = new Set([
    ..."$schema $id $ref $defs title description type const enum format".split(" "),
    ..."minimum maximum exclusiveMinimum exclusiveMaximum multipleOf".split(" "),
    ..."minLength maxLength minItems maxItems minProperties maxProperties uniqueItems".split(" "),
    ..."required properties additionalProperties propertyNames items".split(" "),
    ..."not anyOf oneOf allOf".split(" "),
    ...OWN_KEYWORDS,
  ]);
  const unknown = new Set<string>();
  const visit = (schema: JsonSchema | boolean | undefined): void => {
    if (typeof schema !== "object") return;
    for (const keyword of Object.keys(schema)) if (!known.has(keyword)) unknown.add(keyword);
    const { properties = {}, $defs = {}, additionalProperties, propertyNames, items, not } = schema;
    [...Object.values(properties), ...Object.values($defs)].forEach(visit);
    [additionalProperties, propertyNames, items, not].forEach(visit);
    for (const branches of [schema.anyOf, schema.oneOf, schema.allOf]) branches?.forEach(visit);
  };
  SCHEMAS.forEach(visit);
  expect([...unknown]).toEqual([]);
});

interface Replacement {
  readonly other: unknown;
  /** Name of a field to add; empty: a value is exchanged, or taken out. */
  readonly field: string;
}

function replaceOne(value: unknown, seed: number, by: Replacement): unknown {
  if (typeof value !== "object" || value === null) return by.other;
  const keys = Object.keys(value);
  const key = keys[seed % Math.max(keys.length, 1)];
  const rest = Math.floor(seed / Math.max(keys.length, 1));
  if (key === undefined || seed % 11 === 0) {
    return by.field !== "" && !Array.isArray(value) ? { ...value, [by.field]: by.other } : by.other;
  }
  const inner = replaceOne((value as Readonly<Record<string, unknown>>)[key], rest, by);
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (String(index) === key ? inner : item));
  if (seed % 7 === 0)
    return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
  return { ...value, [key]: inner };
}
