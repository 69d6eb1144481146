import { elementOf, fieldsOf, typeName } from "./schema-tree.ts";
import type { SchemaField, SchemaFiles, SchemaPlace } from "./schema-tree.ts";

/** Deepest nesting that `--recursive` follows; schemas of custom kinds hold themselves. */
const MAX_DEPTH = 24;

/** The section FIELDS: each with its description, or all of them down to the leaves. Pure. */
export function explainFields(
  files: SchemaFiles,
  place: SchemaPlace,
  recursive: boolean,
): readonly string[] {
  const fields = sorted(fieldsOf(files, place));
  if (fields.length === 0) return [];
  const lines = recursive
    ? treeLines(files, place, [])
    : fields.flatMap((field) => [
        `  ${titleOf(files, field)}`,
        `    ${field.place?.schema.description ?? "<no description>"}`,
        ...notes(field).map((note) => `    ${note}`),
        "",
      ]);
  return ["FIELDS:", ...lines];
}

function treeLines(
  files: SchemaFiles,
  place: SchemaPlace,
  above: readonly string[],
): readonly string[] {
  const indent = "  ".repeat(above.length + 1);
  const { schema, file } = elementOf(files, place);
  const key = `${file} ${schema.title ?? ""}`;
  if (above.length > MAX_DEPTH || (schema.title !== undefined && above.includes(key))) return [];
  return sorted(fieldsOf(files, place)).flatMap((field) => [
    `${indent}${titleOf(files, field)}${field.state.kind === "supported" ? "" : ` (${word(field)})`}`,
    ...(field.place === undefined || field.state.kind === "refused"
      ? []
      : treeLines(files, field.place, [...above, key])),
  ]);
}

function titleOf(files: SchemaFiles, field: SchemaField): string {
  const type = field.place === undefined ? "Object" : typeName(files, field.place);
  return `${field.name}\t<${type}>${field.required ? " -required-" : ""}`;
}

function notes(field: SchemaField): readonly string[] {
  const standard = field.place?.schema.default;
  const { state } = field;
  return [
    ...(standard === undefined ? [] : [`Default: ${JSON.stringify(standard)}`]),
    ...(state.kind === "supported"
      ? []
      : [`${capital(word(field))}${"why" in state ? `: ${state.why}` : ""}`]),
  ];
}

function word({ state }: SchemaField): string {
  return state.kind === "not-yet" ? "not supported yet" : state.kind;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** As kubectl lists them: by name. */
function sorted(fields: readonly SchemaField[]): readonly SchemaField[] {
  return fields.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
