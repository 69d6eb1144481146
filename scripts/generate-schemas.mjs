// Writes src/schema/schemas.gen.ts from schemas/, since the pure rooms read no files.
// `--check` writes nothing and fails when the file is not what schemas/ would give.
import { readFile, readdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import path from "node:path";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SCHEMAS = path.join(ROOT, "schemas");
const TARGET = path.join(ROOT, "src/schema/schemas.gen.ts");
const ID_BASE = "https://berth.dev/schemas/";

const { schemas, knownKinds, mistakes } = await readSchemas();
if (mistakes.length > 0) fail(mistakes.join("\n"));
const text = render(schemas, knownKinds);

if (process.argv.includes("--check")) {
  const written = await readFile(TARGET, "utf8").catch(() => "");
  if (written !== text) {
    fail("src/schema/schemas.gen.ts is not up to date: run `node scripts/generate-schemas.mjs`");
  }
} else {
  await writeFile(TARGET, text);
}

async function readSchemas() {
  const entries = await readdir(SCHEMAS, { recursive: true });
  const files = entries
    .map((entry) => entry.replaceAll(path.sep, "/"))
    .filter((entry) => entry.endsWith(".json"))
    .toSorted();
  const found = { schemas: [], knownKinds: undefined, mistakes: [] };
  for (const file of files) {
    const content = JSON.parse(await readFile(path.join(SCHEMAS, file), "utf8"));
    if (file === "known-kinds.json") {
      found.knownKinds = content;
      continue;
    }
    if (content.$id !== ID_BASE + file)
      found.mistakes.push(`${file}: $id must be ${ID_BASE}${file}`);
    found.mistakes.push(...openObjects(content, file));
    found.schemas.push(content);
  }
  if (found.knownKinds === undefined) found.mistakes.push("known-kinds.json is missing");
  return found;
}

/** Every object that names properties of its own must be closed, or refer to one that is. */
function openObjects(node, where) {
  if (Array.isArray(node))
    return node.flatMap((item, index) => openObjects(item, `${where}/${index}`));
  if (typeof node !== "object" || node === null) return [];
  const isOpen =
    node.type === "object" &&
    node.properties !== undefined &&
    node.additionalProperties !== false &&
    node.unevaluatedProperties !== false;
  return [
    ...(isOpen ? [`${where}: an object with properties must be closed`] : []),
    ...Object.entries(node).flatMap(([key, value]) => openObjects(value, `${where}/${key}`)),
  ];
}

function render(all, kinds) {
  const lines = all.map((schema) => `  ${JSON.stringify(schema)},`);
  return `// Generated from schemas/ by scripts/generate-schemas.mjs. Do not edit.
import type { JsonSchema, KnownKinds } from "./json-schema.ts";

export const SCHEMAS: readonly JsonSchema[] = [
${lines.join("\n")}
];

export const KNOWN_KINDS: KnownKinds = ${JSON.stringify(kinds)};
`;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
