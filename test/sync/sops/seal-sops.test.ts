import { beforeAll, describe, expect, test } from "vitest";
import { openSops } from "../../../src/sync/sops/open-sops.ts";
import { readableText } from "../../../src/sync/sops/plain-text.ts";
import { resealSops, rotateSops } from "../../../src/sync/sops/seal-sops.ts";
import { SopsError } from "../../../src/sync/sops/sops-error.ts";
import type { EncryptionRule } from "../../../src/sync/sops/sops-metadata.ts";
import { newPair, readableFor, sealFor, type KeyPair } from "./sops-keys.ts";

const LATER = new Date("2026-03-05T00:00:00Z");
const SECRET = `# head comment
apiVersion: v1
kind: Secret
metadata:
  name: db # inline
  labels: { a: "1", n: x }
type: Opaque
data:
  a: aGVsbG8=
stringData:
  # the password
  password: hunter2 # keep
  multi: |
    line one

    line two
  flow: { inner: ["one", "two"] }
  number: "123"
  empty: ""
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cfg}
data:
  # note
  k: plain
`;
const JSON_SECRET = `{
  "apiVersion": "v1",
  "kind": "Secret",
  "metadata": { "name": "j" },
  "stringData": { "p": "s3cret", "q": "x\\ny" }
}
`;

let pair: KeyPair;
beforeAll(async () => {
  pair = await newPair();
});

async function problem(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof SopsError)) throw new Error("no SopsError", { cause: error });
  expect(error.cure).not.toBe("");
  return `${error.code}: ${error.message}`;
}

describe.each([
  ["YAML of two documents", SECRET],
  ["JSON", JSON_SECRET],
  ["YAML without a last line end", SECRET.trimEnd()],
  [
    "YAML with carriage returns",
    SECRET.replaceAll("\n", "\r\n").replace(/multi: [^]*?flow/, "flow"),
  ],
  ["JSON on one line", JSON.stringify(JSON.parse(JSON_SECRET))],
])("sealSops on %s", (_name, text) => {
  test("gives back the text when it is opened", async () => {
    const sealed = await sealFor(text, pair);
    const plain = await readableFor(sealed, pair);
    expect(plain.trimEnd()).toBe(text.trimEnd());
  });

  test("hides every value of data and stringData, and no other", async () => {
    const sealed = await sealFor(text, pair);
    expect(sealed).not.toMatch(
      /hunter2|line one|"one"|the password|keep|s3cret|aGVsbG8|plain|note/,
    );
    expect(sealed).toContain("Secret");
  });

  test("reseals what did not change byte by byte", async () => {
    const sealed = await sealFor(text, pair);
    const before = await openSops(sealed, [pair.identity]);
    expect(resealSops(readableText(before), before, LATER)).toBe(sealed);
  });
});

test.each([
  ["YAML", SECRET, "hunter2", "hunter3", 3],
  ["JSON", JSON_SECRET, "s3cret", "s3cre7", 3],
])(
  "resealSops of %s changes the changed value, the MAC and the time",
  async (_name, text, old, now, lines) => {
    const one = text.split("---\n")[0] ?? "";
    const sealed = await sealFor(one, pair);
    const before = await openSops(sealed, [pair.identity]);
    const next = resealSops(readableText(before).replace(old, now), before, LATER);
    const was = sealed.split("\n");
    const changed = next.split("\n").filter((line, index) => line !== was[index]);
    expect(changed.length).toBe(lines);
    expect(changed.some((line) => line.includes("2026-03-05T00:00:00Z"))).toBe(true);
    expect(await readableFor(next, pair)).toBe(one.replace(old, now));
  },
);

test("values can be added, removed and moved", async () => {
  const before = await openSops(await sealFor(SECRET, pair), [pair.identity]);
  const text = readableText(before)
    .replace("  a: aGVsbG8=\n", "")
    .replace('  empty: ""\n', '  empty: ""\n  password2: hunter2\n');
  expect(await readableFor(resealSops(text, before, LATER), pair)).toBe(text);
});

describe("rules", () => {
  const text = "a: one\nb_plain: two\nnested:\n  c: three\n  d_plain: four\n";
  test.each<readonly [string, EncryptionRule, readonly string[]]>([
    ["unencrypted_suffix", { unencrypted_suffix: "_plain" }, ["two", "four"]],
    ["encrypted_suffix", { encrypted_suffix: "_plain" }, ["one", "three"]],
    ["encrypted_regex", { encrypted_regex: "^(a|c)$" }, ["two", "four"]],
    ["encrypted_regex of a parent", { encrypted_regex: "^nested$" }, ["one", "two"]],
    ["unencrypted_regex", { unencrypted_regex: "^nes" }, ["three", "four"]],
  ])("%s", async (_name, rule, plain) => {
    const sealed = await sealFor(text, pair, { rule });
    const shown = ["one", "two", "three", "four"].filter((word) => sealed.includes(`: ${word}\n`));
    expect(shown).toEqual(plain);
    expect(await readableFor(sealed, pair)).toBe(text);
  });

  test("mac_only_encrypted leaves the others free to change", async () => {
    const rule = { encrypted_regex: "^a$" };
    const free = await sealFor(text, pair, { rule, macOnlyEncrypted: true });
    expect(await readableFor(free.replace("two", "2"), pair)).toBe(text.replace("two", "2"));
    const bound = await sealFor(text, pair, { rule });
    expect(await problem(readableFor(bound.replace("two", "2"), pair))).toMatch(
      /^secret\/damaged.*MAC/,
    );
  });
});

