import { getSystemErrorName } from "node:util";
import { StoreError, type StoreErrorCode } from "./store.ts";

interface Reading {
  readonly code: StoreErrorCode;
  readonly says: string;
}

const DISK_FULL: Reading = { code: "full", says: "its disk is full; free some space" };
const NO_RIGHT: Reading = {
  code: "io",
  says: "this user may not write there; change the owner or run as root",
};
const DAMAGED: Reading = {
  code: "io",
  says: "its file is damaged; move the folder away or restore a copy",
};

/** What the codes of the operating system and of LMDB mean for a store. */
const READINGS: Readonly<Record<string, Reading>> = {
  ENOSPC: DISK_FULL,
  EDQUOT: DISK_FULL,
  EACCES: NO_RIGHT,
  EPERM: NO_RIGHT,
  EROFS: { code: "io", says: "its file system is read-only; mount it writable" },
  ENOTDIR: { code: "io", says: "the path is not a folder; name a folder" },
  EEXIST: { code: "io", says: "the path is not a folder; name a folder" },
  "-30797": DAMAGED,
  "-30796": DAMAGED,
  "-30795": { code: "io", says: "an earlier write failed half-way; restart to open it again" },
  "-30794": { code: "format", says: "its file was written by another version of LMDB" },
  "-30793": { code: "format", says: "its file is not an LMDB file" },
};

/** The `StoreError` for what the disk or LMDB threw. `action` begins the message: `Cannot open the store "/x"`. */
export function toStoreError(action: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const reading = READINGS[errorCode(error)];
  const says = reading?.says ?? (error instanceof Error ? error.message : String(error));
  return new StoreError(reading?.code ?? "io", `${action}: ${says}`, { cause: error });
}

/** `ENOENT` and the like; LMDB's own codes as decimal text. */
function errorCode(error: unknown): string {
  if (!(error instanceof Error) || !("code" in error)) return "";
  const { code } = error;
  if (typeof code === "string") return code;
  if (typeof code !== "number") return "";
  return code > 0 ? getSystemErrorName(-code) : String(code);
}
