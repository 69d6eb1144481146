import type { Draft } from "./commit-writes-batch.ts";

/** A certificate has no address: `<name>@<domain>`, unless the name is one itself. */
export function authorOf(
  user: string,
  domain: string,
): { readonly name: string; readonly email: string } {
  if (/^[^\s@<>]+@[^\s@<>]+$/.test(user)) return { name: user, email: user };
  const local = user.replaceAll(/[^A-Za-z0-9._+-]+/g, "-") || "unknown";
  return { name: user, email: `${local}@${domain}` };
}

const MAX_FILES_NAMED = 3;

/** What the caller is told of a commit. Pure. */
export function describeWritten({ commit, changes }: Draft, branch: string): string {
  const files = changes.map(({ path }) => path);
  return `committed ${commit.id.slice(0, 7)} to ${branch}: ${listFiles(files)}`;
}

function listFiles(files: readonly string[]): string {
  const shown = files.slice(0, MAX_FILES_NAMED).join(", ");
  const more = files.length - MAX_FILES_NAMED;
  return more > 0 ? `${shown} and ${more} more` : shown;
}
