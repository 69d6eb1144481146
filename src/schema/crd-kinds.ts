import type { CustomResourceDefinition } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import type { CheckedObject } from "./check-object.ts";
import { convertSchema } from "./crd-schema.ts";
import { defaultValue } from "./crd-values.ts";
import { explainErrors } from "./explain-errors.ts";
import type { Fields } from "./fields.ts";
import type { Finding } from "./finding.ts";
import type { JsonSchema } from "./json-schema.ts";
import { schemaErrors } from "./schema-errors.ts";
import { resolveRef, withoutField } from "./validate-object.ts";

/** A kind that a CustomResourceDefinition has made, in one of its versions. */
export interface CustomKind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly schema: JsonSchema;
}

/** Knows kinds that are not built in. */
export type KindSource = (apiVersion: string, kind: string) => CustomKind | undefined;

/** Where `$ref`s of custom schemas are read from: beside the other schemas. */
const BASE = "https://berth.dev/schemas/custom.json";

/** The kinds of valid definitions, each in the versions that are served; of two with one name, the first. Pure. */
export function customKinds(definitions: readonly CustomResourceDefinition[]): KindSource {
  const kinds = new Map<string, CustomKind>();
  for (const { spec } of definitions) {
    for (const version of spec.versions) {
      const apiVersion = `${spec.group}/${version.name}`;
      const key = `${apiVersion}/${spec.names.kind}`;
      if (!version.served || kinds.has(key)) continue;
      const hasStatus = version.subresources?.status !== undefined;
      kinds.set(key, {
        apiVersion,
        kind: spec.names.kind,
        plural: spec.names.plural,
        namespaced: spec.scope === "Namespaced",
        schema: rootSchema(
          convertSchema(version.schema?.openAPIV3Schema ?? { type: "object" }, []).schema,
          { apiVersion, kind: spec.names.kind, hasStatus },
        ),
      });
    }
  }
  return (apiVersion, kind) => kinds.get(`${apiVersion}/${kind}`);
}

interface RootOptions {
  readonly apiVersion: string;
  readonly kind: string;
  /** Its status is written by itself: what a manifest says of it is left out. */
  readonly hasStatus: boolean;
}

/** The fields that every object has go before those that the definition names. */
function rootSchema(schema: JsonSchema, { apiVersion, kind, hasStatus }: RootOptions): JsonSchema {
  const { metadata, ...named } = schema.properties ?? {};
  const own = Object.entries(named).filter(([name]) => !hasStatus || name !== "status");
  const limits = typeof metadata === "object" ? { allOf: [openly(metadata)] } : {};
  return {
    ...schema,
    $id: BASE,
    required: [...new Set(["apiVersion", "kind", "metadata", ...(schema.required ?? [])])],
    properties: {
      ...Object.fromEntries(own),
      apiVersion: { const: apiVersion },
      kind: { const: kind },
      metadata: {
        $ref: "shared/meta.json#/$defs/objectMeta",
        properties: { name: { format: "dns-subdomain" } },
        ...limits,
      },
    },
    ...(hasStatus ? { additionalProperties: false } : {}),
    ...(hasStatus ? { "x-ignored": { status: "written by the cluster" } } : {}),
  };
}

/** What a definition says of metadata adds to what all metadata has. */
function openly(schema: JsonSchema): JsonSchema {
  return { ...schema, additionalProperties: true };
}

/** One object of a custom kind: validated and defaulted. Takes any map; never throws. Pure. */
export function checkCustomObject(
  value: Fields,
  kind: CustomKind,
  namespace: string,
): CheckedObject {
  const { schema } = kind;
  const prepared = defaultValue(value, schema);
  const errors = schemaErrors(prepared, { schema, base: BASE, resolve: resolveRef });
  const { findings: explained, ignored } = explainErrors(errors, prepared);
  const findings: Finding[] = [...explained];
  let object = prepared as unknown as ApiObject;
  for (const path of ignored) object = withoutField(object, path) as ApiObject;
  if (findings.some((finding) => finding.harmless !== true)) return { findings };
  const { metadata } = object;
  if (!kind.namespaced && metadata.namespace !== undefined) {
    const path = ["metadata", "namespace"];
    const message = `metadata.namespace must be absent: a ${kind.kind} is in no namespace`;
    findings.push({ code: "object/cluster-scoped", message, path, on: "key", hint: "remove it" });
    return { findings };
  }
  if (!kind.namespaced) return { object, findings };
  const placed = { ...metadata, namespace: metadata.namespace ?? namespace };
  return { object: { ...object, metadata: placed }, findings };
}
