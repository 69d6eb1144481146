// Writes docs/support.md from schemas/: every field, and what becomes of it in a manifest.
// Parts that many kinds share have one section; what only one kind has stands in the kind's own table.
import path from "node:path";
import { RESOURCES } from "../src/model/resources.ts";
import {
  allowedValues,
  elementOf,
  fieldsOf,
  NO_PLACE,
  otherValues,
  resolveSchema,
  typeName,
} from "../src/schema/schema-tree.ts";
import { fail, writeOrCheck } from "./lib/generated-file.mjs";
import { ID_BASE, readSchemas, ROOT } from "./lib/schema-files.mjs";

const { schemas, knownKinds, mistakes } = await readSchemas();
if (mistakes.length > 0) fail(mistakes.join("\n"));
const files = new Map(schemas.map((schema) => [schema.$id.slice(ID_BASE.length), schema]));

/** Types of a single kind that hold themselves. */
const SECTION_OF_ITS_OWN = new Set(["JSONSchemaProps"]);

/** Longest list of allowed values that a row repeats. */
const MAX_ALLOWED = 160;

/** Types by title, as they are defined: without what stands beside a reference to them. */
const definitions = new Map(
  [...files].flatMap(([file, { $defs = {} }]) =>
    Object.values($defs).flatMap((schema) =>
      schema.title === undefined ? [] : [[schema.title, { schema, file }]],
    ),
  ),
);
const counts = { supported: 0, ignored: 0, refused: 0, "not-yet": 0 };

const kinds = [...files]
  .filter(([, schema]) => schema.properties?.kind?.const !== undefined)
  .map(([file, schema]) => ({
    file,
    schema,
    kind: schema.properties.kind.const,
    apiVersion: schema.properties.apiVersion.const,
  }))
  .toSorted((a, b) => order(a) - order(b) || (a.file < b.file ? -1 : 1));
const declared = kinds.filter(({ schema }) => schema["x-not-declarable"] === undefined);
/** Shared types that tables refer to, and those of them that a manifest can come to. */
const shared = new Set();
const live = new Set();
for (const { schema, file } of declared) {
  meet({ schema, file }, file, schema["x-not-yet"] !== true);
}
const kindSections = declared.map(kindSection);
const sharedSections = [...shared].toSorted((a, b) => (a < b ? -1 : 1)).map(sharedSection);

const text = [
  "# What Berth supports",
  "",
  "<!-- Generated from schemas/ by scripts/generate-support.mjs. Do not edit. -->",
  "",
  "Every field of Kubernetes 1.33 is in one of four states, and none is ignored in silence:",
  "",
  "| state | in a manifest | fields |",
  "|---|---|--:|",
  `| yes | does what it does in Kubernetes | ${counts.supported} |`,
  `| ignored | taken with a warning; harmless, and the reason is told | ${counts.ignored} |`,
  `| refused | the commit is rejected; it will stay so, and the reason and a cure are told | ${counts.refused} |`,
  `| not yet | the commit is rejected, since what would do the work is not there yet | ${counts["not-yet"]} |`,
  "",
  "A field below one that is refused or not there yet has the same fate. `berth explain KIND.FIELD` says the same of a",
  "single field, `berth validate PATH` of all that a manifest uses.",
  "",
  "## Kinds",
  "",
  "| kind | apiVersion | state |",
  "|---|---|---|",
  ...kinds.map(kindRow),
  "",
  "Kinds of Kubernetes that have no schema here are refused as not there yet:",
  "",
  ...Object.entries(knownKinds.notYet).map(
    ([apiVersion, names]) => `- ${apiVersion}: ${names.join(", ")}`,
  ),
  "",
  ...kindSections.flat(),
  "## Shared parts",
  "",
  ...sharedSections.flat(),
];
await writeOrCheck(path.join(ROOT, "docs/support.md"), `${text.join("\n").trimEnd()}\n`);

/** The order in which manifests are applied; other versions of a kind come last. */
function order({ apiVersion, kind }) {
  const index = RESOURCES.findIndex(
    (resource) =>
      resource.kind === kind &&
      apiVersion === [resource.group, resource.version].filter((part) => part !== "").join("/"),
  );
  return index < 0 ? RESOURCES.length : index;
}

function kindRow({ kind, apiVersion, schema }) {
  const why = schema["x-not-declarable"];
  if (why !== undefined) return `| ${kind} | ${apiVersion} | not to be declared: ${why} |`;
  const state = schema["x-not-yet"] === true ? "not yet" : "yes";
  return `| [${kind}](#${anchor(heading(kind, apiVersion))}) | ${apiVersion} | ${state} |`;
}

function heading(kind, apiVersion) {
  return `${kind} (${apiVersion})`;
}

