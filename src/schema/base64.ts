/** Bytes that are turned into one argument list at a time: more overflows the stack. */
const CHUNK = 8192;

/** The base64 of a text's UTF-8 bytes. Pure. */
export function encodeBase64(text: string): string {
  const bytes = new TextEncoder().encode(text);
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return btoa(binary);
}
