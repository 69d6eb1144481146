import type { Commit } from "./git.ts";

export interface Identity {
  readonly name: string;
  readonly email: string;
}

/** Who commits on behalf of the author. */
export const COMMITTER: Identity = { name: "Berth", email: "berth@localhost" };

/** Reads a commit object as Git stores it. `undefined` when the bytes are no commit. Pure. */
export function parseCommit(id: string, content: Uint8Array): Commit | undefined {
  const text = new TextDecoder().decode(content);
  const end = text.indexOf("\n\n");
  const head = end < 0 ? text : text.slice(0, end);
  const parents: string[] = [];
  let tree: string | undefined;
  let author: Identity = { name: "", email: "" };
  let committedAt = 0;
  for (const line of head.split("\n")) {
    const space = line.indexOf(" ");
    const value = line.slice(space + 1);
    switch (line.slice(0, space)) {
      case "tree":
        tree = value;
        break;
      case "parent":
        parents.push(value);
        break;
      case "author":
        author = parseIdentity(value);
        break;
      case "committer":
        committedAt = parseSeconds(value) * 1000;
        break;
      default: // Signatures, encodings and whatever comes later.
    }
  }
  if (tree === undefined) return undefined;
  return { id, tree, parents, author, committedAt, message: end < 0 ? "" : text.slice(end + 2) };
}

/** The bytes of a commit object; the committer is Berth, in UTC. Pure. */
export function formatCommit(commit: {
  readonly tree: string;
  readonly parent: string;
  readonly author: Identity;
  readonly seconds: number;
  readonly message: string;
}): Uint8Array {
  const when = `${commit.seconds} +0000`;
  const message = commit.message.replaceAll("\0", "").trimEnd();
  return new TextEncoder().encode(
    `tree ${commit.tree}\nparent ${commit.parent}\n` +
      `author ${formatIdentity(commit.author)} ${when}\ncommitter ${formatIdentity(COMMITTER)} ${when}\n\n${message}\n`,
  );
}

/** First line of a commit's message. Pure. */
export function subjectOf(commit: Commit): string {
  return commit.message.trimStart().split("\n", 1)[0]?.trim() ?? "";
}

/** `Name <email>`, without what would break the line. Pure. */
export function formatIdentity({ name, email }: Identity): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must be kept out
  const clean = (text: string): string => text.replaceAll(/[<>\u0000-\u001f]/g, " ").trim();
  return `${clean(name) || "unknown"} <${clean(email)}>`;
}

function parseIdentity(value: string): Identity {
  const match = /^(.*?) ?<([^>]*)>/.exec(value);
  return { name: match?.[1] ?? "", email: match?.[2] ?? "" };
}

function parseSeconds(value: string): number {
  return Number(/> (-?\d+)/.exec(value)?.[1] ?? 0);
}
