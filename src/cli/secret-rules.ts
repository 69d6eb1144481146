import { dirname, join, relative, resolve } from "node:path";
import { parse } from "yaml";
import { asFields, asList, type Fields } from "../schema/fields.ts";
import { safePattern } from "../schema/safe-pattern.ts";
import { DEFAULT_SECRET_RULE } from "../sync/sops/seal-sops.ts";
import { parseRule, RULE_NAMES, type EncryptionRule } from "../sync/sops/sops-metadata.ts";
import { CliError } from "./cli-error.ts";
import { readIfThere } from "./data-dir.ts";

/** How a file is to be encrypted, as `.sops.yaml` says. */
export interface CreationRule {
  readonly recipients: readonly string[];
  readonly rule: EncryptionRule;
  readonly macOnlyEncrypted: boolean;
}

const CONFIG_FILE = ".sops.yaml";
const OTHER_KEYS: readonly string[] = [
  "pgp",
  "kms",
  "gcp_kms",
  "hckms",
  "azure_keyvault",
  "hc_vault_transit_uri",
];

/** The first creation rule that is for the file, of the nearest `.sops.yaml`; `undefined` without one. Throws `CliError`. */
export async function findCreationRule(file: string): Promise<CreationRule | undefined> {
  const path = resolve(file);
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const config = join(folder, CONFIG_FILE);
    const text = await readIfThere(config);
    if (text !== undefined) return creationRule(config, text, relative(folder, path));
    if (folder === dirname(folder)) return undefined;
  }
}

function creationRule(config: string, text: string, file: string): CreationRule | undefined {
  const rules = asFields(readConfig(config, text))["creation_rules"];
  if (rules === undefined) return undefined;
  const found = asList(rules)
    .map(asFields)
    .find(({ path_regex: expression }) => matches(config, expression, file));
  if (found === undefined)
    throw new CliError(`Cannot encrypt "${file}": no creation rule in "${config}" is for it`, {
      cure: "add one, with a path_regex that the file's path matches, or none",
    });
  const others = OTHER_KEYS.filter((name) => found[name] !== undefined);
  const groups = asList(found["key_groups"]).map(asFields);
  if (others.length > 0 || groups.length > 1 || groups.some(hasOthers))
    throw new CliError(
      `Cannot encrypt "${file}": its creation rule in "${config}" names other keys than age's`,
      { cure: "encrypt it with sops itself, or give it a rule with age recipients alone" },
    );
  const recipients = [...ageKeys(found["age"]), ...groups.flatMap(({ age }) => ageKeys(age))];
  const hasRule = RULE_NAMES.some((name) => found[name] !== undefined);
  return {
    recipients,
    rule: hasRule ? parseRule(found) : DEFAULT_SECRET_RULE,
    macOnlyEncrypted: found["mac_only_encrypted"] === true,
  };
}

function readConfig(config: string, text: string): unknown {
  try {
    return parse(text, { logLevel: "error" }) as unknown;
  } catch (error) {
    throw new CliError(`Cannot read "${config}": it is no valid YAML`, { cause: error });
  }
}

function matches(config: string, expression: unknown, file: string): boolean {
  if (expression === undefined || expression === "") return true;
  const test = typeof expression === "string" ? safePattern(expression) : undefined;
  if (test === undefined)
    throw new CliError(
      `Cannot read "${config}": its path_regex ${JSON.stringify(expression)} is no expression that Berth knows`,
      { cure: "write it without flags and word borders, for instance ^secrets/.*\\.yaml$" },
    );
  return test(file) === true;
}

function hasOthers(group: Fields): boolean {
  return Object.keys(group).some((name) => name !== "age");
}

function ageKeys(value: unknown): readonly string[] {
  const texts = typeof value === "string" ? value.split(",") : asList(value).map(String);
  return texts.map((text) => text.trim()).filter((text) => text !== "");
}
