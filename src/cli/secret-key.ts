import { mkdir, readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseIdentities } from "../sync/sops/age-identities.ts";
import { newIdentity, recipientOf } from "../sync/sops/age-keys.ts";
import { CliError } from "./cli-error.ts";
import { readIfThere, type DataDir } from "./data-dir.ts";
import { KEY_FILE, readKeyFile } from "./secret-recipient.ts";

const LOST =
  "restore it from a backup: without it no Secret that is encrypted to it can be opened again";

/** The keys that open Secrets in Git; the first one is made at the first start. Throws `CliError` when there is none in the file. */
export async function openClusterIdentities(dir: DataDir): Promise<readonly string[]> {
  const path = join(dir.pki, KEY_FILE);
  await mkdir(dir.pki, { recursive: true, mode: 0o700 });
  const identity = await newIdentity();
  const text = `# public key: ${await recipientOf(identity)}\n${identity}\n`;
  // Whoever comes second takes the key of the first.
  await writeFile(path, text, { mode: 0o600, flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  const identities = parseIdentities(await readFile(path, "utf8"));
  if (identities.length > 0) return identities;
  throw new CliError(`Cannot find a private age key in "${path}"`, { cure: LOST });
}

/** The cluster's key where this machine has one, and whoever asks may read it. */
export async function readClusterIdentities(dir: DataDir): Promise<readonly string[]> {
  return parseIdentities((await readKeyFile(dir)) ?? "");
}

/** The public part of the cluster's key; `undefined` where it cannot be read. */
export async function readClusterRecipient(dir: DataDir): Promise<string | undefined> {
  const [identity] = await readClusterIdentities(dir);
  return identity === undefined ? undefined : recipientOf(identity);
}

/** Private keys of the person, from where sops has them, and then the cluster's. */
export async function readIdentities(
  dir: DataDir,
  env: NodeJS.ProcessEnv,
): Promise<readonly string[]> {
  const given = env["SOPS_AGE_KEY"] ?? "";
  const file = env["SOPS_AGE_KEY_FILE"];
  const config = env["XDG_CONFIG_HOME"] ?? join(homedir(), ".config");
  const usual = await readIfThere(join(config, "sops", "age", "keys.txt"));
  const named = file === undefined ? undefined : await readIfThere(file);
  if (file !== undefined && named === undefined)
    throw new CliError(`Cannot find the file "${file}" that $SOPS_AGE_KEY_FILE names`);
  const own = [given, named ?? "", usual ?? ""].flatMap(parseIdentities);
  return [...new Set([...own, ...(await readClusterIdentities(dir))])];
}
