import { COMMON_NAMES, SCHEMA_PREFIX } from "./openapi-names.ts";
import type { Part } from "./openapi-schema.ts";

/** What the older form says in other words than the newer one. */
const TYPES: Readonly<Record<string, Part>> = {
  [COMMON_NAMES.quantity]: { type: "string" },
  [COMMON_NAMES.intOrString]: { type: "string", format: "int-or-string" },
};

/** The documents of all groups and versions as one in the form of OpenAPI 2. Pure. */
export function toOpenApi2(documents: readonly Part[], version: string): Part {
  const schemas = documents.flatMap((document) =>
    Object.entries((document["components"] as { readonly schemas: Part }).schemas),
  );
  const paths = documents.flatMap((document) => Object.entries(document["paths"] as Part));
  return {
    swagger: "2.0",
    info: { title: "Berth", version },
    definitions: Object.fromEntries(
      schemas.map(([name, schema]) => [name, toDefinition(name, schema as Part)]),
    ),
    paths: Object.fromEntries(paths.map(([path, item]) => [path, toPathItem(item as Part)])),
  };
}

function toDefinition(name: string, schema: Part): Part {
  const { oneOf: _, format: __, ...words } = schema;
  const type = TYPES[name];
  return type === undefined ? (rewrite(schema) as Part) : { ...words, ...type };
}

/** A reference stands beside its description there, as Kubernetes writes it. */
function rewrite(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rewrite);
  if (typeof value !== "object" || value === null) return value;
  const { allOf, ...words } = value as Part & { readonly allOf?: readonly Part[] };
  const [only] = Array.isArray(allOf) ? allOf : [];
  const target = only === undefined ? words : { ...words, ...only };
  return Object.fromEntries(
    Object.entries(target).map(([key, part]) => [
      key,
      key === "$ref" && typeof part === "string" ? toDefinitionRef(part) : rewrite(part),
    ]),
  );
}

function toDefinitionRef(ref: string): string {
  return `#/definitions/${ref.slice(SCHEMA_PREFIX.length)}`;
}

function toPathItem(item: Part): Part {
  return Object.fromEntries(
    Object.entries(item).map(([key, part]) => [
      key,
      key === "parameters" ? toParameters(part) : toOperation(part as Part),
    ]),
  );
}

function toOperation(operation: Part): Part {
  const { requestBody, responses, parameters, ...words } = operation;
  const body = requestBody as { readonly content: Part; readonly required: boolean } | undefined;
  return {
    ...words,
    ...(body === undefined ? {} : { consumes: Object.keys(body.content) }),
    produces: Object.values(responses as Part).flatMap((answer) =>
      Object.keys((answer as { readonly content: Part }).content),
    ),
    parameters: [
      ...toParameters(parameters),
      ...(body === undefined
        ? []
        : [{ name: "body", in: "body", required: body.required, schema: schemaOf(body.content) }]),
    ],
    responses: Object.fromEntries(
      Object.entries(responses as Part).map(([code, answer]) => {
        const { description, content } = answer as { description: string; content: Part };
        return [code, { description, schema: schemaOf(content) }];
      }),
    ),
  };
}

function toParameters(parameters: unknown): readonly Part[] {
  return (parameters as readonly (Part & { readonly schema: Part })[]).map(
    ({ schema: { type }, ...words }) => ({ ...words, type }),
  );
}

function schemaOf(content: Part): unknown {
  const [first] = Object.values(content) as readonly { readonly schema: unknown }[];
  return rewrite(first?.schema);
}
