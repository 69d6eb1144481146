import {
  armor,
  Decrypter,
  Encrypter,
  generateX25519Identity,
  identityToRecipient,
} from "age-encryption";
import { MAX_AGE_KEYS } from "./age-identities.ts";
import { SopsError } from "./sops-error.ts";

/** The data key of a file, wrapped for one recipient. */
export interface WrappedKey {
  readonly recipient: string;
  /** ASCII-armoured age file. */
  readonly enc: string;
}

const DATA_KEY_BYTES = 32;

/** A new private key. */
export function newIdentity(): Promise<string> {
  return generateX25519Identity();
}

/** The public part of a private key. Throws `SopsError`. */
export async function recipientOf(identity: string): Promise<string> {
  try {
    return await identityToRecipient(identity);
  } catch {
    throw new SopsError(
      "secret/unsupported",
      "A private age key cannot be read",
      "write it as age-keygen does: AGE-SECRET-KEY-1…, one on a line",
    );
  }
}

/** Wraps a data key for each recipient. Throws `SopsError` for what is no recipient. */
export async function wrapKey(
  key: Uint8Array,
  recipients: readonly string[],
): Promise<readonly WrappedKey[]> {
  return Promise.all(
    [...new Set(recipients)].map(async (recipient) => {
      const encrypter = new Encrypter();
      try {
        encrypter.addRecipient(recipient);
      } catch {
        throw new SopsError(
          "secret/unsupported",
          `The recipient "${recipient}" is no public age key`,
          "write it as `berth secret recipient` or age-keygen prints it: age1…; SSH keys and plug-ins are not taken",
        );
      }
      return { recipient, enc: armor.encode(await encrypter.encrypt(key)) };
    }),
  );
}

/** The data key, by the first identity that opens it; `undefined` when none does. */
export async function unwrapKey(
  wrapped: readonly WrappedKey[],
  identities: readonly string[],
): Promise<Uint8Array | undefined> {
  if (identities.length === 0) return undefined;
  // An identity opens what is wrapped for its recipient: the others are tried last, since that name is only a label.
  const own = new Set(await Promise.all(identities.map(recipientOf)));
  const ordered = wrapped.toSorted(
    (a, b) => Number(own.has(b.recipient)) - Number(own.has(a.recipient)),
  );
  for (const { enc } of ordered.slice(0, MAX_AGE_KEYS)) {
    const decrypter = new Decrypter();
    for (const identity of identities) decrypter.addIdentity(identity);
    try {
      const key = await decrypter.decrypt(armor.decode(enc));
      if (key.length === DATA_KEY_BYTES) return key;
    } catch {
      // For somebody else.
    }
  }
  return undefined;
}
