import type { CatFile } from "./cat-file.ts";
import type { Git } from "./git-process.ts";

/** Refs of a local repository and what they name: single names without a process, prefixes (`refs/tags/*`) with one. */
export async function listLocalRefs(
  git: Git,
  heads: CatFile,
  patterns: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const refs = new Map<string, string>();
  const names = patterns.filter((pattern) => !pattern.endsWith("*"));
  const found = await Promise.all(names.map((name) => heads.ask(name, signal)));
  for (const [index, name] of names.entries()) {
    const id = found[index]?.id;
    if (id !== undefined) refs.set(name, id);
  }
  const prefixes = patterns.filter((pattern) => pattern.endsWith("*"));
  if (prefixes.length === 0) return refs;
  const args = ["for-each-ref", "--format=%(objectname) %(refname)"];
  args.push(...prefixes.map((prefix) => prefix.slice(0, -1)));
  const output = await git.output({ args }, signal);
  for (const line of output.toString().split("\n").filter(Boolean))
    refs.set(line.slice(41), line.slice(0, 40));
  return refs;
}
