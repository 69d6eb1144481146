import { spawn } from "node:child_process";

/** A pass over all that pods have written takes no longer than this; what is not counted by then counts as before. */
const LIMIT_MS = 60_000;

/**
 * Bytes on disk below each folder, links counted once, other filesystems left out. One process of the lowest priority
 * for all; a folder that is not there is left out.
 */
export async function measureFolders(
  folders: readonly string[],
  signal: AbortSignal,
  count: "bytes" | "inodes" = "bytes",
): Promise<ReadonlyMap<string, number>> {
  if (folders.length === 0) return new Map();
  const what = count === "bytes" ? "--block-size=1" : "--inodes";
  const args = [
    "-n",
    "19",
    "du",
    "--summarize",
    "--one-file-system",
    what,
    "--null",
    "--files0-from=-",
  ];
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  const { promise, resolve } = Promise.withResolvers<string>();
  let output = "";
  const child = spawn("nice", args, { stdio: ["pipe", "pipe", "ignore"], signal: bounded });
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  child.stdin.on("error", () => undefined);
  // Folders come and go: what it could not read it says by its exit code, and counts the rest.
  child.once("error", () => resolve(output));
  child.once("close", () => resolve(output));
  child.stdin.end(folders.join("\0"));
  return parseUsage(await promise);
}

/** Pure. */
export function parseUsage(output: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const line of output.split("\0")) {
    const tab = line.indexOf("\t");
    const bytes = Number(line.slice(0, tab));
    if (tab > 0 && Number.isFinite(bytes)) found.set(line.slice(tab + 1), bytes);
  }
  return found;
}
