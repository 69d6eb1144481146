import { GitError } from "./git.ts";

/** A remote as it may be shown and handed to an engine: the credentials stand apart. */
export interface Remote {
  /** HTTP(S), without user and password. */
  readonly url: string;
  readonly credentials?: { readonly username: string; readonly password: string };
}

/** Whether a source names a remote (has a scheme, or is SSH's `user@host:path`) rather than a local folder. Pure. */
export function isRemote(repo: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(repo) || /^[^/\s:]+@[^/\s:]+:/.test(repo);
}

/** Reads an HTTP(S) URL; anything else is "invalid-url" with the cure. Pure. */
export function parseRemote(repo: string): Remote {
  const shown = redactCredentials(repo);
  const url = URL.canParse(repo) ? new URL(repo) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new GitError(
      "invalid-url",
      `Cannot open repository "${shown}": only local folders and http:// or https:// URLs can be read; give the HTTPS address of the repository`,
    );
  }
  const { username, password } = url;
  url.username = "";
  url.password = "";
  url.hash = "";
  if (username === "" && password === "") return { url: url.href };
  return {
    url: url.href,
    credentials: { username: decodePart(username), password: decodePart(password) },
  };
}

/** The text with user and password taken out of every URL in it: for messages and logs. Pure. */
export function redactCredentials(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^/\s@]*(?:@[^/\s@]*)*@/gi, "$1");
}

/** The value of an HTTP Basic `Authorization` header. Pure. */
export function basicAuthorization(credentials: NonNullable<Remote["credentials"]>): string {
  const bytes = new TextEncoder().encode(`${credentials.username}:${credentials.password}`);
  return `Basic ${Buffer.from(bytes).toString("base64")}`;
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // A bare "%" in a password that was not encoded.
  }
}
