import { readIfThere, type DataDir } from "./data-dir.ts";
import { startTimeOf } from "./process-identity.ts";
import type { SupervisorRecord } from "./supervise.ts";

/** The pid of the supervisor that runs for this data directory, if one does. */
export async function findSupervisor(dir: DataDir): Promise<number | undefined> {
  const text = await readIfThere(dir.supervisor);
  if (text === undefined) return undefined;
  const record = parseRecord(text);
  if (record === undefined) return undefined;
  return startTimeOf(record.pid) === record.startTime ? record.pid : undefined;
}

function parseRecord(text: string): SupervisorRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isRecord =
      typeof value === "object" && value !== null && "pid" in value && "startTime" in value;
    return isRecord ? (value as SupervisorRecord) : undefined;
  } catch {
    return undefined;
  }
}
