import { shortHash } from "../base/hash.ts";
import { groupBy } from "../base/order.ts";
import { RESOURCES, apiVersionOf } from "../model/resources.ts";
import type { Resource } from "../model/resources.ts";

/**
 * The OpenAPI documents that kubectl asks for before it writes. They state the operations, with the parameter by which
 * kubectl leaves the validation to the server, and no schemas.
 */
export interface OpenApi {
  readonly index: unknown;
  /** By path, for instance `/openapi/v3/apis/apps/v1`. */
  readonly documents: ReadonlyMap<string, unknown>;
}

/** Pure. */
export function createOpenApi(version: string): OpenApi {
  const documents = new Map<string, unknown>();
  const paths: Record<string, { readonly serverRelativeURL: string }> = {};
  for (const [groupVersion, resources] of groupBy(RESOURCES, apiVersionOf)) {
    const name = groupVersion.includes("/") ? `apis/${groupVersion}` : `api/${groupVersion}`;
    const document = toDocument(name, resources, version);
    const path = `/openapi/v3/${name}`;
    documents.set(path, document);
    paths[name] = { serverRelativeURL: `${path}?hash=${shortHash(document, 24)}` };
  }
  return { index: { paths }, documents };
}

function toDocument(name: string, resources: readonly Resource[], version: string): unknown {
  return {
    openapi: "3.0.0",
    info: { title: "Berth", version },
    components: { schemas: {} },
    paths: Object.fromEntries(
      resources.map((resource) => {
        const scope = resource.namespaced ? "/namespaces/{namespace}" : "";
        return [`/${name}${scope}/${resource.plural}/{name}`, { patch: toPatch(resource) }];
      }),
    ),
  };
}

function toPatch({ group, version, kind }: Resource): unknown {
  const parameter = (name: string): unknown => ({
    name,
    in: "query",
    schema: { type: "string", uniqueItems: true },
  });
  return {
    operationId: `patch${kind}`,
    parameters: ["dryRun", "fieldManager", "fieldValidation", "force"].map(parameter),
    responses: { "200": { description: "OK" } },
    "x-kubernetes-action": "patch",
    "x-kubernetes-group-version-kind": { group, version, kind },
  };
}
