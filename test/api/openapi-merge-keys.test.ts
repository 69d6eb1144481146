import { expect, test } from "vitest";
import { mergeWords } from "../../src/api/openapi-merge-keys.ts";
import { COMMON_NAMES, SCHEMA_PREFIX, schemaFile } from "../../src/api/openapi-names.ts";
import { addKind } from "../../src/api/openapi-schema.ts";
import type { Components, Part } from "../../src/api/openapi-schema.ts";
import { mergeFieldsOf } from "../../src/api/strategic-merge-fields.ts";
import type { MergeFields } from "../../src/api/strategic-merge-fields.ts";
import { RESOURCES, apiVersionOf } from "../../src/model/resources.ts";
import { SCHEMA_FILES } from "../support/schema-files.ts";

/** Deepest nesting that is looked at: schemas of custom kinds hold themselves. */
const MAX_DEPTH = 12;

const components: Components = new Map();
const kinds = RESOURCES.map((resource) => {
  const { group, version, kind } = resource;
  const file = schemaFile(resource);
  const place = { schema: SCHEMA_FILES.get(file) ?? {}, file };
  const name = addKind(SCHEMA_FILES, place, { group, version, kind }, components);
  return { apiVersion: apiVersionOf(resource), kind, name };
});

/** The fields of what a field refers to, holds in a list, or is itself. */
function propertiesOf(part: Part): Readonly<Record<string, Part>> {
  const { $ref, allOf, items, properties } = part as {
    $ref?: string;
    allOf?: readonly Part[];
    items?: Part;
    properties?: Readonly<Record<string, Part>>;
  };
  if ($ref !== undefined)
    return propertiesOf(components.get($ref.slice(SCHEMA_PREFIX.length)) ?? {});
  const [only] = allOf ?? [items];
  return properties ?? (only === undefined ? {} : propertiesOf(only));
}

/** What the documents say of merging, one line a field. */
function* published(part: Part, path: string, depth = 0): Generator<string> {
  if (depth > MAX_DEPTH) return;
  for (const [name, field] of Object.entries(propertiesOf(part))) {
    const at = `${path}.${name}`;
    const key = field["x-kubernetes-patch-merge-key"];
    const strategy = field["x-kubernetes-patch-strategy"];
    if (typeof key === "string") yield `${at} by ${key}`;
    else if (strategy === "merge") yield `${at} as a set`;
    else if (strategy === "replace") yield `${at} replaced`;
    // Below a list that is replaced as a whole nothing is merged.
    if (key !== undefined || field["type"] !== "array") yield* published(field, at, depth + 1);
  }
}

/** The same of what the server does. */
function* applied(fields: MergeFields, path: string): Generator<string> {
  for (const [name, field] of Object.entries(fields)) {
    const at = `${path}.${name}`;
    if (field.key !== undefined) yield `${at} by ${field.key}`;
    else if (field.isSet === true) yield `${at} as a set`;
    else if (field.isReplaced === true) yield `${at} replaced`;
    yield* applied(field.fields ?? {}, at);
  }
}

/** Kubernetes' own kinds alone: others are merged without keys. */
const built = kinds.filter(({ apiVersion }) => !/^(?:berth\.dev|apiextensions)/.test(apiVersion));

/** Finalizers of a claim that is made for a pod: the server replaces them, as nobody merges them. */
const UNMERGED = /volumes\.ephemeral\.volumeClaimTemplate\.metadata\./;

test.each(built)(
  "kubectl and the server merge a $kind by the same keys",
  ({ apiVersion, kind, name }) => {
    const says = new Set(published(components.get(name) ?? {}, kind));
    const does = new Set(applied(mergeFieldsOf(apiVersion, kind), kind));
    expect([...says].filter((line) => !does.has(line) && !UNMERGED.test(line))).toEqual([]);
    expect([...does].filter((line) => !says.has(line))).toEqual([]);
  },
);

test("mergeWords says nothing of what is not Kubernetes'", () => {
  expect(mergeWords("dev.berth.v1.AppSpec.repo")).toEqual({});
  expect(mergeWords("io.k8s.api.core.v1.PodSpec.volumes")).toEqual({
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
    "x-kubernetes-patch-strategy": "merge,retainKeys",
    "x-kubernetes-patch-merge-key": "name",
  });
  expect(mergeWords("io.k8s.api.core.v1.NodeSelector")).toEqual({
    "x-kubernetes-map-type": "atomic",
  });
  expect(mergeWords(`${COMMON_NAMES.objectMeta}.finalizers`)).toMatchObject({
    "x-kubernetes-list-type": "set",
  });
  expect(mergeWords(`${COMMON_NAMES.objectMeta}.managedFields`)).toEqual({
    "x-kubernetes-list-type": "atomic",
  });
});
