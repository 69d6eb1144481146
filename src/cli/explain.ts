import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { explainKind } from "../schema/explain-kind.ts";
import type { ExplainRequest } from "../schema/explain-kind.ts";
import type { SchemaFiles, SourceSchema } from "../schema/schema-tree.ts";
import { CliError } from "./cli-error.ts";

/** schemas/ of the package, which both src/ and dist/ lie beside. */
const SCHEMAS = fileURLToPath(new URL("../../schemas/", import.meta.url));

/** Folders of schemas/ that hold what kinds are described with. */
const FOLDERS: readonly string[] = ["", "shared"];

/** Prints what a kind or a field is; needs no cluster. */
export async function explain(request: ExplainRequest, out: (line: string) => void): Promise<void> {
  const explanation = explainKind(await readSchemaFiles(), request);
  if (explanation.kind === "unknown") {
    throw new CliError(explanation.message, {
      cure: explanation.hint ?? "berth explain KIND[.FIELD[.FIELD…]]",
    });
  }
  for (const line of explanation.lines) out(line);
}

async function readSchemaFiles(): Promise<SchemaFiles> {
  const files = new Map<string, SourceSchema>();
  for (const folder of FOLDERS) {
    const names = await readdir(path.join(SCHEMAS, folder));
    for (const name of names.toSorted()) {
      if (!name.endsWith(".json") || name === "known-kinds.json") continue;
      const text = await readFile(path.join(SCHEMAS, folder, name), "utf8");
      files.set(folder === "" ? name : `${folder}/${name}`, JSON.parse(text) as SourceSchema);
    }
  }
  return files;
}
