import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { calculateJwkThumbprint, exportJWK, type JWK } from "jose";

/** What tokens of accounts are signed with: ECDSA on P-256, short and quick. */
export const TOKEN_ALGORITHM = "ES256";

/** A key that signs tokens, or has signed them before. */
export interface SigningKey {
  /** Thumbprint of the public part (RFC 7638): which key a token was signed with. */
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** The public part, for those who check tokens by themselves. */
  readonly jwk: JWK;
}

/** A new key as PEM (PKCS #8). */
export function generateSigningKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** The key of a PEM text. Throws when it is none on P-256. */
export async function readSigningKey(pem: string): Promise<SigningKey> {
  const privateKey = createPrivateKey(pem);
  if (privateKey.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw new TypeError("it is no private key on the curve P-256");
  }
  const publicKey = createPublicKey(privateKey);
  const bare = await exportJWK(publicKey);
  const id = await calculateJwkThumbprint(bare);
  const jwk: JWK = { ...bare, kid: id, alg: TOKEN_ALGORITHM, use: "sig" };
  return { id, privateKey, publicKey, jwk };
}
