import { CliError } from "./cli-error.ts";

/** What the operating system's refusals mean to a user, and what helps. */
const CURES: Readonly<Record<string, readonly [why: string, cure: string]>> = {
  EACCES: [
    "permission denied",
    "run the command as the owner of the path (with sudo, say), or choose another path",
  ],
  EPERM: [
    "not permitted",
    "run the command as the owner of the path (with sudo, say), or choose another path",
  ],
  ENOTDIR: ["a part of the path is a file, not a folder", "choose another path"],
  EEXIST: ["it is there already", "choose another path, or remove it"],
  EISDIR: ["it is a folder", "name a file"],
  ENOENT: ["there is no such file or folder", "check the path"],
  ENOSPC: ["the disk is full", "free some room and run the command again"],
  EDQUOT: ["the disk quota is used up", "free some room and run the command again"],
  EROFS: ["the disk is read-only", "choose another path, or mount it for writing"],
  EMFILE: ["too many files are open", "raise the limit (ulimit -n) and run the command again"],
};

/** A refusal of the operating system as one message with its cure; anything else as it is. */
export function fromSystemError(error: unknown): unknown {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return error;
  const code = String(error.code);
  const [why, cure] = CURES[code] ?? [code, undefined];
  const path = "path" in error && typeof error.path === "string" ? ` "${error.path}"` : "";
  const message = `Cannot ${String(error.syscall)}${path}: ${why}`;
  return new CliError(message, cure === undefined ? { cause: error } : { cure, cause: error });
}
