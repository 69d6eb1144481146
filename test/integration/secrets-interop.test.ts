import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSops } from "../../src/sync/sops/open-sops.ts";
import { readableText } from "../../src/sync/sops/plain-text.ts";
import { resealSops } from "../../src/sync/sops/seal-sops.ts";
import { ROOT } from "../support/clone.ts";
import { runCommand } from "../support/command.ts";
import { newPair, sealFor, type KeyPair } from "../sync/sops/sops-keys.ts";

/*
 * The same format, made and read by other libraries: PyYAML, python3-cryptography and the `age` program, of Debian's
 * packages age, python3-yaml and python3-cryptography.
 */

const PEER = join(ROOT, "test", "support", "sops-peer.py");
const TEXT = `apiVersion: v1
kind: Secret
metadata:
  name: db
  labels: {tier: "2"}
immutable: true
data:
  token: aGVsbG8=
stringData:
  # of the database
  password: p:a#s"s 'w' ü
  lines: |
    one
    two
  number: "123"
  empty: ""
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: plain
data:
  list: [a, "1", c]
  word: "yes"
  whole: 42
  part: 2.5
  flag: false
`;
const DOCUMENTS = [
  {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "db", labels: { tier: "2" } },
    immutable: true,
    data: { token: "aGVsbG8=" },
    stringData: { password: `p:a#s"s 'w' ü`, lines: "one\ntwo\n", number: "123", empty: "" },
  },
  {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "plain" },
    data: { list: ["a", "1", "c"], word: "yes", whole: 42, part: 2.5, flag: false },
  },
];

let folder: string;
let pair: KeyPair;
let keyFile: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-sops-"));
  pair = await newPair();
  keyFile = join(folder, "key.txt");
  await writeFile(keyFile, `${pair.identity}\n`, { mode: 0o600 });
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function peer(input: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, output } = await runCommand("/usr/bin/python3", [PEER, ...args], { input });
  if (code !== 0) throw new Error(`The peer ended with ${code}:\n${output}`);
  return stdout;
}

test.each([false, true])(
  "others read what Berth encrypts, and find its MAC right (of encrypted values alone: %s)",
  async (macOnlyEncrypted) => {
    const sealed = await sealFor(TEXT, pair, { macOnlyEncrypted });
    const told = JSON.parse(await peer(sealed, "decrypt", keyFile)) as unknown;
    expect(told).toEqual({ documents: DOCUMENTS, mac: true });
  },
);

test("others read what Berth has changed in their file", async () => {
  const theirs = await peer(TEXT, "encrypt", pair.recipient, "^(data|stringData)$");
  const before = await openSops(theirs, [pair.identity]);
  const text = readableText(before).replace("aGVsbG8=", "Ynll");
  const next = resealSops(text, before, new Date());
  const told = JSON.parse(await peer(next, "decrypt", keyFile)) as {
    documents: unknown;
    mac: boolean;
  };
  const [secret, ...rest] = DOCUMENTS;
  expect(told).toEqual({ documents: [{ ...secret, data: { token: "Ynll" } }, ...rest], mac: true });
});

test("Berth reads what others encrypt", async () => {
  const theirs = await peer(TEXT, "encrypt", pair.recipient, "^(data|stringData)$");
  expect(theirs).not.toContain("aGVsbG8=");
  const { documents } = await openSops(theirs, [pair.identity]);
  const values = documents.flatMap(({ leaves }) => leaves.map(({ plain }) => plain.text));
  for (const word of ["aGVsbG8=", `p:a#s"s 'w' ü`, "one\ntwo\n", "42", "2.5", "False", "True"])
    expect(values).toContain(word);
});
