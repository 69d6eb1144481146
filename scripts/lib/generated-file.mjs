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

/** Width of a line as the formatter has it. */
const WIDTH = 100;

/** JSON as the formatter writes it: maps on lines of their own, lists of plain values on one line where they fit. */
export function formatJson(value, indent = "", before = 0) {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return isList ? "[]" : "{}";
  if (isList && value.every(isPlain)) {
    const line = `[${value.map((item) => JSON.stringify(item)).join(", ")}]`;
    if (indent.length + before + line.length < WIDTH) return line;
  }
  const inside = `${indent}  `;
  const lines = entries.map(([name, item]) => {
    const label = isList ? "" : `${JSON.stringify(name)}: `;
    return `${inside}${label}${formatJson(item, inside, label.length)}`;
  });
  const [open, close] = isList ? "[]" : "{}";
  return `${open}\n${lines.join(",\n")}\n${indent}${close}`;
}

function isPlain(value) {
  return typeof value !== "object" || value === null || Object.keys(value).length === 0;
}
