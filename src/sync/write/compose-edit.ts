import { refOf } from "../../model/meta.ts";
import type { Manifest, SourceFile } from "../../schema/manifest.ts";
import type { FileChange, GitRepository } from "../git.ts";
import { checkPath, joinPath } from "../git-names.ts";
import { openForEdit } from "../sops/edit-sealed.ts";
import type { SourceLocation } from "../source.ts";
import { editFiles, filesToOpen } from "./edit-files.ts";
import type { PlacedObject } from "./layout.ts";
import { EditError, type ObjectEdit } from "./object-edit.ts";
import { inWordsOfFile } from "./string-data.ts";
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
    const { namespace } = location;
    const sealed = await openForEdit(files, location.secrets);
    const { contents } = sealed;
    const fileOf = ({ ref }: ObjectEdit): SourceFile | undefined => {
      const [path] = filesToOpen([{ kind: "delete", ref }], placed);
      const content = path === undefined ? undefined : contents.get(path);
      return path === undefined || content === undefined ? undefined : { path, content };
    };
    const edited = editFiles(inWordsOfFile(edits, namespace, fileOf), {
      namespace,
      placed,
      paths: new Set(entries.map(({ path }) => path)),
      contents,
    });
    const changes = (await sealed.seal(edited)).map(({ path, content }): FileChange => ({
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
