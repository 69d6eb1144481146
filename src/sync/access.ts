import { createHash } from "node:crypto";

/** What the server of a repository asks for. It is never logged, and never in arguments of a process. */
export interface Access {
  readonly username?: string;
  readonly password?: string;
  readonly bearerToken?: string;
  /** A private SSH key, as OpenSSH writes it. */
  readonly identity?: string;
  /** The server's host keys, as lines of a `known_hosts` file. Nobody else is talked to. */
  readonly knownHosts?: string;
  /** PEM of the authority of the server's certificate. */
  readonly ca?: string;
}

/** Keys of the Secret that `secretRef` names, and what they are here. */
const SECRET_KEYS: Readonly<Record<string, keyof Access>> = {
  username: "username",
  password: "password",
  bearerToken: "bearerToken",
  identity: "identity",
  known_hosts: "knownHosts",
  "ca.crt": "ca",
};
/** A Secret without any of them is the wrong Secret. */
export const ACCESS_KEYS: readonly string[] = Object.keys(SECRET_KEYS);

/** What a Secret's values (base64) say about access. Pure. */
export function accessOf(data: Readonly<Record<string, string>>): Access {
  const found: Partial<Record<keyof Access, string>> = {};
  for (const [key, field] of Object.entries(SECRET_KEYS)) {
    const value = data[key];
    if (value === undefined) continue;
    const text = Buffer.from(value, "base64").toString();
    // A key file needs its closing line end; of the others an editor's line end is no part.
    found[field] =
      field === "identity" || field === "knownHosts" ? `${text.trimEnd()}\n` : text.trim();
  }
  return found;
}

/** Tells accesses apart without telling what they are. */
export function accessKey(access: Access | undefined): string {
  if (access === undefined) return "";
  const text = JSON.stringify(Object.entries(access).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return createHash("sha256").update(text).digest("hex");
}
