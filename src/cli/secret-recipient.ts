import { join } from "node:path";
import { errorCode } from "../sync/repository-layout.ts";
import { readIfThere, type DataDir } from "./data-dir.ts";

/** The cluster's private age key, beside its CA. Its public part stands in its first line. */
export const KEY_FILE = "secrets.agekey";

/** The text of the cluster's key; `undefined` where there is none, or whoever asks may not read it. */
export async function readKeyFile(dir: Pick<DataDir, "pki">): Promise<string | undefined> {
  try {
    return await readIfThere(join(dir.pki, KEY_FILE));
  } catch (error) {
    if (errorCode(error) === "EACCES") return undefined;
    throw error;
  }
}

/** The public part as it is noted beside the key, for those who only look. */
export async function readNotedRecipient(dir: Pick<DataDir, "pki">): Promise<string | undefined> {
  const text = await readKeyFile(dir);
  return /^# public key: (age1\S+)$/m.exec(text ?? "")?.[1];
}
