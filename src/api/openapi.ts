import { sha256, shortHash } from "../base/hash.ts";
import { groupBy } from "../base/order.ts";
import { invariant } from "../base/assert.ts";
import { RESOURCES, apiVersionOf } from "../model/resources.ts";
import type { Resource } from "../model/resources.ts";
import type { SchemaFiles } from "../schema/schema-tree.ts";
import { addCommon, addList } from "./openapi-common.ts";
import { schemaFile } from "./openapi-names.ts";
import { pathsOf } from "./openapi-paths.ts";
import { addKind } from "./openapi-schema.ts";
import type { Components, Part } from "./openapi-schema.ts";
import { toOpenApi2 } from "./openapi-v2.ts";

/** A document as it is sent. */
export interface OpenApiDocument {
  readonly content: Buffer;
  /** Changes with the content; in quotes, as HTTP has it. */
  readonly tag: string;
}

/**
 * The OpenAPI documents, made from schemas/ when somebody first asks for one, and then kept as bytes. They tell people
 * what a field is and whether it is supported, and kubectl how lists are merged and that the server validates.
 */
export interface OpenApi {
  /** `undefined` for a path that is none of theirs. Rejects when schemas/ cannot be read; it may then be asked again. */
  document(path: string): Promise<OpenApiDocument> | undefined;
}

export const OPENAPI_V2 = "/openapi/v2";
const INDEX = "/openapi/v3";

/** Resources of one document, by its name: `api/v1`, `apis/apps/v1`. */
const BY_NAME: ReadonlyMap<string, readonly Resource[]> = groupBy(RESOURCES, documentName);

export function createOpenApi(version: string, readFiles: () => Promise<SchemaFiles>): OpenApi {
  const kept = new Map<string, Promise<OpenApiDocument>>();
  return {
    document(path) {
      const build = builderOf(path, version);
      if (build === undefined) return undefined;
      const known = kept.get(path);
      if (known !== undefined) return known;
      const made = readFiles().then((files) => toDocument(build(files)));
      kept.set(path, made);
      // What failed is tried again by the next who asks; who asked now is told.
      made.catch(() => kept.delete(path));
      return made;
    },
  };
}

/** The document of one group and version, for instance `apis/apps/v1`. Pure. */
export function buildOpenApi3(name: string, files: SchemaFiles, version: string): Part {
  const resources = BY_NAME.get(name) ?? [];
  const components: Components = new Map();
  const paths = resources.flatMap((resource) => {
    const { group, version: apiVersion, kind } = resource;
    const gvk = { group, version: apiVersion, kind };
    const file = schemaFile(resource);
    const schema = files.get(file);
    invariant(schema !== undefined, `schemas/ has no "${file}"`);
    const component = addKind(files, { schema, file }, gvk, components);
    addList(component, gvk, components);
    return pathsOf(resource, component);
  });
  addCommon(resources, components);
  return {
    openapi: "3.0.0",
    info: { title: "Berth", version },
    components: { schemas: Object.fromEntries(components) },
    paths: Object.fromEntries(paths),
  };
}

/** Every group and version in one document of the older form. Pure. */
export function buildOpenApi2(files: SchemaFiles, version: string): Part {
  const documents = [...BY_NAME.keys()].map((name) => buildOpenApi3(name, files, version));
  return toOpenApi2(documents, version);
}

function builderOf(path: string, version: string): ((files: SchemaFiles) => Part) | undefined {
  if (path === OPENAPI_V2) return (files) => buildOpenApi2(files, version);
  if (path === INDEX) return (files) => buildIndex(files, version);
  const name = path.startsWith(`${INDEX}/`) ? path.slice(INDEX.length + 1) : "";
  return BY_NAME.has(name) ? (files) => buildOpenApi3(name, files, version) : undefined;
}

/** The hash is that of what all documents are made from: to ask for the index builds none of them. */
function buildIndex(files: SchemaFiles, version: string): Part {
  const hash = shortHash([version, ...files], 24);
  const paths = [...BY_NAME.keys()].map((name) => [
    name,
    { serverRelativeURL: `${INDEX}/${name}?hash=${hash}` },
  ]);
  return { paths: Object.fromEntries(paths) };
}

function toDocument(document: Part): OpenApiDocument {
  const content = Buffer.from(`${JSON.stringify(document)}\n`);
  return { content, tag: `"${sha256(content)}"` };
}

function documentName(resource: Resource): string {
  return `${resource.group === "" ? "api" : "apis"}/${apiVersionOf(resource)}`;
}
