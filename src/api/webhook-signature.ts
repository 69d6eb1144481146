import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** Headers that carry an HMAC-SHA-256 of the body in hex, some after `sha256=`. */
const HMAC_HEADERS: readonly string[] = [
  "x-hub-signature-256", // GitHub, and Gitea and Forgejo beside their own
  "x-gitea-signature",
  "x-forgejo-signature",
  "x-hub-signature", // Bitbucket; GitHub's old SHA-1 does not match
  "x-berth-signature",
];
/** GitLab sends the token itself. */
const TOKEN_HEADER = "x-gitlab-token";

/** Whether the request says that it knows a token at all. Pure. */
export function isSigned(headers: IncomingHttpHeaders): boolean {
  return [...HMAC_HEADERS, TOKEN_HEADER].some((name) => headers[name] !== undefined);
}

/**
 * Whether whoever sent the body knows the token. Every signature that is there must be right: one that is tampered with
 * is not made good by another. The time that it takes tells nothing.
 */
export function isSignedBy(headers: IncomingHttpHeaders, body: Uint8Array, token: string): boolean {
  if (token === "") return false;
  const expected = createHmac("sha256", token).update(body).digest("hex");
  const checks = HMAC_HEADERS.flatMap((name) => {
    const value = headers[name];
    if (typeof value !== "string") return [];
    // GitHub sends the older SHA-1 form along.
    if (name === "x-hub-signature" && value.startsWith("sha1=")) return [];
    return [
      isEqual(
        value
          .trim()
          .toLowerCase()
          .replace(/^sha256=/, ""),
        expected,
      ),
    ];
  });
  const sent = headers[TOKEN_HEADER];
  if (typeof sent === "string") checks.push(isEqual(sent, token));
  return checks.length > 0 && checks.every(Boolean);
}

/** Compares digests, so that neither content nor length shows in the time. */
function isEqual(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
