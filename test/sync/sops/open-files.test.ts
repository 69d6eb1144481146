import { beforeAll, expect, test } from "vitest";
import { loadManifests } from "../../../src/schema/load-manifests.ts";
import type { SourceFile } from "../../../src/schema/loaded-file.ts";
import { openFiles, OpenedCache, withoutContent } from "../../../src/sync/sops/open-files.ts";
import { newPair, sealFor, type KeyPair } from "./sops-keys.ts";

const secret = (name: string, value: string): string =>
  `apiVersion: v1\nkind: Secret\nmetadata:\n  name: ${name}\ndata:\n  lines: |\n    ${value}\n  after: bm90ZQ==\n`;
const CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  a: b\n";

let pair: KeyPair;
beforeAll(async () => {
  pair = await newPair();
});

const file = (path: string, text: string, id?: string): SourceFile => ({
  path,
  content: new TextEncoder().encode(text),
  ...(id === undefined ? {} : { id }),
});
const text = (found: SourceFile | undefined): string => new TextDecoder().decode(found?.content);

test("only encrypted files are touched, and what comes of them is known as such", async () => {
  const plain = file("c.yaml", CONFIG, "1");
  const sealed = file("s.yaml", await sealFor(secret("s", "aGVsbG8="), pair), "2");
  const secrets = { identities: [pair.identity] };
  const opened = await openFiles([plain, sealed], { prefix: "apps/", secrets });
  expect(opened.problems).toEqual([]);
  expect([...opened.sealed]).toEqual(["apps/s.yaml"]);
  expect(opened.files[0]).toBe(plain);
  expect(opened.files[1]?.isEncrypted).toBe(true);
  // Without its id no cache of blobs keeps it.
  expect(opened.files[1]?.id).toBeUndefined();
  expect(text(opened.files[1])).toContain("aGVsbG8=");
  expect(text(opened.files[1])).not.toContain("sops");
});

test("fields stand in the line where the encrypted file has them", async () => {
  const sealed = await sealFor(`${secret("a", "aGVsbG8=")}---\n${secret("b", "eA==")}`, pair);
  const secrets = { identities: [pair.identity] };
  const { files } = await openFiles([file("s.yaml", sealed)], { prefix: "", secrets });
  const lineOf = (where: string, word: string): number =>
    where.split("\n").findLastIndex((line) => line.includes(word));
  expect(lineOf(text(files[0]), "after:")).toBe(lineOf(sealed, "after:"));
  const { manifests } = loadManifests(files, { namespace: "default", plainSecrets: "refuse" });
  expect(manifests.map(({ object }) => object.metadata.name)).toEqual(["a", "b"]);
});

test("a file that no key opens is a problem with place and cure", async () => {
  const sealed = await sealFor(secret("s", "aGVsbG8="), pair);
  const secrets = { identities: [(await newPair()).identity] };
  const opened = await openFiles([file("s.yaml", sealed)], { prefix: "", secrets });
  expect(opened.files).toEqual([]);
  const [problem] = opened.problems;
  const line = sealed.split("\n").findIndex((one) => one.startsWith("sops:")) + 1;
  expect(problem).toMatchObject({ code: "secret/no-key", at: { file: "s.yaml", line, column: 1 } });
  expect(problem?.hint).toContain("keySecretRef");
});

test.each([
  ["without a policy", undefined],
  ["where closed files are hidden", { identities: [], closed: "hide" }],
] as const)("%s a file is read for its form", async (_name, secrets) => {
  const sealed = await sealFor(secret("s", "aGVsbG8="), pair);
  const { files, problems } = await openFiles([file("s.yaml", sealed)], { prefix: "", secrets });
  expect(problems).toEqual([]);
  const { manifests } = loadManifests(files, { namespace: "default", plainSecrets: "refuse" });
  const hidden = Buffer.from("(encrypted)").toString("base64");
  expect(manifests[0]?.object).toMatchObject({ data: { lines: hidden, after: hidden } });
});

test("a Secret whose values stand in the clear beside others is plain", async () => {
  const rule = { encrypted_regex: "^after$" };
  const sealed = await sealFor(secret("s", "aGVsbG8="), pair, { rule });
  const secrets = { identities: [pair.identity] };
  const { files } = await openFiles([file("s.yaml", sealed)], { prefix: "", secrets });
  const { problems } = loadManifests(files, { namespace: "default", plainSecrets: "refuse" });
  expect(problems.map(({ code }) => code)).toEqual(["secret/plain"]);
});

test("a key opens for itself: what one App may read is not kept for another", async () => {
  const cache = new OpenedCache();
  const sealed = file("s.yaml", await sealFor(secret("s", "aGVsbG8="), pair), "2");
  const opened = async (identities: readonly string[]) =>
    openFiles([sealed], { prefix: "", secrets: { identities }, cache });
  const [first] = (await opened([pair.identity])).files;
  expect((await opened([pair.identity])).files[0]).toBe(first);
  expect((await opened([])).problems.map(({ code }) => code)).toEqual(["secret/no-key"]);
});

test("withoutContent tells nothing of an encrypted file but kind and place", () => {
  const problem = {
    code: "field/format",
    message: '"hunter2" is not base64',
    hint: 'write "hunter2"',
    at: { file: "s.yaml", line: 6, column: 3 },
    path: "data.password",
  };
  const told = withoutContent(problem, new Set(["s.yaml"]));
  expect(JSON.stringify(told)).not.toContain("hunter2");
  expect(told).toMatchObject({ code: "field/format", at: problem.at, path: "data.password" });
  expect(withoutContent(problem, new Set(["t.yaml"]))).toBe(problem);
});
