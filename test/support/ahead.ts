import { Ajv2020 } from "ajv/dist/2020.js";
import type { Problem } from "../../src/model/problem.ts";
import { finishObject, isHarmful } from "../../src/schema/check-object.ts";
import type { CheckedObject } from "../../src/schema/check-object.ts";
import { explainErrors } from "../../src/schema/explain-errors.ts";
import { asFields } from "../../src/schema/fields.ts";
import type { Fields } from "../../src/schema/fields.ts";
import { FORMATS } from "../../src/schema/formats.ts";
import { OWN_KEYWORDS } from "../../src/schema/json-schema.ts";
import type { JsonSchema } from "../../src/schema/json-schema.ts";
import { openDocuments, problemAt } from "../../src/schema/load-file.ts";
import type { SourceFile } from "../../src/schema/manifest.ts";
import { hasNull, pruneNulls } from "../../src/schema/prune-nulls.ts";
import { checkTree, warnOfTree } from "../../src/schema/rules/tree-rules.ts";

const GENERATOR = new URL("../../scripts/lib/schema-files.mjs", import.meta.url).href;

/** The generator's own reading of schemas/, and what of a schema a validator is given. */
const { readSchemas, validationView } = (await import(GENERATOR)) as {
  readonly readSchemas: () => Promise<{ readonly schemas: readonly JsonSchema[] }>;
  readonly validationView: (schema: unknown) => JsonSchema;
};

/** The schemas as they are written, and as they will be once every engine is there: without a `x-not-yet`. */
export const AHEAD_FILES: readonly JsonSchema[] = (await readSchemas()).schemas.map(lift);
export const AHEAD: readonly JsonSchema[] = AHEAD_FILES.map((schema) => validationView(schema));

const BY_ID = new Map(AHEAD.map((schema) => [schema.$id ?? "", schema]));
const BY_KIND = new Map(
  AHEAD.map((schema) => {
    const { apiVersion, kind } = asFields(schema.properties);
    return [`${String(asFields(apiVersion)["const"])}/${String(asFields(kind)["const"])}`, schema];
  }),
);

const ajv = new Ajv2020({
  allErrors: true,
  verbose: true,
  strict: false,
  logger: false,
});
ajv.addVocabulary([...OWN_KEYWORDS]);
for (const [name, format] of Object.entries(FORMATS)) ajv.addFormat(name, format.test);
ajv.addSchema([...AHEAD]);

/** `checkObject` with the schemas as they will be. */
export function checkAhead(value: unknown, namespace: string): CheckedObject {
  const { apiVersion, kind } = asFields(value);
  const schema = BY_KIND.get(`${String(apiVersion)}/${String(kind)}`);
  if (schema === undefined) throw new Error(`no schema of ${String(apiVersion)} ${String(kind)}`);
  const validate = ajv.getSchema(schema.$id ?? "");
  if (validate === undefined) throw new Error(`no validator of ${String(schema.$id)}`);
  const pruned = hasNull(value) ? pruneNulls(value, schema, schema.$id ?? "", resolve) : value;
  const isValid = validate(pruned) === true;
  const { findings, ignored } = isValid
    ? { findings: [], ignored: [] }
    : explainErrors(validate.errors ?? [], pruned, (id) => BY_ID.get(id));
  if (findings.some(isHarmful)) return { findings };
  const kept = structuredClone(pruned);
  for (const path of ignored) removeAt(kept, path);
  return finishObject(kept as Fields, findings, namespace);
}

/** What is wrong with a file of objects once every engine is there. */
export function loadAhead(file: SourceFile): {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
} {
  const open = openDocuments(file, "");
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const declared = open.yaml.documents.flatMap(({ value }, document) => {
    if (value === null || value === undefined) return [];
    const place = { document, base: [] };
    const { object, findings } = checkAhead(value, "default");
    for (const finding of findings)
      (isHarmful(finding) ? problems : warnings).push(problemAt(finding, place, open));
    return object === undefined ? [] : [{ object, ...place }];
  });
  for (const { declared: item, finding } of checkTree(declared))
    problems.push(problemAt(finding, item, open));
  for (const { declared: item, finding } of warnOfTree(declared, []))
    warnings.push(problemAt(finding, item, open));
  const byPlace = (a: Problem, b: Problem): number =>
    a.at.line - b.at.line || a.at.column - b.at.column;
  return { problems: problems.toSorted(byPlace), warnings: warnings.toSorted(byPlace) };
}

/** A schema without what keeps its fields, values and kinds from being used. */
function lift<T>(node: T): T {
  if (Array.isArray(node)) return node.map(lift) as T;
  if (typeof node !== "object" || node === null) return node;
  const { "x-not-yet": flag, "x-not-yet-values": values, ...rest } = node as Fields;
  const lifted: Record<string, unknown> = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [key, lift(value)]),
  );
  // A list of names: fields that schemas/ do not describe. In a map of free names: names.
  if (flag !== undefined && (flag !== true || rest["x-map"] === true)) lifted["x-not-yet"] = flag;
  // One of several fields: those that come belong to them.
  const union = rest["oneOf"] as readonly JsonSchema[] | Fields | undefined;
  if (Array.isArray(union)) {
    const listed = new Set(
      (union as readonly JsonSchema[]).flatMap(({ required = [] }) => required),
    );
    const coming = Object.entries(asFields(rest["properties"])).flatMap(([name, property]) =>
      asFields(property)["x-not-yet"] === true && !listed.has(name) && name !== "mountOptions"
        ? [name]
        : [],
    );
    lifted["oneOf"] = [
      ...(union as readonly JsonSchema[]),
      ...coming
        .filter(
          (name) => !(union as readonly JsonSchema[]).some((one) => one.required?.[0] === name),
        )
        .map((name) => ({ required: [name] })),
    ];
  }
  if (values === undefined) return lifted as T;
  const stated = rest["enum"] === undefined ? [rest["const"]] : (rest["enum"] as unknown[]);
  delete lifted["const"];
  if (values === true) delete lifted["enum"];
  else lifted["enum"] = [...stated, ...(values as unknown[])];
  return lifted as T;
}

function resolve(ref: string, base: string): { schema: JsonSchema; base: string } {
  const { href, hash } = new URL(ref, base);
  const id = href.replace(/#.*$/, "");
  const root = BY_ID.get(id);
  const schema = hash === "" ? root : root?.$defs?.[hash.replace("#/$defs/", "")];
  if (schema === undefined) throw new Error(`no schema ${ref} of ${base}`);
  return { schema, base: id };
}

function removeAt(value: unknown, path: readonly (string | number)[]): void {
  const parent = path
    .slice(0, -1)
    .reduce<unknown>(
      (node, part) => asFields(node)[part] ?? (node as unknown[])[part as number],
      value,
    );
  delete (parent as Record<string, unknown>)[String(path.at(-1))];
}
