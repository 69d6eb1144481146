/** Most keys of one file, or of one file of keys. */
export const MAX_AGE_KEYS = 100;
const IDENTITY = /^AGE-SECRET-KEY-(?:1|PQ-1)[A-Z0-9]+$/;

/** The private keys of a text as `age-keygen` writes it: one on a line, `#` begins a comment. Pure. */
export function parseIdentities(text: string): readonly string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  return lines.filter((line) => IDENTITY.test(line)).slice(0, MAX_AGE_KEYS);
}