function kindSection({ kind, apiVersion, schema, file }) {
  const isLive = schema["x-not-yet"] !== true;
  return section(heading(kind, apiVersion), { schema, file }, isLive, "The kind is not there yet.");
}

function sharedSection(title) {
  const notYet = "Only in kinds and fields that are not there yet.";
  return section(title, definitions.get(title), live.has(title), notYet);
}

function section(title, place, isLive, notYet) {
  const { description } = elementOf(files, place).schema;
  return [
    `### ${title}`,
    "",
    ...(description === undefined ? [] : [description, ""]),
    ...(isLive ? [] : [notYet, ""]),
    "| field | type | state | what |",
    "|---|---|---|---|",
    ...rows(place, place.file, "", isLive),
    "",
  ];
}

/** Notes the shared types below a place, and whether every field on the way is supported. */
function meet(place, home, isLive) {
  for (const field of fieldsOf(files, place)) {
    const below = expanded(field);
    if (below === undefined) continue;
    const isLiveBelow = isLive && field.state.kind === "supported";
    if (!isSharedType(below, home)) {
      meet(below, home, isLiveBelow);
      continue;
    }
    const { title } = below.schema;
    const isKnown = shared.has(title) && (live.has(title) || !isLiveBelow);
    shared.add(title);
    if (isLiveBelow) live.add(title);
    const definition = definitions.get(title);
    if (!isKnown) meet(definition, definition.file, isLiveBelow);
  }
}

/** Rows of a map's fields; fields of maps that only this file has follow theirs. */
function rows(place, home, prefix, isLive) {
  return fieldsOf(files, place).flatMap((field) => {
    const name = `${prefix}${field.name}`;
    if (name === "apiVersion" || name === "kind") return [];
    const state = isLive || field.state.kind !== "supported" ? field.state : { kind: "not-yet" };
    counts[state.kind] += 1;
    const below = expanded(field);
    const isLink = below !== undefined && isSharedType(below, home);
    const isLiveBelow = isLive && state.kind === "supported";
    const own =
      below === undefined || isLink
        ? []
        : rows(below, home, `${name}${listMark(field)}.`, isLiveBelow);
    return [row(name, { ...field, state }, isLink ? below : undefined), ...own];
  });
}

/** The map below a field, where there is one whose fields are worth a row. */
function expanded({ place, state }) {
  if (place === undefined || state.kind === "ignored" || state.kind === "refused") return undefined;
  const below = elementOf(files, place);
  return fieldsOf(files, below).length > 0 ? below : undefined;
}

function isSharedType({ schema, file }, home) {
  const isElsewhere = file.startsWith("shared/") || file !== home;
  return definitions.has(schema.title) && (isElsewhere || SECTION_OF_ITS_OWN.has(schema.title));
}

function listMark(field) {
  return resolveSchema(files, field.place).schema.type === "array" ? "[]" : "";
}

function row(name, field, link) {
  const type = field.place === undefined ? "" : typeName(files, field.place);
  const title = link?.schema.title;
  const shown = title === undefined ? type : type.replace(title, `[${title}](#${anchor(title)})`);
  const cells = [`\`${name}\``, shown, stateWord(field.state), `${notes(field)}${without(link)}`];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** Fields of a shared type that have no place here. */
function without(link) {
  if (link === undefined) return "";
  const names = fieldsOf(files, link)
    .filter(({ place, state }) => place === undefined && state.why === NO_PLACE)
    .map(({ name }) => name);
  return names.length === 0 ? "" : ` Without ${names.join(", ")}.`;
}

function stateWord(state) {
  return state.kind === "supported" ? "yes" : state.kind === "not-yet" ? "not yet" : state.kind;
}

function notes({ state, place, required }) {
  if (state.kind === "ignored" || state.kind === "refused") return state.why;
  const schema = place?.schema ?? {};
  const allowed = allowedValues(schema);
  const isForm =
    schema.enum === undefined && schema.const === undefined && schema.type !== "integer";
  return [
    schema.description,
    required ? "Required." : undefined,
    allowed === undefined || allowed.length > MAX_ALLOWED
      ? undefined
      : `${isForm ? "Form" : "Allowed"}: ${allowed}.`,
    ...otherValues(schema).map((line) => `${line.slice(0, 1).toUpperCase()}${line.slice(1)}.`),
    schema.default === undefined ? undefined : `Default: \`${JSON.stringify(schema.default)}\`.`,
  ]
    .filter((part) => part !== undefined)
    .join(" ");
}

function anchor(title) {
  return title
    .toLowerCase()
    .replaceAll(/[^\w -]/g, "")
    .replaceAll(" ", "-");
}
