import { isAlias, isMap, isScalar, isSeq, parseAllDocuments, visit, YAMLMap } from "yaml";
import type { Document, Node, ScalarTag } from "yaml";
import type { ObjectRef } from "../../model/meta.ts";
import { findResource } from "../../model/resources.ts";
import { OCTAL_DIGITS } from "../../schema/yaml-words.ts";
import { EditError } from "./object-edit.ts";
import type { YamlStyle } from "./render-yaml.ts";
import { TextEdits } from "./text-edits.ts";
import { contentEnd, endOf, startOf, textAt } from "./yaml-nodes.ts";

/** A manifest file, opened for changes. */
export interface ManifestFile {
  readonly path: string;
  readonly edits: TextEdits;
  readonly style: YamlStyle;
  readonly objects: readonly FileObject[];
}

/** An object in a file, with what surrounds it. */
export interface FileObject {
  readonly node: YAMLMap;
  readonly document: Document.Parsed;
  /** The List that it is an item of, if any, and all that holds it. */
  readonly list?: { readonly node: YAMLMap; readonly items: Node };
}

/** Lists inside of Lists. */
const MAX_LISTS = 10;
const OCTAL: ScalarTag = {
  tag: "tag:yaml.org,2002:int",
  default: true,
  test: OCTAL_DIGITS,
  resolve: (text) => Number.parseInt(text, 8),
};

/** Opens a file that could be read as manifests. Throws `EditError`. Pure. */
export function openManifestFile(path: string, content: Uint8Array): ManifestFile {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(content);
  const documents = parseAllDocuments(text, {
    version: "1.2",
    schema: "core",
    customTags: (tags) => [OCTAL, ...tags],
    keepSourceTokens: true,
    uniqueKeys: false,
    stringKeys: true,
    prettyErrors: false,
    logLevel: "silent",
  });
  const list: readonly Document.Parsed[] = Array.isArray(documents) ? documents : [];
  if (list.some(({ errors }) => errors.length > 0)) {
    throw new EditError(
      "not-editable",
      `Cannot edit file "${path}": its YAML has a mistake; mend it first`,
    );
  }
  const objects = list.flatMap((document) => objectsIn(document.contents, document, undefined, 0));
  return { path, edits: new TextEdits(text), style: styleOf(path, text, list), objects };
}

/** The object of that name in the file. `namespace` is for those that state none. Pure. */
export function findObject(
  file: ManifestFile,
  ref: ObjectRef,
  namespace: string,
): FileObject | undefined {
  const isNamespaced = findResource(ref.apiVersion, ref.kind)?.namespaced ?? true;
  return file.objects.find(
    ({ node }) =>
      textAt(node, "apiVersion") === ref.apiVersion &&
      textAt(node, "kind") === ref.kind &&
      textAt(node, "metadata", "name") === ref.name &&
      (!isNamespaced || (textAt(node, "metadata", "namespace") ?? namespace) === ref.namespace),
  );
}

/** Takes the object out of its file. False when nothing else is in it: then the file itself goes. */
export function removeObject(file: ManifestFile, object: FileObject): boolean {
  const others = file.objects.filter((other) => other !== object);
  if (others.length === 0) return false;
  const { list, document } = object;
  const siblings = others.filter((other) => other.list?.node === list?.node);
  if (list !== undefined && siblings.length > 0) removeItem(file, list.items, object.node);
  else removeDocument(file.edits, document);
  return true;
}

function removeItem({ edits }: ManifestFile, items: Node, node: Node): void {
  if (!isSeq(items)) return;
  const index = items.items.indexOf(node);
  if (items.flow !== true) {
    const before = edits.text.lastIndexOf("-", startOf(node) - 1);
    edits.removeLines(before, contentEnd(node, edits.text));
    return;
  }
  const next = items.items[index + 1] as Node | undefined;
  const previous = items.items[index - 1] as Node | undefined;
  if (next !== undefined) edits.replace(startOf(node), startOf(next), "");
  else edits.replace(previous === undefined ? startOf(node) : endOf(previous), endOf(node), "");
}

/** With the line that begins it; of the first document without one, with the line that begins the next. */
function removeDocument(edits: TextEdits, document: Document.Parsed): void {
  const { text } = edits;
  const content = document.contents === null ? 0 : startOf(document.contents);
  const markers = [...text.matchAll(/^---(?=[ \t\r\n]|$)/gm)].map(({ index }) => index);
  const own = markers.findLast((marker) => marker <= content);
  const next = markers.find((marker) => marker > content);
  if (own !== undefined) edits.replace(own, next ?? text.length, "");
  else edits.replace(0, next === undefined ? text.length : edits.nextLine(next), "");
}

function objectsIn(
  node: unknown,
  document: Document.Parsed,
  list: FileObject["list"],
  depth: number,
): readonly FileObject[] {
  if (!isMap(node)) return [];
  const items = node.get("items", true);
  const isList = textAt(node, "kind") === "List" && textAt(node, "apiVersion") === "v1";
  if (isList && isSeq(items) && depth < MAX_LISTS) {
    return items.items.flatMap((item) => objectsIn(item, document, { node, items }, depth + 1));
  }
  return [list === undefined ? { node, document } : { node, document, list }];
}

/** Refuses to touch what other places of the file refer to. Throws `EditError`. */
export function refuseAnchored(file: ManifestFile, { node }: FileObject): void {
  let isAnchored = false;
  visit(node, {
    Node: (_key, child) => {
      const anchor = isScalar(child) || isMap(child) || isSeq(child) ? child.anchor : undefined;
      if (anchor !== undefined || isAlias(child)) isAnchored = true;
    },
  });
  if (!isAnchored) return;
  throw new EditError(
    "generated",
    `Cannot take the object out of file "${file.path}": it shares anchors and aliases with others; edit the file by hand and commit it`,
  );
}

function styleOf(path: string, text: string, documents: readonly Document.Parsed[]): YamlStyle {
  const root = documents[0]?.contents;
  const isJson = /\.json$/i.test(path) || (isMap(root) && root.flow === true);
  const firstInner = isJson
    ? /\n( +)["{[]/.exec(text)
    : /:[ \t]*(?:#.*)?\r?\n( +)[^\s#-]/.exec(text);
  const width = firstInner?.[1]?.length ?? 2;
  const dash = /^( *)[^\s#-][^\n]*:[ \t]*(?:#.*)?\r?\n( *)- /m.exec(text);
  const indentsLists = dash === null ? true : (dash[2]?.length ?? 0) > (dash[1]?.length ?? 0);
  return { indent: width >= 1 && width <= 8 ? width : 2, indentsLists, isJson };
}
