import { SCHEMA_PREFIX } from "../openapi-names.ts";
import type { Part } from "../openapi-schema.ts";

/** How the parts of a value are merged, and so who may own them. */
export type FieldType =
  /** One value: it has one owner. */
  | { readonly kind: "whole" }
  /** A type with named fields, or a free map when it names none. */
  | {
      readonly kind: "map";
      /** Whether users choose the names of its fields. */
      readonly isOpen: boolean;
      readonly has: (field: string) => boolean;
      readonly field: (field: string) => FieldType;
    }
  /** Values that are different from each other. */
  | { readonly kind: "set" }
  /** Items that are told apart by `keys`; a key that an item leaves out has its default. */
  | {
      readonly kind: "list";
      readonly keys: readonly string[];
      readonly defaults: Readonly<Record<string, unknown>>;
      readonly item: FieldType;
    }
  /** No schema says what it is: maps by their fields, all else as a whole. */
  | { readonly kind: "free" };

export const WHOLE: FieldType = { kind: "whole" };
export const FREE: FieldType = { kind: "free" };

/** A map whose fields nobody knows. */
export const FREE_MAP: FieldType = {
  kind: "map",
  isOpen: true,
  has: () => false,
  field: () => FREE,
};

/** The type that a schema of an OpenAPI document describes. Types of fields are made when they are asked for. Pure. */
export function fieldType(part: Part, components: Part): FieldType {
  const { schema, words } = resolve(part, components);
  if (words["x-kubernetes-map-type"] === "atomic") return WHOLE;
  if (schema["type"] === "array") return listType(schema, words, components);
  const { properties, additionalProperties } = schema;
  if (isPart(properties)) return structType(properties, components);
  if (isPart(additionalProperties)) {
    const item = fieldType(additionalProperties, components);
    return { kind: "map", isOpen: true, has: () => false, field: () => item };
  }
  if (schema["x-kubernetes-preserve-unknown-fields"] === true) return FREE;
  return schema["type"] === "object" ? FREE_MAP : WHOLE;
}

function structType(properties: Part, components: Part): FieldType {
  const known = new Map<string, FieldType>();
  return {
    kind: "map",
    isOpen: false,
    has: (field) => Object.hasOwn(properties, field),
    field: (field) => {
      const made = known.get(field);
      if (made !== undefined) return made;
      const part = Object.hasOwn(properties, field) ? properties[field] : undefined;
      const type = isPart(part) ? fieldType(part, components) : FREE;
      known.set(field, type);
      return type;
    },
  };
}

function listType(schema: Part, words: Part, components: Part): FieldType {
  const kind = words["x-kubernetes-list-type"];
  if (kind === "set") return { kind: "set" };
  const keys = words["x-kubernetes-list-map-keys"];
  const { items } = schema;
  if (kind !== "map" || !Array.isArray(keys) || !isPart(items)) return WHOLE;
  const names = keys.filter((key) => typeof key === "string");
  const { properties } = resolve(items, components).schema;
  const defaults = names.flatMap((name) => {
    const field = isPart(properties) ? properties[name] : undefined;
    const value = isPart(field) ? resolve(field, components).words["default"] : undefined;
    return value === undefined ? [] : [[name, value] as const];
  });
  const item = fieldType(items, components);
  return { kind: "list", keys: names, defaults: Object.fromEntries(defaults), item };
}

/** The schema behind references, and the words of all on the way: those nearest win. */
function resolve(part: Part, components: Part): { readonly schema: Part; readonly words: Part } {
  const { allOf } = part;
  const only: unknown = Array.isArray(allOf) && allOf.length === 1 ? allOf[0] : undefined;
  const ref = part["$ref"] ?? (isPart(only) ? only["$ref"] : undefined);
  if (typeof ref !== "string") return { schema: part, words: part };
  const target = components[ref.slice(SCHEMA_PREFIX.length)];
  if (!isPart(target)) return { schema: part, words: part };
  const { schema, words } = resolve(target, components);
  return { schema, words: { ...words, ...part } };
}

function isPart(value: unknown): value is Part {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
