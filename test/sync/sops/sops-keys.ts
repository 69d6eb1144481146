import { newIdentity, recipientOf } from "../../../src/sync/sops/age-keys.ts";
import { openSops } from "../../../src/sync/sops/open-sops.ts";
import { readableText } from "../../../src/sync/sops/plain-text.ts";
import {
  DEFAULT_SECRET_RULE,
  sealSops,
  type SealOptions,
} from "../../../src/sync/sops/seal-sops.ts";

export const NOW: Date = new Date("2026-03-04T05:06:07.890Z");

/** A key pair of age. */
export interface KeyPair {
  readonly identity: string;
  readonly recipient: string;
}

export async function newPair(): Promise<KeyPair> {
  const identity = await newIdentity();
  return { identity, recipient: await recipientOf(identity) };
}

export function sealFor(
  text: string,
  pair: KeyPair,
  more: Partial<SealOptions> = {},
): Promise<string> {
  const options = { recipients: [pair.recipient], rule: DEFAULT_SECRET_RULE, now: NOW, ...more };
  return sealSops(text, options);
}

export async function readableFor(text: string, { identity }: KeyPair): Promise<string> {
  return readableText(await openSops(text, [identity]));
}
