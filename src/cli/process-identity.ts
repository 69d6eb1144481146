import { readFileSync } from "node:fs";

/**
 * The start time of a process in clock ticks since boot (field 22 of /proc/<pid>/stat): with the pid it names one
 * process, not a later one with the same number. `undefined` when there is no such process, or no /proc.
 */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
