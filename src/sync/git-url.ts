import type { Access } from "./access.ts";
import { GitError } from "./git.ts";

/** A remote as it may be shown and handed to an engine: the credentials stand apart. */
export interface Remote {
  /** HTTP(S) without user and password, or SSH. */
  readonly url: string;
  readonly credentials?: { readonly username: string; readonly password: string };
  /** In place of `credentials`. */
  readonly bearerToken?: string;
  /** PEM of the authority of the server's certificate. */
  readonly ca?: string;
  readonly ssh?: { readonly identity: string; readonly knownHosts: string };
  /** Where `ca` and `ssh` lie as files, for programs that take nothing else. */
  readonly files?: RemoteFiles;
}

export interface RemoteFiles {
  readonly ca?: string;
  readonly identity?: string;
  readonly knownHosts?: string;
}

/** Whether a source names a remote (has a scheme, or is SSH's `user@host:path`) rather than a local folder. Pure. */
export function isRemote(repo: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(repo) || /^[^/\s:]+@[^/\s:]+:/.test(repo);
}

/** Whether a source is read over SSH. Pure. */
export function isSsh(repo: string): boolean {
  return /^ssh:\/\//i.test(repo) || (isRemote(repo) && !/^[a-z][a-z0-9+.-]*:\/\//i.test(repo));
}

/** Reads an HTTP(S) or SSH address; anything else is "invalid-url" with the cure. Pure. */
export function parseRemote(repo: string, access?: Access): Remote {
  if (isSsh(repo)) return sshRemote(repo, access);
  const shown = redactCredentials(repo);
  const url = URL.canParse(repo) ? new URL(repo) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new GitError(
      "invalid-url",
      `Cannot open repository "${shown}": only local folders, http://, https:// and SSH addresses can be read; give the HTTPS address of the repository`,
    );
  }
  const { username, password } = url;
  url.username = "";
  url.password = "";
  url.hash = "";
  const ca = access?.ca === undefined ? {} : { ca: access.ca };
  if (access?.bearerToken !== undefined)
    return { url: url.href, bearerToken: access.bearerToken, ...ca };
  if (access?.username !== undefined || access?.password !== undefined) {
    // A token stands for the password; what the user is called then does not matter to any server.
    const credentials = { username: access.username ?? "git", password: access.password ?? "" };
    return { url: url.href, credentials, ...ca };
  }
  if (username === "" && password === "") return { url: url.href, ...ca };
  return {
    url: url.href,
    credentials: { username: decodePart(username), password: decodePart(password) },
    ...ca,
  };
}

/** Names the repository whichever way it is reached: `host/team/app`. For webhooks, which say it in their own way. Pure. */
export function repositoryIdentity(repo: string): string {
  const scp = /^(?:[^/\s:@]+@)?([^/\s:@]+):(?!\/\/)(.+)$/.exec(repo);
  const url = URL.canParse(repo) && repo.includes("://") ? new URL(repo) : undefined;
  if (url === undefined && (scp === null || repo.startsWith("/"))) return repo;
  const host = (url?.hostname ?? scp?.[1] ?? "").toLowerCase();
  const path = (url?.pathname ?? scp?.[2] ?? "").replace(/^[/~]+|\/+$/g, "").replace(/\.git$/i, "");
  // Hosts do not tell repositories apart by case, and their payloads do not keep it.
  return `${host}/${path.toLowerCase()}`;
}

/** One text for the same address in its spellings: what shares a mirror and a conversation. Pure. */
export function normalizeRepo(repo: string): string {
  if (isSsh(repo) || !isRemote(repo) || !URL.canParse(repo)) return repo.replace(/\/+$/, "");
  const url = new URL(repo);
  url.hash = "";
  return url.href.replace(/\/+$/, "");
}

function sshRemote(repo: string, access: Access | undefined): Remote {
  const [, user = "", host = ""] = /^(?:ssh:\/\/)?(?:([^@/]*)@)?([^/:]+)/i.exec(repo) ?? [];
  if (user.includes(":"))
    throw new GitError(
      "invalid-url",
      `Cannot open repository "${redactCredentials(repo)}": SSH takes no password in its address; give a Secret with "identity" and "known_hosts" as secretRef`,
    );
  if (user.startsWith("-") || host.startsWith("-") || /\s/.test(repo))
    throw new GitError(
      "invalid-url",
      `Cannot open repository "${redactCredentials(repo)}": not an SSH address; give it as "ssh://git@host/team/repo.git"`,
    );
  const { identity, knownHosts } = access ?? {};
  if (identity === undefined || knownHosts === undefined) {
    const missing = identity === undefined ? "identity" : "known_hosts";
    throw new GitError(
      "unauthorized",
      `Cannot open repository "${repo}": SSH needs a deploy key and the host's keys, and there is no "${missing}"; give a Secret with "identity" (the private key) and "known_hosts" (from "ssh-keyscan ${host}", compared with what the host publishes) as secretRef`,
    );
  }
  return { url: repo, ssh: { identity, knownHosts } };
}

/** The text with user and password taken out of every URL in it: for messages and logs. Pure. */
export function redactCredentials(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^/\s@]*(?:@[^/\s@]*)*@/gi, "$1");
}

/** The `Authorization` header of a remote over HTTP; `undefined` without any. Pure. */
export function authorizationOf(remote: Remote): string | undefined {
  if (remote.bearerToken !== undefined) return `Bearer ${remote.bearerToken}`;
  return remote.credentials === undefined ? undefined : basicAuthorization(remote.credentials);
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
