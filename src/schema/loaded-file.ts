import type { ApiObject, ObjectRef } from "../model/meta.ts";
import type { Position, Problem } from "../model/problem.ts";
import type { Fields } from "./fields.ts";
import type { FieldPath } from "./finding.ts";

/** A file of a tree, as Git has it. */
export interface SourceFile {
  /** Path from the App's folder, with `/`. */
  readonly path: string;
  readonly content: Uint8Array;
  /** Object id of the content in Git: what was made of a file is remembered by it. */
  readonly id?: string;
  /** Whether it was read from an encrypted file, whose Secrets are not plain text in Git. */
  readonly isEncrypted?: boolean;
}

/** Where an object stands in its file. */
export interface ObjectPlace {
  /** Index of its document in the file. */
  readonly document: number;
  /** Where it stands in the document: empty, or `items[2]` of a List. */
  readonly base: FieldPath;
}

/** A valid object, and where it comes from. */
export interface DeclaredObject extends ObjectPlace {
  readonly object: ApiObject;
  /** Digest of the object. */
  readonly hash: string;
  readonly at: Position;
  readonly file: SourceFile;
}

/** An object of a kind that is not built in: a CustomResourceDefinition may know it. */
export interface ForeignObject extends ObjectPlace {
  readonly value: Fields;
  readonly apiVersion: string;
  readonly kind: string;
  readonly at: Position;
  readonly file: SourceFile;
}

/** All that a file comes to by itself. It depends on its content, its name and the namespace, and on nothing else. */
export interface LoadedFile {
  readonly source: SourceFile;
  readonly declared: readonly DeclaredObject[];
  readonly foreign: readonly ForeignObject[];
  /** Objects that are named and not valid. */
  readonly broken: readonly ObjectRef[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Whether every document could be read. */
  readonly isComplete: boolean;
}

export interface FileOptions {
  readonly namespace: string;
  /** Prefix of the paths in positions. */
  readonly prefix: string;
}

/** What was made of files before. It may forget any of them at any time; what it gives is never changed. */
export interface KnownFiles {
  /** The key is `fileKey`'s. */
  get(key: string): LoadedFile | undefined;
  set(key: string, file: LoadedFile): void;
}

/** What names a loaded file: equal keys, equal files. `undefined` for a file without an id. Pure. */
export function fileKey(
  { id, path }: Pick<SourceFile, "id" | "path">,
  { namespace, prefix }: FileOptions,
): string | undefined {
  return id === undefined ? undefined : [id, namespace, prefix, path].join("\0");
}