describe("an encrypted file is refused", () => {
  const cases: readonly (readonly [string, (text: string) => string, RegExp])[] = [
    ["whose plain field was changed", (t) => t.replace("name: db", "name: dc"), /damaged.*MAC/],
    ["with a value taken out", (t) => t.replace(/\n {2}number:.*/, ""), /damaged.*MAC/],
    [
      "with two values changed round",
      (t) => t.replace(/( password: )(\S+)([^]*?number: )(\S+)/, "$1$4$3$2"),
      /damaged: The value at "stringData.password"/,
    ],
    [
      "with a value in the clear",
      (t) => t.replace(/number: \S+/, "number: word"),
      /damaged: The value at "stringData.number"/,
    ],
    ["without its MAC", (t) => t.replaceAll(/\n {4}mac:.*/g, ""), /damaged.*no mac/],
    [
      "with another time",
      (t) => t.replaceAll("2026-03-04T05:06:07Z", "2026-03-04T05:06:08Z"),
      /damaged.*MAC/,
    ],
    [
      "with a rule about comments",
      (t) => t.replaceAll("encrypted_regex", "encrypted_comment_regex"),
      /unsupported.*encrypted_comment_regex/,
    ],
    [
      "with two rules",
      (t) => t.replaceAll("    version:", "    encrypted_suffix: x\n    version:"),
      /unsupported.*both/,
    ],
    [
      "with shares of a key",
      (t) => t.replaceAll("    version:", "    key_groups: [{}]\n    version:"),
      /unsupported.*key groups/,
    ],
    [
      "for pgp alone",
      (t) => t.replaceAll(/ {4}age:[^]*?recipient: \S+/g, "    pgp: [{fp: A, enc: B}]"),
      /unsupported.*pgp/,
    ],
  ];
  test.each(cases)("%s", async (_name, change, expected) => {
    const sealed = await sealFor(SECRET, pair);
    const changed = change(sealed);
    expect(changed).not.toBe(sealed);
    const told = await problem(readableFor(changed, pair));
    expect(told).toMatch(expected);
    expect(told).not.toMatch(/hunter2|line one|ENC\[/);
  });

  test("by a key that is not its own", async () => {
    const other = await newPair();
    const told = await problem(readableFor(await sealFor(SECRET, pair), other));
    expect(told).toBe(
      `secret/no-key: The file is encrypted to ${pair.recipient}: no key at hand is theirs`,
    );
  });
});

describe("a plain text is refused", () => {
  test.each([
    ["with an alias", "data: &a\n  k: v\nother: *a\n", /Line 2 has an anchor/],
    ["with an anchor", "data:\n  k: &x v\n", /Line 2 has an anchor, an alias or a tag/],
    ["that is no YAML", "data: [\n", /no valid YAML/],
    ["with a field sops", "data: {k: v}\nsops: {a: b}\n", /encrypted already/],
    ["with a comment before its last bracket", "{data: {k: v} # c\n}\n", /laid out/],
    ["without fields", "# nothing\n", /no fields/],
    ["with a list alone", "- a\n", /no fields/],
  ])("%s", async (_name, text, expected) => {
    expect(await problem(sealFor(text, pair))).toMatch(expected);
  });

  test("without anybody to encrypt to, or for what is no recipient", async () => {
    expect(await problem(sealFor(SECRET, pair, { recipients: [] }))).toMatch(/nobody/);
    expect(await problem(sealFor(SECRET, pair, { recipients: ["age1xyz"] }))).toMatch(
      /"age1xyz" is no public age key/,
    );
  });
});

test("rotateSops takes another key for other recipients", async () => {
  const other = await newPair();
  const sealed = await sealFor(SECRET, pair);
  const before = await openSops(sealed, [pair.identity]);
  const next = await rotateSops(readableText(before), before, [other.recipient], LATER);
  expect(await readableFor(next, other)).toBe(SECRET);
  expect(await problem(readableFor(next, pair))).toMatch(/no-key/);
  const values = (text: string): readonly string[] => text.match(/ENC\[\S+/g) ?? [];
  expect(values(next).filter((value) => values(sealed).includes(value))).toEqual([]);
});

test("each of several recipients opens the file", async () => {
  const other = await newPair();
  const recipients = [pair.recipient, other.recipient];
  const sealed = await sealFor(SECRET, pair, { recipients });
  expect(await readableFor(sealed, pair)).toBe(SECRET);
  expect(await readableFor(sealed, other)).toBe(SECRET);
});
