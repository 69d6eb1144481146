import type { Resource } from "../../model/resources.ts";
import { apiVersionOf } from "../../model/resources.ts";
import type { SchemaFiles } from "../../schema/schema-tree.ts";
import { schemaFile } from "../openapi-names.ts";
import { addKind } from "../openapi-schema.ts";
import type { Components, Part } from "../openapi-schema.ts";
import { FREE_MAP, fieldType } from "./field-type.ts";
import type { FieldType } from "./field-type.ts";

/** How the fields of each kind are merged, as its OpenAPI document tells it. */
export interface FieldTypes {
  /** Rejects when schemas/ cannot be read; it may then be asked again. */
  of(resource: Resource): Promise<FieldType>;
}

/** Made from schemas/ when a kind is first written, and then kept. */
export function createFieldTypes(readFiles: () => Promise<SchemaFiles>): FieldTypes {
  const kept = new Map<string, Promise<FieldType>>();
  let files: Promise<SchemaFiles> | undefined;
  const read = (): Promise<SchemaFiles> => {
    const reading = files ?? readFiles();
    files = reading;
    reading.catch(() => {
      files = undefined;
    });
    return reading;
  };
  return {
    of(resource) {
      const key = `${apiVersionOf(resource)}/${resource.kind}`;
      const known = kept.get(key);
      if (known !== undefined) return known;
      const made = read().then((all) => typeOfKind(resource, all));
      kept.set(key, made);
      made.catch(() => kept.delete(key));
      return made;
    },
  };
}

/** The type of a kind's objects; of one that has no schema, maps by their fields. Pure. */
export function typeOfKind(resource: Resource, files: SchemaFiles): FieldType {
  const { group, version, kind } = resource;
  const file = schemaFile(resource);
  const schema = files.get(file);
  if (schema === undefined) return FREE_MAP;
  const components: Components = new Map();
  const name = addKind(files, { schema, file }, { group, version, kind }, components);
  const all: Part = Object.fromEntries(components);
  return fieldType(all[name] as Part, all);
}
