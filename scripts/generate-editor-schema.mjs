// Writes schemas/editor/berth.schema.json from schemas/: what editors with yaml-language-server take. See docs/editor.md.
import path from "node:path";
import { editorSchema } from "./lib/editor-schema.mjs";
import { fail, formatJson, writeOrCheck } from "./lib/generated-file.mjs";
import { readSchemas, ROOT } from "./lib/schema-files.mjs";

const { schemas, mistakes } = await readSchemas();
if (mistakes.length > 0) fail(mistakes.join("\n"));
await writeOrCheck(
  path.join(ROOT, "schemas/editor/berth.schema.json"),
  `${formatJson(editorSchema(schemas))}\n`,
);
