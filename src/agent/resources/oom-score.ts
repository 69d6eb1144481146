import { readFile, writeFile } from "node:fs/promises";

const FILE = "/proc/self/oom_score_adj";

/**
 * Whether this host lets a process be spared when memory runs out, and so, as a rule, its container daemon too: a host
 * that is itself a container without the right to it refuses. The agent's own score is tried, and put back.
 */
export async function mayLowerOomScore(): Promise<boolean> {
  try {
    const before = (await readFile(FILE, "utf8")).trim();
    await writeFile(FILE, String(Math.max(-1000, Number(before) - 1)));
    await writeFile(FILE, before);
    return true;
  } catch {
    return false;
  }
}
