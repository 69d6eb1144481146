import { describe, expect, it } from "vitest";
import type { CustomResourceDefinition, JSONSchemaProps } from "../../src/model/kinds.gen.ts";
import { formatProblem } from "../../src/model/problem.ts";
import { definitionSchemas } from "../../src/schema/crd-definition.ts";
import { checkCustomObject, customKinds } from "../../src/schema/crd-kinds.ts";
import type { Finding } from "../../src/schema/finding.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";

function definition(
  spec: JSONSchemaProps,
  more: Partial<CustomResourceDefinition["spec"]> = {},
): CustomResourceDefinition {
  const openAPIV3Schema: JSONSchemaProps = { type: "object", properties: { spec } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "crontabs.example.com" },
    spec: {
      group: "example.com",
      names: { kind: "CronTab", plural: "crontabs" },
      scope: "Namespaced",
      versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema } }],
      ...more,
    },
  };
}

const SPEC: JSONSchemaProps = {
  type: "object",
  required: ["schedule"],
  properties: {
    schedule: { type: "string", pattern: "^[0-9* ]+$" },
    replicas: { type: "integer", minimum: 1, maximum: 10, default: 1 },
    port: { "x-kubernetes-int-or-string": true },
    note: { type: "string", nullable: true },
    limit: { type: "number", minimum: 0, exclusiveMinimum: true },
    labels: { type: "object", additionalProperties: { type: "string" } },
    steps: {
      type: "array",
      items: { type: "object", properties: { name: { type: "string", default: "a" } } },
    },
    set: { type: "array", items: { type: "string" }, "x-kubernetes-list-type": "set" },
    free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
    made: { type: "object", properties: { at: { type: "string", default: "now" } }, default: {} },
    object: { type: "object", "x-kubernetes-embedded-resource": true },
    either: {
      type: "object",
      properties: { a: { type: "string" }, b: { type: "string" } },
      oneOf: [{ required: ["a"] }, { required: ["b"] }],
    },
  },
};

function check(
  spec: unknown,
  more: Record<string, unknown> = {},
): ReturnType<typeof checkCustomObject> {
  const kind = customKinds([definition(SPEC)])("example.com/v1", "CronTab");
  if (kind === undefined) throw new Error("The kind is not there");
  const head = { apiVersion: "example.com/v1", kind: "CronTab", metadata: { name: "a" } };
  return checkCustomObject({ ...head, spec, ...more }, kind, "shop");
}

describe("an object of a custom kind", () => {
  it("is taken with its defaults and its namespace", () => {
    const { object, findings } = check({
      schedule: "* 1",
      note: null,
      replicas: null,
      steps: [{}],
    });
    expect(findings).toEqual([]);
    expect(object).toEqual({
      apiVersion: "example.com/v1",
      kind: "CronTab",
      metadata: { name: "a", namespace: "shop" },
      spec: {
        schedule: "* 1",
        note: null,
        replicas: 1,
        steps: [{ name: "a" }],
        made: { at: "now" },
      },
    });
  });

  it.each([
    [{ port: 80 }],
    [{ port: "http" }],
    [{ limit: 0.1 }],
    [{ labels: { a: "b" } }],
    [{ set: ["a", "b"] }],
    [{ free: { any: [1, { thing: true }] } }],
    [{ object: { apiVersion: "v1", kind: "X", metadata: { name: "y" } } }],
    [{ either: { b: "x" } }],
  ])("may have %j", (fields) => {
    expect(check({ schedule: "*", ...fields }).findings).toEqual([]);
  });

  it.each([
    [{}, "field/required spec.schedule is required"],
    [{ schedule: "x" }, 'field/value spec.schedule must match the pattern "^[0-9* ]+$"'],
    [{ schedule: 5 }, "field/quote spec.schedule must be a string: 5 without quotes is a number"],
    [
      { schedule: "*", replicas: 11 },
      "field/range spec.replicas must be an integer from 1 to 10: it is 11",
    ],
    [{ schedule: "*", limit: 0 }, "field/value spec.limit must be > 0"],
    [{ schedule: "*", port: true }, "field/type spec.port must be integer or string: it is true"],
    [{ schedule: "*", replica: 1 }, "field/unknown spec.replica is no field of spec"],
    [
      { schedule: "*", labels: { a: 1 } },
      "field/quote spec.labels.a must be a string: 1 without quotes is a number",
    ],
    [
      { schedule: "*", steps: [{ nam: "x" }] },
      "field/unknown spec.steps[0].nam is no field of spec.steps[0]",
    ],
    [{ schedule: "*", set: ["a", "a"] }, "field/value spec.set must not have an item twice"],
    [{ schedule: "*", object: { kind: "X" } }, "field/required spec.object.apiVersion is required"],
    [
      { schedule: "*", either: {} },
      "field/one-of spec.either must have one of a or b: it has none",
    ],
  ])("%j is refused", (spec, expected) => {
    const { object, findings } = check(spec);
    expect(object).toBeUndefined();
    expect(findings.map(({ code, message }) => `${code} ${message}`)).toEqual([expected]);
  });

  it("has metadata like every other object", () => {
    const { findings } = check({ schedule: "*" }, { metadata: { name: "A b", lables: {} } });
    expect(findings.map(({ code }) => code).toSorted()).toEqual(["field/format", "field/unknown"]);
  });

  it("may have no field at its root that the definition does not name", () => {
    expect(check({ schedule: "*" }, { status: {} }).findings[0]?.message).toBe(
      "status is no field of this kind",
    );
  });
});

