import type { Service } from "../model/kinds.gen.ts";
import { refKey, refOf } from "../model/meta.ts";
import { byKindAndName, toManifest } from "./manifest-order.ts";
import type { DeclaredObject, LoadedFile, SourceFile } from "./loaded-file.ts";
import type { LoadedTree, Manifest, TreeNames } from "./manifest.ts";
import { nodePortsOf } from "./rules/tree-rules.ts";

/** Beyond so many changed files, and beyond this share of all, a tree is loaded as if it were the first. */
const MAX_CHANGED_FILES = 2000;
const MAX_CHANGED_SHARE = 0.25;

/** The files that a tree has in common with another one, by where they stand; the rest is new, or gone. */
interface FileChanges {
  /** In the order of their paths. */
  readonly added: readonly SourceFile[];
  readonly removed: readonly LoadedFile[];
  /** For each file of the new tree its loaded one; `undefined` where it is new. */
  readonly kept: readonly (LoadedFile | undefined)[];
}

/** What differs between loaded files and a tree, both in the order of their paths; `undefined` when that is a lot. Pure. */
export function changedFiles(
  before: readonly LoadedFile[],
  files: readonly SourceFile[],
): FileChanges | undefined {
  const most = Math.min(MAX_CHANGED_FILES, Math.ceil(before.length * MAX_CHANGED_SHARE));
  const added: SourceFile[] = [];
  const removed: LoadedFile[] = [];
  const kept: (LoadedFile | undefined)[] = [];
  let at = 0;
  for (const file of files) {
    for (let known = before[at]; known !== undefined; known = before[++at]) {
      if (known.source.path >= file.path) break;
      removed.push(known);
    }
    const known = before[at];
    const isSame = known !== undefined && known.source === file;
    if (known?.source.path === file.path) {
      at += 1;
      if (!isSame) removed.push(known);
    }
    kept.push(isSame ? known : undefined);
    if (!isSame) added.push(file);
    if (added.length > most || removed.length > most) return undefined;
  }
  removed.push(...before.slice(at));
  return removed.length > most ? undefined : { added, removed, kept };
}

/**
 * Whether a tree that had no problem has none with these files in place of those, as far as that is between objects:
 * their names and node ports are taken in. After `false` the tree it came from is not to be used again.
 */
export function takeNames(
  tree: LoadedTree,
  removed: readonly LoadedFile[],
  added: readonly LoadedFile[],
): TreeNames | undefined {
  const names = (tree.names ??= { taken: new Set(tree.files.flatMap(namesOf)) });
  for (const name of removed.flatMap(namesOf)) names.taken.delete(name);
  for (const name of added.flatMap(namesOf)) {
    if (names.taken.has(name)) return undefined;
    names.taken.add(name);
  }
  return names;
}

function namesOf({ declared }: LoadedFile): readonly string[] {
  return declared.flatMap(({ object }) => {
    const name = refKey(refOf(object));
    return object.kind === "Service" ? [name, ...nodePortsOf(object as Service)] : [name];
  });
}

/**
 * The manifests in their order with some put in and some taken out; `undefined` when two of them stand at the same place:
 * then the order of files decides. Pure.
 */
export function changeManifests(
  before: readonly Manifest[],
  removed: readonly DeclaredObject[],
  added: readonly DeclaredObject[],
): readonly Manifest[] | undefined {
  const gone = new Set(removed.map(({ object }) => object));
  const kept = gone.size === 0 ? before : before.filter(({ object }) => !gone.has(object));
  const fresh = added.map(toManifest).toSorted(byKindAndName);
  const result: Manifest[] = [];
  let from = 0;
  for (const [index, manifest] of fresh.entries()) {
    const next = fresh[index + 1];
    if (next !== undefined && byKindAndName(manifest, next) === 0) return undefined;
    const at = placeFor(kept, manifest, from);
    const there = kept[at];
    if (there !== undefined && byKindAndName(there, manifest) === 0) return undefined;
    for (; from < at; from += 1) push(result, kept[from]);
    result.push(manifest);
  }
  for (; from < kept.length; from += 1) push(result, kept[from]);
  return result;
}

function push(list: Manifest[], manifest: Manifest | undefined): void {
  if (manifest !== undefined) list.push(manifest);
}

/** The first place from `low` on whose manifest does not come before this one. */
function placeFor(manifests: readonly Manifest[], manifest: Manifest, from: number): number {
  let low = from;
  let high = manifests.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const there = manifests[middle];
    if (there !== undefined && byKindAndName(there, manifest) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
