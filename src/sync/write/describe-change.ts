import { compare } from "../../base/order.ts";
import { isSameJson } from "../../base/same-json.ts";
import type { ObjectRef } from "../../model/meta.ts";
import { asFields, asList, isFields, type Fields } from "../../schema/fields.ts";
import type { ObjectEdit } from "./object-edit.ts";

/** What a commit's message is made from. */
export interface CommitWords {
  readonly edits: readonly ObjectEdit[];
  /** Objects of it are named without their namespace. */
  readonly namespace: string;
  /** What was written with, for instance `kubectl scale`. */
  readonly client: string;
  /** In place of the words that are made of the edits. */
  readonly message?: string | undefined;
  /** The App whose deletions the writer consents to. */
  readonly allowPrune?: string | undefined;
}

/** Longest first line; the rest of what it would say stands below. */
const MAX_SUBJECT = 100;
const MAX_LISTED = 50;
const MAX_FIELDS = 4;
const RESTARTED_AT = "kubectl.kubernetes.io/restartedAt";

/** The message of a commit that makes these edits. Pure. */
export function describeCommit({
  edits,
  namespace,
  client,
  message,
  allowPrune,
}: CommitWords): string {
  const lines = edits.map((edit) => describeEdit(edit, namespace, client));
  const [only = "Change nothing"] = lines;
  const subject = lines.length === 1 ? only : summary(edits);
  const listed = lines.length > 1 ? list(lines) : only.length > MAX_SUBJECT ? [only] : [];
  const words = message === undefined ? [shorten(subject), ...body(listed)] : [message.trim()];
  const trailers = [
    `Berth-Request: ${client}`,
    ...(allowPrune === undefined ? [] : [`Allow-Prune: ${allowPrune}`]),
  ];
  return `${words.join("\n")}\n\n${trailers.join("\n")}`;
}

/** One change in the words of the person who makes it. Pure. */
export function describeEdit(edit: ObjectEdit, namespace: string, client: string): string {
  const what = nameOf(edit.ref, namespace);
  if (edit.kind === "create") return `Create ${what}`;
  if (edit.kind === "delete") return `Delete ${what}`;
  const paths = changedPaths(asFields(edit.before), asFields(edit.after), []);
  if (client.endsWith(" rollout undo")) return `Undo rollout of ${what}`;
  const change = { before: asFields(edit.before), after: asFields(edit.after), paths, what };
  for (const describe of DESCRIPTIONS) {
    const words = describe(change);
    if (words !== undefined) return words;
  }
  const fields = paths.map((path) => path.join("."));
  const shown = fields.slice(0, MAX_FIELDS).join(", ");
  return `Change ${shown}${fields.length > MAX_FIELDS ? " and more" : ""} of ${what}`;
}

interface Described {
  readonly before: Fields;
  readonly after: Fields;
  /** Paths of the fields that differ, to the first list or scalar. */
  readonly paths: readonly (readonly string[])[];
  readonly what: string;
}

/** First match wins. */
const DESCRIPTIONS: readonly ((change: Described) => string | undefined)[] = [
  ({ after, paths, what }) =>
    isOnly(paths, "spec.replicas")
      ? `Scale ${what} to ${String(asFields(after["spec"])["replicas"])}`
      : undefined,
  ({ after, paths, what }) =>
    isOnly(paths, "spec.paused")
      ? `${asFields(after["spec"])["paused"] === true ? "Pause" : "Resume"} rollout of ${what}`
      : undefined,
  ({ paths, what }) =>
    paths.length > 0 && paths.every((path) => path.at(-1) === RESTARTED_AT)
      ? `Restart ${what}`
      : undefined,
  ({ before, after, paths, what }) =>
    paths.every((path) => path[0] === "metadata" && path[1] === "labels")
      ? `Label ${what}: ${keyChanges(labelsOf(before), labelsOf(after))}`
      : undefined,
  ({ before, after, paths, what }) =>
    paths.every((path) => path[0] === "metadata" && path[1] === "annotations")
      ? `Annotate ${what}: ${keyChanges(annotationsOf(before), annotationsOf(after))}`
      : undefined,
  describeContainers,
];