describe("customKinds", () => {
  it("knows served versions, whether they are namespaced, and leaves out a status of its own", () => {
    const schema = { openAPIV3Schema: { type: "object" } };
    const kinds = customKinds([
      definition(SPEC, {
        scope: "Cluster",
        versions: [
          { name: "v1", served: true, storage: true, schema, subresources: { status: {} } },
          { name: "v1beta1", served: false, storage: false, schema },
        ],
      }),
    ]);
    expect(kinds("example.com/v1beta1", "CronTab")).toBeUndefined();
    expect(kinds("example.com/v1", "Other")).toBeUndefined();
    const kind = kinds("example.com/v1", "CronTab");
    if (kind === undefined) throw new Error("The kind is not there");
    const head = { apiVersion: "example.com/v1", kind: "CronTab" };
    const own = checkCustomObject(
      { ...head, metadata: { name: "a" }, status: { x: 1 } },
      kind,
      "n",
    );
    expect(own.object).toEqual({ ...head, metadata: { name: "a" } });
    expect(own.findings.map(({ code }) => code)).toEqual(["field/ignored"]);
    const placed = { ...head, metadata: { name: "a", namespace: "b" } };
    expect(checkCustomObject(placed, kind, "n").findings[0]?.code).toBe("object/cluster-scoped");
  });
});

describe("the schema of a definition", () => {
  const findingsOf = (spec: JSONSchemaProps): string[] => {
    const findings: Finding[] = [];
    definitionSchemas(definition(spec), (finding) => findings.push(finding));
    return findings.map(({ code, path }) => `${code} ${path.slice(7).join(".")}`);
  };

  it("is structural", () => expect(findingsOf(SPEC)).toEqual([]));

  it.each<[JSONSchemaProps, string]>([
    [{}, "crd/schema type"],
    [{ type: "text" }, "crd/schema type"],
    [{ type: "object", properties: { a: {} } }, "crd/schema properties.a.type"],
    [{ type: "array" }, "crd/schema items"],
    [{ type: "object", additionalProperties: false }, "crd/schema additionalProperties"],
    [{ type: "object", $ref: "#/x" }, "crd/schema $ref"],
    [{ type: "array", uniqueItems: true, items: { type: "string" } }, "crd/schema uniqueItems"],
    [
      { type: "object", properties: {}, additionalProperties: { type: "string" } },
      "crd/schema additionalProperties",
    ],
    [{ type: "integer", default: "x" }, "crd/schema default"],
    [{ type: "string", anyOf: [{ default: "a" }] }, "crd/schema anyOf.0.default"],
    [{ type: "string", pattern: "(?=a)" }, "crd/not-evaluated pattern"],
    [
      { type: "object", "x-kubernetes-validations": [{ rule: "true" }] },
      "crd/not-evaluated x-kubernetes-validations",
    ],
  ])("%j is told", (spec, expected) => expect(findingsOf(spec)).toEqual([expected]));

  it("has a limit of depth and of size", () => {
    let deep: JSONSchemaProps = { type: "object" };
    for (let level = 0; level < 60; level++) deep = { type: "object", properties: { a: deep } };
    expect(findingsOf(deep)).toHaveLength(1);
    const fields = Array.from({ length: 25_000 }, (_, index) => [`f${index}`, { type: "string" }]);
    expect(findingsOf({ type: "object", properties: Object.fromEntries(fields) })).toHaveLength(1);
  });
});

describe("loadManifests with the kinds of a cluster", () => {
  const kinds = customKinds([definition(SPEC)]);
  const load = (text: string): ReturnType<typeof loadManifests> =>
    loadManifests([{ path: "a.yaml", content: new TextEncoder().encode(text) }], {
      namespace: "shop",
      kinds,
    });
  const head = "apiVersion: example.com/v1\nkind: CronTab\nmetadata:\n  name: a\nspec:\n";

  it("takes objects of custom kinds", () => {
    const { manifests, problems } = load(`${head}  schedule: "*"\n`);
    expect(problems).toEqual([]);
    expect(manifests[0]?.object).toMatchObject({ spec: { schedule: "*", replicas: 1 } });
    expect(manifests[0]?.hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it("gives their problems with places", () => {
    const { problems } = load(
      `${head}  schedule: "*"\n  replicas: 0\n---\n${head.replace("v1", "v2")}`,
    );
    expect(problems.map(formatProblem)).toEqual([
      "a.yaml:7:13: spec.replicas must be an integer from 1 to 10: it is 0 [field/range]",
      expect.stringContaining("a.yaml:10:7:"),
    ]);
  });
});
