import { unreachable } from "../base/assert.ts";
import { findResource } from "../model/resources.ts";
import { explainFields } from "./explain-kind-fields.ts";
import { KNOWN_KINDS } from "./schemas.gen.ts";
import {
  allowedValues,
  fieldsOf,
  otherValues,
  resolveSchema,
  stateOf,
  typeName,
} from "./schema-tree.ts";
import type { FieldState, SchemaField, SchemaFiles, SchemaPlace } from "./schema-tree.ts";
import { didYouMean } from "./suggest.ts";

export interface ExplainRequest {
  /** A kind's name, singular, plural or short name, and the fields below it, joined by dots. */
  readonly target: string;
  /** Where a kind is in several versions. Without it, the newest. */
  readonly apiVersion?: string;
  /** All fields below, without their descriptions. */
  readonly recursive?: boolean;
}

/** Lines to print, or why there is nothing to explain. */
export type Explanation =
  | { readonly kind: "explained"; readonly lines: readonly string[] }
  | { readonly kind: "unknown"; readonly message: string; readonly hint?: string };

/** What a kind or one of its fields is, in the form of `kubectl explain`, with state and default. Pure. */
export function explainKind(files: SchemaFiles, request: ExplainRequest): Explanation {
  const [word = "", ...path] = request.target.split(".");
  const found = findKinds(files, word);
  const wanted = request.apiVersion;
  const root = wanted === undefined ? found[0] : found.find((kind) => kind.apiVersion === wanted);
  if (root === undefined) return unknownKind(files, word, wanted, found);
  const field = findField(files, root, path);
  if ("message" in field) return field;
  return {
    kind: "explained",
    lines: [
      ...header(root),
      ...(field.field === undefined ? kindLines(root) : fieldLines(files, field.field)),
      ...explainFields(files, field.place, request.recursive === true),
    ],
  };
}

interface KindRoot {
  readonly apiVersion: string;
  readonly kind: string;
  readonly place: SchemaPlace;
}

/** Kinds that a word may mean, the one that the API prefers first. */
function findKinds(files: SchemaFiles, word: string): readonly KindRoot[] {
  const lower = word.toLowerCase();
  return allKinds(files)
    .filter(({ apiVersion, kind }) => namesOf(apiVersion, kind).includes(lower))
    .toSorted((a, b) => rank(a) - rank(b));
}

function rank({ apiVersion, kind }: KindRoot): number {
  return findResource(apiVersion, kind) === undefined ? 1 : 0;
}

function allKinds(files: SchemaFiles): readonly KindRoot[] {
  return [...files].flatMap(([file, schema]) => {
    const { apiVersion, kind } = schema.properties ?? {};
    if (typeof apiVersion !== "object" || typeof kind !== "object") return [];
    const names = { apiVersion: String(apiVersion.const), kind: String(kind.const) };
    return [{ ...names, place: { schema, file } }];
  });
}

/** Names of a kind in lower case; other versions of it have those of the version that the API has. */
function namesOf(apiVersion: string, kind: string): readonly string[] {
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  const resource = findResource(apiVersion, kind) ?? findResource(`${group}/v2`, kind);
  const { plural, singular, shortNames = [] } = resource ?? {};
  return [kind.toLowerCase(), plural, singular, ...shortNames].filter((name) => name !== undefined);
}

function unknownKind(
  files: SchemaFiles,
  word: string,
  apiVersion: string | undefined,
  found: readonly KindRoot[],
): Explanation {
  const versions = found.map((kind) => kind.apiVersion).join(" and ");
  if (apiVersion !== undefined && found.length > 0) {
    return {
      kind: "unknown",
      message: `"${word}" is not in apiVersion "${apiVersion}"`,
      hint: `it is in ${versions}`,
    };
  }
  const later = Object.entries(KNOWN_KINDS.notYet).find(([, kinds]) =>
    kinds.some((kind) => kind.toLowerCase() === word.toLowerCase()),
  );
  if (later !== undefined) {
    return { kind: "unknown", message: `"${later[0]} ${word}" is not supported yet` };
  }
  const names = allKinds(files).flatMap((kind) => namesOf(kind.apiVersion, kind.kind));
  const hint = didYouMean(word.toLowerCase(), [...new Set(names)]);
  return {
    kind: "unknown",
    message: `"${word}" is no kind that Berth knows`,
    ...(hint === undefined ? {} : { hint }),
  };
}

interface FoundField {
  readonly place: SchemaPlace;
  /** Absent for the kind itself. */
  readonly field?: SchemaField;
}

type Unknown = Extract<Explanation, { readonly kind: "unknown" }>;

/** Follows a path through maps and lists. */
function findField(
  files: SchemaFiles,
  root: KindRoot,
  path: readonly string[],
): FoundField | Unknown {
  let found: FoundField = { place: root.place };
  let state: FieldState = stateOf(root.place.schema);
  for (const [index, name] of path.entries()) {
    const fields = fieldsOf(files, found.place);
    const field = fields.find((candidate) => candidate.name === name);
    const parent = path.slice(0, index).join(".") || root.kind;
    if (field === undefined) {
      const hint = didYouMean(
        name,
        fields.map((candidate) => candidate.name),
      );
      return {
        kind: "unknown",
        message: `"${name}" is no field of ${parent}`,
        ...(hint === undefined ? {} : { hint }),
      };
    }
    // What is below a field that is not taken is not taken either.
    if (state.kind === "supported") state = field.state;
    const place = field.place ?? { schema: {}, file: root.place.file };
    found = { place, field: { ...field, state } };
  }
  return found;
}

function header({ apiVersion, kind }: KindRoot): readonly string[] {
  const [version, group] = apiVersion.split("/").toReversed();
  return [
    ...(group === undefined ? [] : [`GROUP:      ${group}`]),
    `KIND:       ${kind}`,
    `VERSION:    ${version ?? ""}`,
  ];
}

function kindLines({ place: { schema } }: KindRoot): readonly string[] {
  const why = schema["x-not-declarable"];
  const state =
    schema["x-not-yet"] === true
      ? "not supported yet"
      : why === undefined
        ? "supported"
        : `cannot be declared: ${why}`;
  return [`STATE:      ${state}`, "", ...description(schema.description)];
}

function fieldLines(files: SchemaFiles, field: SchemaField): readonly string[] {
  const place = field.place ?? { schema: {}, file: "" };
  const { schema } = resolveSchema(files, place);
  const allowed = allowedValues(schema);
  const required = field.required ? " -required-" : "";
  return [
    "",
    `FIELD: ${field.name} <${typeName(files, place)}>${required}`,
    `STATE: ${stateText(field.state)}`,
    ...(allowed === undefined ? [] : [`ALLOWED: ${allowed}`]),
    ...otherValues(schema).map((line) => `         ${line}`),
    ...(schema.default === undefined ? [] : [`DEFAULT: ${JSON.stringify(schema.default)}`]),
    "",
    ...description(schema.description),
  ];
}

function stateText(state: FieldState): string {
  switch (state.kind) {
    case "supported":
      return "supported";
    case "not-yet":
      return "not supported yet";
    case "ignored":
      return `ignored: ${state.why}`;
    case "refused":
      return `refused: ${state.why}`;
    default:
      return unreachable(state);
  }
}

function description(text: string | undefined): readonly string[] {
  return ["DESCRIPTION:", `    ${text ?? "<empty>"}`, ""];
}
