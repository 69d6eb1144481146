import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";

/** Both halves as `wg` writes them: 32 bytes in base64. */
export interface WireguardKeys {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** The node's keys from a file that only root may read; they are made at the first time. */
export async function openWireguardKeys(path: string): Promise<WireguardKeys> {
  const known = await readFile(path, "utf8").catch(() => undefined);
  if (known !== undefined) return keysOf(createPrivateKey(known));
  const { privateKey } = generateKeyPairSync("x25519");
  await writeFile(`${path}.next`, privateKey.export({ type: "pkcs8", format: "pem" }), {
    mode: 0o600,
  });
  await rename(`${path}.next`, path);
  return keysOf(privateKey);
}

function keysOf(key: KeyObject): WireguardKeys {
  const { d = "" } = key.export({ format: "jwk" });
  const { x = "" } = createPublicKey(key).export({ format: "jwk" });
  const toBase64 = (text: string): string => Buffer.from(text, "base64url").toString("base64");
  return { privateKey: toBase64(d), publicKey: toBase64(x) };
}
