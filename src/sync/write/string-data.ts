import { isMap } from "yaml";
import type { ApiObject } from "../../model/meta.ts";
import { asFields } from "../../schema/fields.ts";
import { findObject, openManifestFile } from "./manifest-file.ts";
import type { ObjectEdit } from "./object-edit.ts";
import { keyText, pairOf } from "./yaml-nodes.ts";

/**
 * Edits of Secrets in the words of their file: where it gives a value as text (`stringData`), the change is one of that
 * text, and not of the base64 (`data`) that the API knows. Throws `EditError`. Pure.
 */
export function inWordsOfFile(
  edits: readonly ObjectEdit[],
  namespace: string,
  fileOf: (edit: ObjectEdit) => { readonly path: string; readonly content: Uint8Array } | undefined,
): readonly ObjectEdit[] {
  return edits.map((edit) => {
    if (edit.kind === "delete" || edit.ref.kind !== "Secret") return edit;
    const given = Object.keys(asFields(asFields(edit.written)["stringData"]));
    if (edit.kind === "create") return { ...edit, after: withText(edit.after, given) };
    const file = fileOf(edit);
    if (file === undefined) return edit;
    const object = findObject(openManifestFile(file.path, file.content), edit.ref, namespace);
    const stated = object === undefined ? undefined : pairOf(object.node, "stringData")?.value;
    const { before, after, written } = edit;
    if (!isMap(stated)) return { ...edit, written: withoutText(written, after) };
    const own = stated.items.flatMap((pair) => keyText(pair) ?? []);
    const keys = [...new Set([...own, ...given])];
    const isText = keys.every((key) => [before, after].every((one) => decoded(one, key) !== null));
    if (!isText) return edit;
    return {
      ...edit,
      before: withText(before, keys),
      after: withText(after, keys),
      written: withText(written, keys),
    };
  });
}

/** As the API has it: what was written as text stands among the data. */
function withoutText(written: ApiObject, after: ApiObject): ApiObject {
  const { stringData, ...rest } = written as ApiObject & { readonly stringData?: object };
  if (stringData === undefined) return written;
  const data = { ...asFields(asFields(rest)["data"]) };
  for (const key of Object.keys(stringData)) data[key] = asFields(asFields(after)["data"])[key];
  return { ...rest, data } as ApiObject;
}

function withText(object: ApiObject, keys: readonly string[]): ApiObject {
  const { data, stringData, ...rest } = object as ApiObject & {
    readonly data?: Readonly<Record<string, string>>;
    readonly stringData?: Readonly<Record<string, string>>;
  };
  const texts: Record<string, string> = {};
  for (const key of keys) {
    const text = asFields(stringData)[key] ?? decoded(object, key);
    if (typeof text === "string") texts[key] = text;
  }
  const others = Object.entries(asFields(data)).filter(([key]) => !keys.includes(key));
  const more = { ...texts, ...stringData };
  return {
    ...rest,
    ...(others.length === 0 ? {} : { data: Object.fromEntries(others) }),
    ...(Object.keys(more).length === 0 ? {} : { stringData: more }),
  };
}

/** The text of a key; `undefined` when it is not there, `null` when it is no text. */
function decoded(object: ApiObject, key: string): string | undefined | null {
  const value = asFields(asFields(object)["data"])[key];
  if (typeof value !== "string") return undefined;
  try {
    const bytes = Buffer.from(value, "base64");
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
