import { formatRef, type ApiObject, type ObjectRef } from "../../model/meta.ts";
import { isFields } from "../../schema/fields.ts";
import { editMap } from "./edit-value.ts";
import { fileForNew, type PlacedObject } from "./layout.ts";
import {
  findObject,
  openManifestFile,
  refuseAnchored,
  removeObject,
  type ManifestFile,
} from "./manifest-file.ts";
import { EditError, type ObjectEdit } from "./object-edit.ts";
import { renderDocument } from "./render-yaml.ts";
import { stated, type Change } from "./wanted-value.ts";

/** The files of an App's folder, as far as an edit must know them. */
export interface FolderView {
  /** Namespace of objects that state none. */
  readonly namespace: string;
  readonly placed: readonly PlacedObject[];
  /** All paths of the folder, manifests or not. */
  readonly paths: ReadonlySet<string>;
  /** Contents of the files that hold the objects of the edits. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
}

/** Another content of a file; `null` deletes it. */
export interface FileEdit {
  /** From the App's folder. */
  readonly path: string;
  readonly content: Uint8Array | null;
}

/** What is left in a folder that would otherwise have no manifest, which is never taken for "nothing is wanted". */
const EMPTY_FOLDER_NOTE = "# No objects: the last one was deleted.\n";
const NEW_FILE_STYLE = { indent: 2, indentsLists: true, isJson: false } as const;

/** The names of the files that `editFiles` must be given the contents of. Pure. */
export function filesToOpen(
  edits: readonly ObjectEdit[],
  placed: readonly PlacedObject[],
): readonly string[] {
  const files = edits.flatMap((edit) => {
    const file = edit.kind === "create" ? undefined : fileOf(edit.ref, placed);
    return file === undefined ? [] : [file];
  });
  return [...new Set(files)];
}

/** The changed files of a folder after these edits of different objects. Throws `EditError`. Pure. */
export function editFiles(edits: readonly ObjectEdit[], view: FolderView): readonly FileEdit[] {
  const opened = new Map<string, OpenFile>();
  const created = new Map<string, Uint8Array>();
  const taken = new Set(view.paths);
  for (const edit of edits) {
    if (edit.kind === "create") {
      const path = fileForNew(edit.ref, view.placed, taken);
      if (fileOf(edit.ref, view.placed) !== undefined)
        throw new EditError(
          "exists",
          `${formatRef(edit.ref)} stands in "${fileOf(edit.ref, view.placed)}" already`,
        );
      taken.add(path);
      created.set(path, newFile(edit.written, edit.after));
      continue;
    }
    const file = openFor(edit.ref, view, opened);
    const object = findObject(file.manifest, edit.ref, view.namespace);
    if (object === undefined) throw generatedName(edit.ref, file.manifest.path);
    if (edit.kind === "delete") {
      refuseAnchored(file.manifest, object);
      file.removed.add(object);
    } else explain(edit.ref, file.manifest, () => change(edit, object.node, file.manifest));
  }
  const changed = [...opened.values()].map(closeFile);
  const result = [...changed, ...[...created].map(([path, content]) => ({ path, content }))];
  return keepFolder(result, view);
}

interface OpenFile {
  readonly manifest: ManifestFile;
  readonly removed: Set<ManifestFile["objects"][number]>;
}

function openFor(ref: ObjectRef, view: FolderView, opened: Map<string, OpenFile>): OpenFile {
  const path = fileOf(ref, view.placed);
  const content = path === undefined ? undefined : view.contents.get(path);
  if (path === undefined || content === undefined)
    throw new EditError("not-declared", `${formatRef(ref)} is not declared in the folder`);
  const known = opened.get(path);
  if (known !== undefined) return known;
  const file: OpenFile = { manifest: openManifestFile(path, content), removed: new Set() };
  opened.set(path, file);
  return file;
}

function closeFile({ manifest, removed }: OpenFile): FileEdit {
  const { path, edits } = manifest;
  let rest = manifest;
  for (const object of removed) {
    if (!removeObject(rest, object)) return { path, content: null };
    rest = { ...rest, objects: rest.objects.filter((other) => other !== object) };
  }
  return { path, content: encode(edits.apply()) };
}

function change(
  edit: Extract<ObjectEdit, { kind: "update" }>,
  node: Parameters<typeof editMap>[0],
  file: ManifestFile,
): void {
  const { before, written, after } = edit;
  const wanted: Change = { before, written, after };
  if (!editMap(node, wanted, file))
    throw new EditError("not-editable", "nothing of the object is left");
}

function explain(ref: ObjectRef, { path }: ManifestFile, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof EditError)) throw error;
    const message = `Cannot change ${formatRef(ref)} in file "${path}": ${error.message}; edit the file by hand and commit it`;
    throw new EditError(error.code, message, { cause: error });
  }
}