function describeContainers({ before, after, paths, what }: Described): string | undefined {
  const isTemplate = paths.every((path) => /(?:^|\.)(?:initC|c)ontainers$/.test(path.join(".")));
  if (!isTemplate || paths.length === 0) return undefined;
  const changes: {
    readonly name: string;
    readonly fields: readonly string[];
    readonly to: Fields;
  }[] = [];
  for (const path of paths) {
    const old = asList(valueAt(before, path)).map(asFields);
    const now = asList(valueAt(after, path)).map(asFields);
    if (old.length !== now.length) return undefined;
    for (const to of now) {
      const from = old.find(({ name }) => name === to["name"]);
      if (from === undefined) return undefined;
      const fields = changedKeys(from, to);
      if (fields.length > 0) changes.push({ name: String(to["name"]), fields, to });
    }
  }
  const kinds = new Set(changes.flatMap(({ fields }) => fields));
  kinds.delete("imagePullPolicy");
  if (kinds.size !== 1) return undefined;
  if (kinds.has("image")) {
    const images = changes.map(({ name, to }) => `${name} to ${String(to["image"])}`);
    return `Set image of ${images.join(", ")} in ${what}`;
  }
  const names = changes.map(({ name }) => name).join(", ");
  if (kinds.has("env")) return `Set env of ${names} in ${what}`;
  return kinds.has("resources") ? `Set resources of ${names} in ${what}` : undefined;
}

function changedKeys(before: Fields, after: Fields): readonly string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => !isSameJson(before[key], after[key])).toSorted(compare);
}

function changedPaths(
  before: Fields,
  after: Fields,
  path: readonly string[],
): readonly (readonly string[])[] {
  return changedKeys(before, after).flatMap((key) => {
    const at = [...path, key];
    const [old, now] = [before[key], after[key]];
    const isInner = isFields(old ?? now) && isFields(now ?? old);
    const inner = isInner ? changedPaths(asFields(old), asFields(now), at) : [];
    return inner.length > 0 ? inner : [at];
  });
}

/** `a=b, -c`, without the values when they are long. */
function keyChanges(before: Fields, after: Fields): string {
  return changedKeys(before, after)
    .map((key) => {
      const value = after[key];
      if (value === undefined) return `-${key}`;
      const text = typeof value === "string" ? value : "";
      return text.length > 40 || /\s/.test(text) ? key : `${key}=${text}`;
    })
    .join(", ");
}

function labelsOf(object: Fields): Fields {
  return asFields(asFields(object["metadata"])["labels"]);
}

function annotationsOf(object: Fields): Fields {
  return asFields(asFields(object["metadata"])["annotations"]);
}

function valueAt(object: Fields, path: readonly string[]): unknown {
  let at: unknown = object;
  for (const key of path) at = asFields(at)[key];
  return at;
}

function isOnly(paths: readonly (readonly string[])[], path: string): boolean {
  return paths.length === 1 && paths[0]?.join(".") === path;
}

function nameOf({ kind, namespace, name }: ObjectRef, home: string): string {
  const full = namespace === undefined || namespace === home ? name : `${namespace}/${name}`;
  return `${kind.toLowerCase()} ${full}`;
}

function summary(edits: readonly ObjectEdit[]): string {
  const kinds = new Set(edits.map(({ kind }) => kind));
  const [only] = kinds;
  const verb =
    kinds.size > 1
      ? "Change"
      : only === "create"
        ? "Create"
        : only === "delete"
          ? "Delete"
          : "Change";
  const objects = new Set(edits.map(({ ref }) => ref.kind.toLowerCase()));
  const [kind = "object"] = objects;
  return `${verb} ${edits.length} ${objects.size === 1 ? `${kind}s` : "objects"}`;
}

function list(lines: readonly string[]): readonly string[] {
  const shown = lines.slice(0, MAX_LISTED).map((line) => `- ${line}`);
  const more = lines.length - shown.length;
  return more > 0 ? [...shown, `- and ${more} more`] : shown;
}

function body(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ["", ...lines];
}

function shorten(text: string): string {
  return text.length > MAX_SUBJECT ? `${text.slice(0, MAX_SUBJECT - 1)}…` : text;
}
