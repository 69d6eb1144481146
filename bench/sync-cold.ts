import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { silentLogger } from "../src/base/logger.ts";
import { loadManifests } from "../src/schema/load-manifests.ts";
import { openRepository } from "../src/sync/open-repository.ts";
import { openDirectSources } from "../src/sync/direct-sources.ts";

/** Loads a commit for the first time, or parses its files with `yaml` alone, and prints time and peak memory. */
async function main(repo: string, commit: string, mirrors: string): Promise<void> {
  const { signal } = new AbortController();
  if (mirrors === "yaml") {
    const git = await openRepository(repo, { mirrorDir: "/nonexistent", engine: "git" }, signal);
    const tree = await git.treeId(commit, "apps", signal);
    const files = await git.readFiles(await git.listTree(tree, signal), signal);
    const startedAt = performance.now();
    for (const { content } of files) parse(Buffer.from(content).toString());
    print(performance.now() - startedAt);
    await git.close();
    return;
  }
  const options = { mirrorDir: mirrors, engine: "git" as const };
  const sources = openDirectSources({ ...options, loadManifests, logger: silentLogger });
  const location = { repo, branch: "main", path: "apps", namespace: "default" };
  const startedAt = performance.now();
  const { loaded } = await sources.load(location, commit, signal);
  const ms = performance.now() - startedAt;
  if (loaded.problems.length > 0) throw new Error(loaded.problems[0]?.message);
  print(ms);
  await sources.close();
}

function print(ms: number): void {
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  process.stdout.write(JSON.stringify({ ms, rssMb: Number(peak) / 1024 }));
}

const [repo = "", commit = "", mirrors = ""] = process.argv.slice(2);
if (repo !== "") await main(repo, commit, mirrors);
