import fc from "fast-check";
import { beforeAll, test } from "vitest";
import { stringify } from "yaml";
import { openSops, type OpenSops } from "../../../src/sync/sops/open-sops.ts";
import { alignedText, readableText } from "../../../src/sync/sops/plain-text.ts";
import { resealSops } from "../../../src/sync/sops/seal-sops.ts";
import { readYaml } from "../../../src/schema/read-yaml.ts";
import { newPair, NOW, sealFor, type KeyPair } from "./sops-keys.ts";

const RUNS = 60;
const word = fc.oneof(
  fc.constantFrom(
    "",
    "yes",
    "1",
    "0x1f",
    "~",
    "true",
    " a",
    "a ",
    "a\nb\n",
    "\n",
    "a: b",
    "- x",
    "#c",
    "'",
    '"',
    "|",
    "é\t",
  ),
  fc.string({ unit: "grapheme", maxLength: 12 }),
);
const leaf = fc.oneof(word, fc.integer(), fc.boolean(), fc.constant(null));
const key = fc.constantFrom("a", "b", "c", "data", "a.b", "x:y");
const tree = fc.dictionary(
  key,
  fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }), fc.dictionary(key, leaf, { maxKeys: 3 })),
  { minKeys: 1, maxKeys: 4 },
);
const manifest = fc.record({ kind: fc.constant("Secret"), metadata: tree, data: tree });

let pair: KeyPair;
let sealedOnce: OpenSops;
beforeAll(async () => {
  pair = await newPair();
  sealedOnce = await openSops(await sealFor("data:\n  a: x\n", pair), [pair.identity]);
});

const valueOf = (text: string): string =>
  JSON.stringify(readYaml(text).documents.map(({ value }) => value));

/** With the key of a file that is open already, which spares the slow part. */
const reseal = (text: string): string => resealSops(text, sealedOnce, NOW);

test.each([
  ["YAML", (value: unknown) => stringify(value)],
  ["JSON", (value: unknown) => `${JSON.stringify(value, null, 2)}\n`],
])("whatever is sealed as %s means the same when it is opened", async (_name, write) => {
  await fc.assert(
    fc.asyncProperty(manifest, async (value) => {
      const text = write(value);
      const open = await openSops(reseal(text), [pair.identity]);
      const [wanted, readable, aligned] = [text, readableText(open), alignedText(open)].map(
        valueOf,
      );
      return wanted === readable && wanted === aligned;
    }),
    { numRuns: RUNS },
  );
});

test("sealing what was opened changes nothing", async () => {
  await fc.assert(
    fc.asyncProperty(manifest, async (value) => {
      const sealed = reseal(stringify(value));
      const open = await openSops(sealed, [pair.identity]);
      return resealSops(readableText(open), open, new Date()) === sealed;
    }),
    { numRuns: RUNS },
  );
});
