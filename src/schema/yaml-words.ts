/** Words that YAML 1.1, and so kubectl, takes for true or false; in YAML 1.2 they are text. */
const SWITCH_WORDS: ReadonlyMap<string, string> = new Map([
  ...spellings(["y", "yes", "on"], "true"),
  ...spellings(["n", "no", "off"], "false"),
]);
const LONGEST_WORD = 3;

const LEADING_ZERO = /^[-+]?0[0-9_]+$/;
const UNDERSCORES = /^[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]+|0x[0-9a-fA-F_]+)$/;
const BINARY = /^[-+]?0b[01_]+$/;
const NEW_OCTAL = /^0o[0-7]+$/;
const BARE_EXPONENT = /^[-+]?[0-9]+[eE][-+]?[0-9]+$/;

/** `0644`: octal, as kubectl reads it; YAML 1.2 alone would take it for 644. */
export const OCTAL_DIGITS: RegExp = /^0[0-7]+$/;

/** Fields of permission bits: there everybody writes `0644` and means octal. */
const MODE_FIELDS: ReadonlySet<string> = new Set(["mode", "defaultMode"]);

/** Whether a field holds permission bits. Pure. */
export function isMode(field: string | undefined): boolean {
  return field !== undefined && MODE_FIELDS.has(field);
}

/**
 * What the other YAML makes of a plain scalar, where YAML 1.1 and 1.2 differ; `undefined` where they agree.
 * Completes "is read as …, but". `field` is the name before it. Pure.
 */
export function otherReading(source: string, field: string | undefined): string | undefined {
  if (source.length <= LONGEST_WORD) {
    const word = SWITCH_WORDS.get(source);
    if (word !== undefined) return `as ${word} in YAML 1.1`;
  }
  const first = source.charCodeAt(0);
  // Every number begins with a sign, a dot or a digit.
  if (first > 0x39 || first < 0x2b || source.length < 2) return undefined;
  if (OCTAL_DIGITS.test(source)) {
    return isMode(field) ? undefined : `as ${Number.parseInt(source, 10)} in YAML 1.2`;
  }
  if (LEADING_ZERO.test(source)) return "as text or another number in YAML 1.1";
  if (source.includes("_") && UNDERSCORES.test(source)) return "as a number in YAML 1.1";
  if (BINARY.test(source)) return "as a binary number in YAML 1.1";
  if (NEW_OCTAL.test(source)) return isMode(field) ? undefined : "as text in YAML 1.1";
  return BARE_EXPONENT.test(source) ? "as text in YAML 1.1" : undefined;
}

function spellings(
  words: readonly string[],
  value: string,
): readonly (readonly [string, string])[] {
  return words.flatMap((word) => {
    const capital = word.charAt(0).toUpperCase() + word.slice(1);
    return [word, word.toUpperCase(), capital].map((spelling) => [spelling, value] as const);
  });
}
