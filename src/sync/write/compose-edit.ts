import { refOf } from "../../model/meta.ts";
import type { Manifest } from "../../schema/manifest.ts";
import type { FileChange, GitRepository } from "../git.ts";
import { checkPath, joinPath } from "../git-names.ts";
import type { SourceLocation } from "../source.ts";
import { editFiles, filesToOpen } from "./edit-files.ts";
import type { PlacedObject } from "./layout.ts";
import { EditError } from "./object-edit.ts";
import type { EditAnswer, EditRequest } from "./writable-sources.ts";

/** Makes the commit of edits on top of their parent, which declares `manifests`. */
export async function composeEdit(
  repository: GitRepository,
  location: SourceLocation,
  request: EditRequest & { readonly manifests: readonly Manifest[] },
  signal: AbortSignal,
): Promise<EditAnswer> {
  const { parent, edits, message, author, manifests } = request;
  const folder = checkPath(location.path);
  const tree = await repository.treeId(parent, folder, signal);
  const entries = await repository.listTree(tree, signal);
  const placed = placeAll(manifests, folder);
  const wanted = new Set(filesToOpen(edits, placed));
  const files = await repository.readFiles(
    entries.filter(({ path }) => wanted.has(path)),
    signal,
  );
  try {
    const edited = editFiles(edits, {
      namespace: location.namespace,
      placed,
      paths: new Set(entries.map(({ path }) => path)),
      contents: new Map(files.map(({ path, content }) => [path, content])),
    });
    const changes = edited.map(({ path, content }): FileChange => ({
      path: joinPath(folder, path),
      content,
    }));
    const { branch } = location;
    const commit = await repository.compose({ branch, parent, changes, message, author }, signal);
    return { kind: "composed", commit, changes };
  } catch (error) {
    if (!(error instanceof EditError)) throw error;
    return { kind: "refused", code: error.code, message: error.message };
  }
}

function placeAll(manifests: readonly Manifest[], folder: string): readonly PlacedObject[] {
  const prefix = folder === "." ? "" : `${folder}/`;
  return manifests.map(({ object, at }) => ({
    ref: refOf(object),
    file: at.file.slice(prefix.length),
  }));
}
