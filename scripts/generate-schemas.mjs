// Writes src/schema/schemas.gen.ts from schemas/, since the pure rooms read no files.
// `--check` writes nothing and fails when the file is not what schemas/ would give.
import path from "node:path";
import { kindsView, readSchemas, ROOT, validationView } from "./lib/schema-files.mjs";
import { fail, writeOrCheck } from "./lib/generated-file.mjs";

const { schemas, knownKinds, mistakes } = await readSchemas();
if (mistakes.length > 0) fail(mistakes.join("\n"));
const lines = schemas.map((schema) => `  ${JSON.stringify(validationView(schema))},`);
await writeOrCheck(
  path.join(ROOT, "src/schema/schemas.gen.ts"),
  `// Generated from schemas/ by scripts/generate-schemas.mjs. Do not edit.
import type { JsonSchema, KnownKinds } from "./json-schema.ts";

export const SCHEMAS: readonly JsonSchema[] = [
${lines.join("\n")}
];

export const KNOWN_KINDS: KnownKinds = ${JSON.stringify(kindsView(schemas, knownKinds))};
`,
);
