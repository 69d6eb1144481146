import { canonicalJson } from "../../base/hash.ts";
import { formatRef, refKey, refOf, type ApiObject } from "../../model/meta.ts";
import type { Manifest } from "../../schema/manifest.ts";
import type { ObjectEdit } from "./object-edit.ts";
import { rebase } from "./wanted-value.ts";

/**
 * What the edited tree says otherwise than was asked for: the wanted objects must be in it exactly, and all others as
 * they were. `undefined` when all is well. Pure.
 */
export function findMisedit(
  edits: readonly ObjectEdit[],
  before: readonly Manifest[],
  after: readonly Manifest[],
): string | undefined {
  const old = new Map(before.map((manifest) => [refKey(refOf(manifest.object)), manifest]));
  const now = new Map(after.map((manifest) => [refKey(refOf(manifest.object)), manifest]));
  const edited = new Set<string>();
  for (const edit of edits) {
    const key = refKey(edit.ref);
    edited.add(key);
    const found = now.get(key);
    if (edit.kind === "delete") {
      if (found !== undefined) return `${formatRef(edit.ref)} would still be declared`;
      continue;
    }
    const declared = old.get(key)?.object;
    const wanted = edit.kind === "create" ? edit.after : rebase(declared, edit.before, edit.after);
    if (found === undefined) return `${formatRef(edit.ref)} would not be among the App's manifests`;
    if (canonicalJson(bare(found.object)) !== canonicalJson(bare(wanted as ApiObject)))
      return `the text cannot be made to say exactly what is wanted of ${formatRef(edit.ref)}`;
  }
  for (const [key, manifest] of old) {
    if (edited.has(key) || now.get(key)?.hash === manifest.hash) continue;
    return `${formatRef(refOf(manifest.object))} would change as well`;
  }
  const added = [...now].find(([key]) => !old.has(key) && !edited.has(key));
  return added === undefined ? undefined : `${formatRef(refOf(added[1].object))} would appear`;
}

/** Empty maps of metadata say nothing. */
function bare(object: ApiObject): unknown {
  const metadata = Object.entries(object.metadata).filter(
    ([, value]) => !(typeof value === "object" && Object.keys(value as object).length === 0),
  );
  return { ...object, metadata: Object.fromEntries(metadata) };
}
