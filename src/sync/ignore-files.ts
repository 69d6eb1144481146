import ignore, { type Ignore } from "ignore";

/** The file of an App's folder that says which of its files are no manifests. */
export const IGNORE_FILE = ".berthignore";
/** Longer ones are cut: a list of patterns is a page at most. */
export const MAX_IGNORE_BYTES = 100_000;

/** Whether a file of an App's folder counts, by its path from there; by `.gitignore`'s rules, the later line wins. Pure. */
export function ignoreRule(texts: readonly string[]): (path: string) => boolean {
  const lines = texts.filter((text) => text.trim() !== "");
  if (lines.length === 0) return () => true;
  const rules: Ignore = ignore({ allowRelativePaths: false });
  for (const text of lines) rules.add(text);
  return (path) => !rules.ignores(path);
}
