import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { SchemaFiles, SourceSchema } from "../schema/schema-tree.ts";

/** schemas/ of the package, which both src/ and dist/ lie beside. */
const SCHEMAS = fileURLToPath(new URL("../../schemas/", import.meta.url));
/** Folders of schemas/ that hold what kinds are described with. */
const FOLDERS: readonly string[] = ["", "shared"];
const NOT_A_SCHEMA = "known-kinds.json";

/** Reads every schema as it is written, with the descriptions that the compiled validators do without. */
export async function readSchemaFiles(): Promise<SchemaFiles> {
  const files = new Map<string, SourceSchema>();
  for (const folder of FOLDERS) {
    const names = await readdir(path.join(SCHEMAS, folder));
    for (const name of names.toSorted()) {
      if (!name.endsWith(".json") || name === NOT_A_SCHEMA) continue;
      const text = await readFile(path.join(SCHEMAS, folder, name), "utf8");
      files.set(folder === "" ? name : `${folder}/${name}`, JSON.parse(text) as SourceSchema);
    }
  }
  return files;
}
