/** What stands in place of a value that nobody is to read in a plan. */
export const MASK = "(hidden)";

/** Words in the name of a variable or key that say that its value is nobody's business. */
const SECRET_WORD =
  /(^|[^a-z])pass$|passphrase|passw(or)?d|secret|token|credential|api_?-?key|private_?-?key|access_?-?key|auth_?-?key|encryption_?-?key|signing_?-?key|connection_?-?string|_dsn$|^dsn$/i;
/** `postgres://user:word@host` and the like. */
const URL_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)([^\s@/]+)(@)/gi;
/** `--password=word`, `token: word`, in a longer text: a line of it, or an argument. */
const NAMED_VALUE = /^(.*?([\w.-]+)["']?[ \t]*[:=][ \t]*)(\S.*)$/;
/** Keys of private parts and tokens that are known by their looks. */
const KNOWN_TOKEN =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)|\b(?:gh[pousr]_\w{20,}|glpat-[\w-]{20,}|AKIA[0-9A-Z]{16}|AGE-SECRET-KEY-1[0-9A-Z]+|xox[abpr]-[\w-]{10,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+)/g;

/** Whether a name says that what it names is a secret. Pure. */
export function isSecretName(name: string): boolean {
  return SECRET_WORD.test(name);
}

/**
 * A text without what looks like a password, token or key in it. `instead` says what stands there, `(hidden)` unless
 * given. Pure.
 */
export function maskText(text: string, instead: (secret: string) => string = () => MASK): string {
  const maskLine = (line: string): string => {
    const plain = line.replaceAll(
      URL_PASSWORD,
      (_, before: string, secret: string, after: string) => `${before}${instead(secret)}${after}`,
    );
    const match = NAMED_VALUE.exec(plain);
    if (match === null || !isSecretName(match[2] ?? "")) return plain;
    return `${match[1] ?? ""}${instead(match[3] ?? "")}`;
  };
  return text.replaceAll(KNOWN_TOKEN, instead).split("\n").map(maskLine).join("\n");
}
