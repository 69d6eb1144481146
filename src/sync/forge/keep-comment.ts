import { ForgeError, MAX_COMMENT_CHARACTERS, type Comment } from "./forge.ts";

/** The comments of one pull request. */
export interface CommentApi {
  /** Oldest first. */
  list(signal: AbortSignal): Promise<readonly { readonly id: number; readonly body: string }[]>;
  create(body: string, signal: AbortSignal): Promise<void>;
  update(id: number, body: string, signal: AbortSignal): Promise<void>;
}

/** Writes a comment, or writes it anew where one with its marker is there already. */
export async function keepComment(
  api: CommentApi,
  { marker, body }: Comment,
  signal: AbortSignal,
): Promise<"created" | "updated" | "same"> {
  if (body.length > MAX_COMMENT_CHARACTERS) {
    const size = `it has ${body.length} characters, and ${MAX_COMMENT_CHARACTERS} fit`;
    throw new ForgeError("refused", `Cannot write the comment: ${size}`);
  }
  const found = (await api.list(signal)).find((comment) => isOwn(comment.body, marker));
  if (found === undefined) {
    await api.create(body, signal);
    return "created";
  }
  // Servers end lines in their own way, and trim.
  if (normalized(found.body) === normalized(body)) return "same";
  await api.update(found.id, body, signal);
  return "updated";
}

/** The text of the first comment that begins with the marker. */
export async function ownComment(
  api: CommentApi,
  marker: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  return (await api.list(signal)).find(({ body }) => isOwn(body, marker))?.body;
}

/** Begins with it: who quotes our comment does not become us. */
function isOwn(body: string, marker: string): boolean {
  return body.trimStart().startsWith(marker);
}

function normalized(body: string): string {
  return body.replaceAll("\r\n", "\n").trim();
}
