import { asFields, asList, isFields, type Fields } from "../../schema/fields.ts";
import { safePattern } from "../../schema/safe-pattern.ts";
import type { WrappedKey } from "./age-keys.ts";
import { SopsError } from "./sops-error.ts";

/** Which values of a file are encrypted: by the names on the way to them. At most one of the four. */
export interface EncryptionRule {
  readonly unencrypted_suffix?: string;
  readonly encrypted_suffix?: string;
  readonly unencrypted_regex?: string;
  readonly encrypted_regex?: string;
}

/** What the file says about its encryption. */
export interface SopsMetadata {
  readonly age: readonly WrappedKey[];
  /** Ways to the key besides age: pgp, kms and others. They are kept and not used. */
  readonly others: readonly string[];
  readonly rule: EncryptionRule;
  readonly macOnlyEncrypted: boolean;
  readonly lastModified: string;
  readonly mac: string;
}

export const RULE_NAMES: readonly (keyof EncryptionRule)[] = [
  "unencrypted_suffix",
  "encrypted_suffix",
  "unencrypted_regex",
  "encrypted_regex",
];
const OTHER_KEYS: readonly string[] = ["pgp", "kms", "gcp_kms", "azure_kv", "hc_vault", "hckms"];
/** Rules about comments: what they say depends on how another program attaches comments to fields. */
const COMMENT_RULES: readonly string[] = ["encrypted_comment_regex", "unencrypted_comment_regex"];
/** The format's own rule when a file names none. */
const DEFAULT_RULE: EncryptionRule = { unencrypted_suffix: "_unencrypted" };

/** Reads the `sops` field of a file. Throws `SopsError`. Pure. */
export function parseMetadata(value: unknown): SopsMetadata {
  if (!isFields(value)) throw broken("it is no map");
  const { mac, lastmodified } = value;
  if (typeof mac !== "string" || typeof lastmodified !== "string")
    throw broken("it has no mac or no lastmodified");
  if (asList(value["key_groups"]).length > 0)
    throw unsupported("key groups (Shamir's shares)", "encrypt it with one group of age keys");
  const comments = COMMENT_RULES.find((name) => value[name] !== undefined && value[name] !== "");
  if (comments !== undefined)
    throw unsupported(`the rule ${comments}`, "use encrypted_regex in its place");
  return {
    age: asList(value["age"]).map(wrappedKey),
    others: OTHER_KEYS.filter((name) => asList(value[name]).length > 0),
    rule: parseRule(value),
    macOnlyEncrypted: value["mac_only_encrypted"] === true,
    lastModified: normalizeTime(lastmodified),
    mac,
  };
}

/** The rule among other fields: of a file, or of a creation rule. Throws `SopsError`. Pure. */
export function parseRule(fields: Fields): EncryptionRule {
  const given = RULE_NAMES.filter(
    (name) => typeof fields[name] === "string" && fields[name] !== "",
  );
  const [name, second] = given;
  if (second !== undefined)
    throw unsupported(`both ${name} and ${second}`, "keep one of the two: the format allows one");
  return name === undefined ? DEFAULT_RULE : { [name]: fields[name] };
}

/** A test of paths: whether what stands there is encrypted. Throws `SopsError`. Pure. */
export function ruleTest(rule: EncryptionRule): (path: readonly string[]) => boolean {
  const { encrypted_regex: inner, unencrypted_regex: outer } = rule;
  const { encrypted_suffix: suffix, unencrypted_suffix: plain } = rule;
  if (inner !== undefined) return anyMatches(inner);
  if (outer !== undefined) {
    const matches = anyMatches(outer);
    return (path) => !matches(path);
  }
  if (suffix !== undefined) return (path) => path.some((name) => name.endsWith(suffix));
  return (path) => plain === undefined || !path.some((name) => name.endsWith(plain));
}

function anyMatches(source: string): (path: readonly string[]) => boolean {
  const test = safePattern(source);
  if (test === undefined)
    throw unsupported(
      `the expression "${source}"`,
      "write it without flags, word borders and classes of Unicode, for instance ^(data|stringData)$",
    );
  return (path) =>
    path.some((name) => {
      const found = test(name);
      if (found === undefined)
        throw unsupported("an expression and a name too long for each other", "shorten either");
      return found;
    });
}

function wrappedKey(value: unknown): WrappedKey {
  const { recipient, enc } = asFields(value);
  if (typeof recipient !== "string" || typeof enc !== "string")
    throw broken("an age key has no recipient or no enc");
  return { recipient, enc };
}

/** As it was authenticated: whole seconds, and Z for UTC. */
function normalizeTime(text: string): string {
  return text.replace(/\.\d+(?=Z|[-+])/, "").replace(/[-+]00:00$/, "Z");
}

function broken(why: string): SopsError {
  return new SopsError(
    "secret/damaged",
    `The field sops cannot be read: ${why}`,
    "take the file from an earlier commit, or encrypt the plain file anew with `berth secret encrypt FILE`",
  );
}

function unsupported(what: string, cure: string): SopsError {
  return new SopsError(
    "secret/unsupported",
    `The file uses ${what}, which Berth does not read`,
    cure,
  );
}
