// Writes a generated file, or with `--check` compares it.
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { ROOT } from "./schema-files.mjs";

export async function writeOrCheck(target, text) {
  if (!process.argv.includes("--check")) {
    await writeFile(target, text);
    return;
  }
  const written = await readFile(target, "utf8").catch(() => "");
  if (written !== text)
    fail(`${path.relative(ROOT, target)} is not up to date: run \`npm run generate\``);
}

export function fail(message) {
  console.error(message);
  process.exit(1);
}
