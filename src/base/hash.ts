import { createHash, hash } from "node:crypto";

const SAFE_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

/** SHA-256 of text or bytes, in lower-case hex. Pure. */
export function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * A name-safe digest of a value: `length` characters of Kubernetes' vowel-free alphabet, so that no word arises.
 * Keys of objects are put in order first; `undefined` counts as absent. Pure.
 */
export function shortHash(value: unknown, length = 10): string {
  const digest = hash("sha256", canonicalJson(value), "buffer");
  let text = "";
  for (const byte of digest.subarray(0, length))
    text += SAFE_ALPHABET[byte % SAFE_ALPHABET.length] ?? "";
  return text;
}

/** JSON with the keys of every object in code-unit order, so that equal values give equal text. Pure. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) {
    const items = value as readonly unknown[];
    let list = "";
    for (const item of items) list += `${list === "" ? "" : ","}${canonicalJson(item ?? null)}`;
    return `[${list}]`;
  }
  const fields = value as Readonly<Record<string, unknown>>;
  let map = "";
  // Without a comparator `sort` goes by code units.
  for (const key of Object.keys(fields).sort()) {
    const item = fields[key];
    if (item === undefined) continue;
    map += `${map === "" ? "" : ","}${JSON.stringify(key)}:${canonicalJson(item)}`;
  }
  return `{${map}}`;
}

/**
 * A UUID-shaped id derived from its parts, so that what is planned twice is named alike twice. Pure.
 * Set as RFC 9562 version 8 (custom).
 */
export function derivedUid(...parts: readonly string[]): string {
  const hex = createHash("sha256").update(parts.join("\0")).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-9${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