function generatedName(ref: ObjectRef, path: string): EditError {
  return new EditError(
    "generated",
    `Cannot change ${formatRef(ref)} in file "${path}": its kind, name or namespace is made by an alias, or stands there in another version; edit the file by hand and commit it`,
  );
}

/** Names first, as people write manifests. */
function newFile(written: ApiObject, after: ApiObject): Uint8Array {
  const { apiVersion, kind, metadata, ...rest } = (stated(written, after) ?? written) as ApiObject;
  const { name, namespace, labels, annotations, ...others } = metadata;
  const head = {
    name,
    namespace: after.metadata.namespace ?? namespace,
    labels: filled(labels),
    annotations: filled(annotations),
    ...others,
  };
  const tidy = withoutEmpty(rest) as object;
  const object = { apiVersion, kind, metadata: defined(head), ...tidy };
  return encode(renderDocument(object, NEW_FILE_STYLE));
}

/** Fields that clients send along with nothing in them, and that mean nothing then. */
const EMPTY_BY_HABIT: ReadonlySet<string> = new Set([
  "strategy",
  "updateStrategy",
  "resources",
  "creationTimestamp",
]);

function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (!isFields(value)) return value;
  const entries = Object.entries(value).filter(
    ([key, field]) =>
      !(EMPTY_BY_HABIT.has(key) && isFields(field) && Object.keys(field).length === 0),
  );
  return Object.fromEntries(entries.map(([key, field]) => [key, withoutEmpty(field)]));
}

function filled<T extends object>(map: T | undefined): T | undefined {
  return map === undefined || Object.keys(map).length === 0 ? undefined : map;
}

function defined(map: object): object {
  return Object.fromEntries(Object.entries(map).filter(([, value]) => value !== undefined));
}

/** When no manifest would be left, the last file stays, with a note in place of its object. */
function keepFolder(
  edits: readonly FileEdit[],
  { placed, paths }: FolderView,
): readonly FileEdit[] {
  const gone = new Set(edits.filter(({ content }) => content === null).map(({ path }) => path));
  if (gone.size === 0 || edits.some(({ content }) => content !== null)) return edits;
  const manifests = [...paths].filter((path) => /\.(?:ya?ml|json)$/i.test(path));
  if (placed.some(({ file }) => !gone.has(file)) || manifests.some((path) => !gone.has(path)))
    return edits;
  const keep = edits.find(({ path }) => /\.ya?ml$/i.test(path));
  if (keep === undefined) return edits;
  return edits.map((edit) =>
    edit === keep ? { ...edit, content: encode(EMPTY_FOLDER_NOTE) } : edit,
  );
}

function fileOf(ref: ObjectRef, placed: readonly PlacedObject[]): string | undefined {
  return placed.find(
    ({ ref: other }) =>
      other.name === ref.name &&
      other.kind === ref.kind &&
      other.namespace === ref.namespace &&
      other.apiVersion === ref.apiVersion,
  )?.file;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
