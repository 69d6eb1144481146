import { compare } from "../../base/order.ts";
import type { ObjectRef } from "../../model/meta.ts";

/** An object and the file that it stands in. */
export interface PlacedObject {
  readonly ref: ObjectRef;
  /** From the App's folder. */
  readonly file: string;
}

/** Longest name of a new file: what all file systems take, with room for a number. */
const MAX_STEM = 200;

/** How a file is named after its object, `{kind}` and `{name}` standing for its own. */
const NAMINGS: readonly string[] = [
  "{kind}-{name}",
  "{name}-{kind}",
  "{kind}.{name}",
  "{name}.{kind}",
  "{name}",
];
const USUAL = "{kind}-{name}";

/**
 * The file for a new object: beside its siblings and named as they are, where they have files of their own. Siblings
 * are those of its namespace and kind, else those of its namespace; without any, the file is
 * `<namespace>/<kind>-<name>.yaml`. Pure.
 */
export function fileForNew(
  ref: ObjectRef,
  placed: readonly PlacedObject[],
  taken: ReadonlySet<string>,
): string {
  const alone = aloneInFile(placed).filter(({ ref: other }) => other.namespace === ref.namespace);
  const siblings = alone.filter(({ ref: other }) => other.kind === ref.kind);
  const models = (siblings.length > 0 ? siblings : alone).flatMap((one) => {
    const naming = namingOf(one);
    return naming === undefined ? [] : [naming];
  });
  const folder =
    mostCommon(models.map((model) => model.folder)) ?? `${ref.namespace ?? "cluster"}/`;
  const here = models.filter((model) => model.folder === folder);
  const own = siblings.length > 0 ? mostCommon(here.map((model) => model.naming)) : undefined;
  const extension = mostCommon(here.map((model) => model.extension)) ?? ".yaml";
  const isTaken = (path: string): boolean =>
    taken.has(path) || parentsOf(path).some((at) => taken.has(at));
  const place = isTaken(`${folder}x`) ? "" : folder;
  const named = [own ?? USUAL, USUAL].map((naming) => `${place}${stemOf(naming, ref)}`);
  const free = named.find((path) => !isTaken(path + extension));
  if (free !== undefined) return free + extension;
  for (let count = 2; ; count += 1) {
    const path = `${place}${stemOf(USUAL, ref)}-${count}${extension}`;
    if (!isTaken(path)) return path;
  }
}

function stemOf(naming: string, { kind, name }: ObjectRef): string {
  return fileName(naming.replace("{kind}", kind.toLowerCase()).replace("{name}", name));
}

function parentsOf(path: string): readonly string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join("/"));
}

function aloneInFile(placed: readonly PlacedObject[]): readonly PlacedObject[] {
  const counts = new Map<string, number>();
  for (const { file } of placed) counts.set(file, (counts.get(file) ?? 0) + 1);
  return placed.filter(({ file }) => counts.get(file) === 1);
}

interface Model {
  readonly folder: string;
  readonly naming: string;
  readonly extension: string;
}

/** How the file of an object is named, unless that tells nothing. */
function namingOf({ ref, file }: PlacedObject): Model | undefined {
  const cut = file.lastIndexOf("/") + 1;
  const match = /^(.+)(\.ya?ml)$/i.exec(file.slice(cut));
  if (match === null) return undefined;
  const [, stem = "", extension = ""] = match;
  const naming = NAMINGS.find((form) => stemOf(form, ref) === stem);
  return naming === undefined ? undefined : { folder: file.slice(0, cut), naming, extension };
}

/** Names of objects may hold what names of files must not. */
function fileName(text: string): string {
  const clean = text.replaceAll(/[^A-Za-z0-9._-]/g, "-").replace(/^\.+/, "");
  return clean.slice(0, MAX_STEM);
}

function mostCommon(values: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].toSorted(([a, m], [b, n]) => n - m || compare(a, b))[0]?.[0];
}
