import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { RESOURCES } from "../../src/model/resources.ts";
import { FORMATS } from "../../src/schema/formats.ts";
import type { JsonSchema } from "../../src/schema/json-schema.ts";
import { explainKind, findKind, KINDS } from "../../src/schema/kinds.ts";
import { KNOWN_KINDS, SCHEMAS } from "../../src/schema/schemas.gen.ts";
import { validateObject } from "../../src/schema/validate-object.ts";

const FOLDER = new URL("../../schemas/", import.meta.url);

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));
}

/** The schemas as they are written. */
const FILES: readonly JsonSchema[] = readdirSync(FOLDER, { recursive: true })
  .map(String)
  .filter((name) => /^(?:shared\/)?[^/]+\.json$/.test(name) && name !== "known-kinds.json")
  .map((name) => readJson(name) as JsonSchema);

/** Every schema inside a schema, itself included. */
function parts(node: unknown): JsonSchema[] {
  if (Array.isArray(node)) return node.flatMap(parts);
  if (typeof node !== "object" || node === null) return [];
  const { properties, ...rest } = node as JsonSchema;
  return [
    node as JsonSchema,
    ...Object.values(rest).flatMap(parts),
    ...Object.values(properties ?? {}).flatMap(parts),
  ];
}

describe("schemas/", () => {
  it("has a kind for each resource of the API, and List", () => {
    const resources = RESOURCES.map(
      ({ group, version, kind }) => `${group === "" ? version : `${group}/${version}`} ${kind}`,
    );
    const described = FILES.flatMap(({ properties }) => {
      const { apiVersion, kind } = (properties ?? {}) as Record<string, JsonSchema | undefined>;
      return typeof kind?.const === "string" && typeof apiVersion?.const === "string"
        ? [`${apiVersion.const} ${kind.const}`]
        : [];
    });
    expect(described.toSorted()).toEqual(
      [...resources, "autoscaling/v1 HorizontalPodAutoscaler", "v1 List"].toSorted(),
    );
  });

  it("lets users declare what its engine is there for", () => {
    const declarable = FILES.filter(
      (schema) => schema["x-not-yet"] === undefined && schema["x-not-declarable"] === undefined,
    ).flatMap(({ title, properties }) => (properties === undefined ? [] : [title]));
    expect(new Set(KINDS.map(({ schema }) => schema.title))).toEqual(new Set(declarable));
  });

  it("compiles", () => {
    for (const kind of KINDS) {
      expect(validateObject({}, kind).findings.map((finding) => finding.code)).toContain(
        "field/required",
      );
    }
  });

  it("names only formats that are known, and uses them all", () => {
    const used = new Set(
      FILES.flatMap(parts).flatMap(({ format }) => (typeof format === "string" ? [format] : [])),
    );
    expect([...used].toSorted()).toEqual(Object.keys(FORMATS).toSorted());
  });

  it("closes every object that names its fields, and lists no field twice", () => {
    for (const part of SCHEMAS.flatMap(parts)) {
      if (part.type !== "object" || part.properties === undefined) continue;
      // Or its names are free, and the schema of each value is stated.
      if (typeof part.additionalProperties !== "object") {
        expect(part.additionalProperties).toBe(false);
      }
      const notYet = part["x-not-yet"];
      const names = [
        ...Object.keys(part.properties),
        ...(Array.isArray(notYet) ? notYet : []),
        ...Object.keys(part["x-ignored"] ?? {}),
        ...Object.keys(part["x-refused"] ?? {}),
      ];
      expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    }
  });

  it("describes every kind and type, and names each type", () => {
    for (const schema of FILES) {
      const file = schema.$id ?? "";
      if (schema.properties !== undefined) expect(schema.description, file).toBeDefined();
      for (const [name, definition] of Object.entries(schema.$defs ?? {})) {
        if (definition.type !== "object") continue;
        expect(definition.title, `${file}#${name}`).toBeDefined();
        expect(definition.description, `${file}#${name}`).toBeDefined();
      }
    }
  });

  it.each([
    ["shared/container.json", "container"],
    ["shared/pod.json", "podSpec"],
    ["shared/probe.json", "probe"],
    ["apps.v1.Deployment.json", "deploymentSpec"],
    ["apps.v1.StatefulSet.json", "statefulSetSpec"],
    ["autoscaling.v2.HorizontalPodAutoscaler.json", "horizontalPodAutoscalerSpec"],
    ["batch.v1.Job.json", "jobSpec"],
  ])("describes every field of %s %s, or says why it is not taken", (file, name) => {
    const schema = FILES.find(({ $id }) => $id?.endsWith(`/${file}`));
    const bare = Object.entries(schema?.$defs?.[name]?.properties ?? {}).filter(
      ([, property]) =>
        typeof property === "object" &&
        property.description === undefined &&
        typeof property["x-ignored"] !== "string" &&
        typeof property["x-refused"] !== "string",
    );
    expect(bare.map(([field]) => field)).toEqual([]);
  });

  it("has no definition that nothing refers to", () => {
    const used = new Set<string>();
    for (const schema of FILES) {
      for (const { $ref } of parts(schema)) {
        if ($ref !== undefined) used.add(new URL($ref, schema.$id).href);
      }
    }
    const defined = FILES.flatMap(({ $id = "", $defs = {} }) =>
      Object.keys($defs).map((name) => `${$id}#/$defs/${name}`),
    );
    expect(defined.filter((name) => !used.has(name))).toEqual([]);
  });

  it("has unions only of fields that are there or not, which messages can tell", () => {
    for (const part of SCHEMAS.flatMap(parts)) {
      expect(part["anyOf"]).toBeUndefined();
      for (const branch of (part["oneOf"] ?? []) as readonly JsonSchema[]) {
        expect(Object.keys(branch)).toEqual(["required"]);
      }
    }
  });
});

describe("explainKind", () => {
  it("says of each kind of known-kinds.json what it is", () => {
    for (const [apiVersion, kinds] of Object.entries(KNOWN_KINDS.notYet)) {
      for (const kind of kinds) {
        expect(findKind(apiVersion, kind)).toBeUndefined();
        expect(explainKind(apiVersion, kind).code).toBe("kind/not-yet");
      }
    }
    for (const [apiVersion, kinds] of Object.entries(KNOWN_KINDS.oldVersions)) {
      for (const [kind, newer] of Object.entries(kinds)) {
        expect(explainKind(apiVersion, kind)).toMatchObject({
          code: "kind/old-version",
          hint: `write "apiVersion: ${newer}" and compare the fields`,
        });
      }
    }
  });

  it.each(["constructor", "__proto__", "toString", "hasOwnProperty"])(
    "is not misled by %s",
    (name) => {
      expect(explainKind(name, name).code).toBe("kind/unknown");
      expect(findKind(name, name)).toBeUndefined();
    },
  );
});
