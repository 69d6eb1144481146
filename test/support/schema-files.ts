import { readdirSync, readFileSync } from "node:fs";
import type { SchemaFiles, SourceSchema } from "../../src/schema/schema-tree.ts";

const FOLDER = new URL("../../schemas/", import.meta.url);

/** Every schema as it is written, by the name of its file. */
export const SCHEMA_FILES: SchemaFiles = new Map(
  readdirSync(FOLDER, { recursive: true })
    .map(String)
    .filter((name) => /^(?:shared\/)?[^/]+\.json$/.test(name) && name !== "known-kinds.json")
    .map((name) => [name, JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as SourceSchema]),
);
