import { isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Document } from "yaml";
import { itemLabel, keyValue, listKey } from "../model/list-keys.ts";
import type { ObjectRef } from "../model/meta.ts";

/** A value of a manifest that has no parts: what was written, and where. */
export interface ManifestField {
  /** `spec.template.spec.containers[name=web].image`. */
  readonly path: string;
  /** The same, with every item of a list by its place. */
  readonly indexed: string;
  /** JSON. */
  readonly value: string;
  /** Counts from 1. */
  readonly line: number;
}

/** How deep manifests are followed: deeper ones are refused when they are read. */
const MAX_DEPTH = 100;

/** The fields of an object in a file of manifests, by path; `undefined` when the file does not declare it. Pure. */
export function fieldsOfObject(
  text: string,
  object: ObjectRef,
  defaultNamespace: string,
): ReadonlyMap<string, ManifestField> | undefined {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, logLevel: "silent" });
  if (!Array.isArray(documents)) return undefined;
  const found = (documents as readonly Document[]).find(
    (document) => document.errors.length === 0 && declares(document, object, defaultNamespace),
  );
  if (found === undefined) return undefined;
  const fields = new Map<string, ManifestField>();
  collect({ node: found.contents, path: "", indexed: "", field: "", depth: 0 }, lines, fields);
  return fields;
}

function declares(document: Document, object: ObjectRef, defaultNamespace: string): boolean {
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (typeof value !== "object" || value === null) return false;
  const { apiVersion, kind, metadata } = value as Partial<Record<string, unknown>>;
  if (apiVersion !== object.apiVersion || kind !== object.kind) return false;
  const { name, namespace } = (metadata ?? {}) as Partial<Record<string, unknown>>;
  if (name !== object.name) return false;
  return object.namespace === undefined || (namespace ?? defaultNamespace) === object.namespace;
}

interface Visit {
  readonly node: unknown;
  readonly path: string;
  readonly indexed: string;
  /** Name of the field that the node is in. */
  readonly field: string;
  readonly depth: number;
}

function collect(at: Visit, lines: LineCounter, fields: Map<string, ManifestField>): void {
  const { node, path, indexed, depth } = at;
  if (depth > MAX_DEPTH) return;
  if (isMap(node) && node.items.length > 0) {
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : String(key);
      const below = { field: name, depth: depth + 1 };
      const visit = {
        ...below,
        node: value ?? key,
        path: join(path, name),
        indexed: join(indexed, name),
      };
      collect(visit, lines, fields);
    }
    return;
  }
  if (isSeq(node) && node.items.length > 0) {
    const values: unknown = node.toJSON();
    const items = Array.isArray(values) ? (values as readonly unknown[]) : [];
    const key = listKey(at.field, items);
    for (const [index, item] of node.items.entries()) {
      const value = key === undefined ? undefined : keyValue(items[index], key);
      const label = key === undefined || value === undefined ? `[${index}]` : itemLabel(key, value);
      const visit = { field: "", depth: depth + 1, node: item };
      collect(
        { ...visit, path: `${path}${label}`, indexed: `${indexed}[${index}]` },
        lines,
        fields,
      );
    }
    return;
  }
  fields.set(path, { path, indexed, value: jsonOf(node), line: lineOf(node, lines) });
}

function jsonOf(node: unknown): string {
  const plain: unknown =
    typeof node === "object" &&
    node !== null &&
    "toJSON" in node &&
    typeof node.toJSON === "function"
      ? (node.toJSON as () => unknown)()
      : node;
  return JSON.stringify(plain ?? null) ?? "null";
}

function lineOf(node: unknown, lines: LineCounter): number {
  const range =
    typeof node === "object" && node !== null && "range" in node ? node.range : undefined;
  return Array.isArray(range) ? lines.linePos(Number(range[0])).line : 1;
}

function join(path: string, key: string): string {
  if (!/^[A-Za-z_][\w-]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}
