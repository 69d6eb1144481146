import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generateSigningKey, readSigningKey, type SigningKey } from "../api/tokens/signing-keys.ts";
import { CliError } from "./cli-error.ts";
import type { DataDir } from "./data-dir.ts";

const FILE = "service-accounts.key";

/** The key that signs the tokens of ServiceAccounts; made at the first start. Throws `CliError` when it is no key. */
export async function openSigningKey(dir: DataDir): Promise<SigningKey> {
  const path = join(dir.pki, FILE);
  await mkdir(dir.pki, { recursive: true, mode: 0o700 });
  // Whoever comes second takes the key of the first.
  await writeFile(path, generateSigningKey(), { mode: 0o600, flag: "wx" }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    },
  );
  try {
    return await readSigningKey(await readFile(path, "utf8"));
  } catch (error) {
    throw new CliError(`Cannot use the key of ServiceAccounts' tokens in "${path}"`, {
      cause: error,
      cure: "restore it from a backup, or remove it: then all tokens that it has signed end",
    });
  }
}
