import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { App, Secret } from "../../src/model/kinds.gen.ts";
import { findKubectls, openKubectl, type Kubectl } from "../support/kubectl.ts";
import { startWritePlane, type WritePlane } from "../support/write-plane.ts";
import { newPair, readableFor, sealFor, type KeyPair } from "../sync/sops/sops-keys.ts";

/*
 * Secrets that kubectl writes into a repository whose Secrets are encrypted. Words that begin with "canary" must be
 * nowhere but in the store and in what is asked for.
 */

const DATABASE = `# Everybody's.
apiVersion: v1
kind: Secret
metadata:
  name: database
stringData:
  # by hand
  password: canary-one
  user: canary-user
---
apiVersion: v1
kind: Secret
metadata:
  name: other
data:
  token: Y2FuYXJ5LXR3bw==
`;

let pair: KeyPair;
let plane: WritePlane;
let kubectl: Kubectl;
beforeAll(async () => {
  pair = await newPair();
  const files = { "database.yaml": await sealFor(DATABASE, pair) };
  plane = await startWritePlane({ files, identities: [pair.identity] });
  const [binary] = await findKubectls();
  if (binary === undefined) throw new Error("There is no kubectl");
  kubectl = await openKubectl(binary, await plane.kubeconfig("ada"));
});
afterAll(async () => {
  await kubectl[Symbol.asyncDispose]();
  await plane[Symbol.asyncDispose]();
});

const secret = (name: string): Secret | undefined =>
  plane.get({ apiVersion: "v1", kind: "Secret", namespace: "default", name }) as Secret | undefined;
const decoded = (name: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(secret(name)?.data ?? {}).map(([key, value]) => [
      key,
      Buffer.from(value, "base64").toString(),
    ]),
  );
/** All of the last commit: message and changes. */
const shown = (): Promise<string> => plane.git("show", "--format=%B", "main");

async function run(...args: readonly string[]): Promise<string> {
  const { code, output } = await kubectl.run(...args);
  expect([code, output]).toEqual([0, expect.anything()]);
  return output;
}

test("an encrypted file is applied in the clear", () => {
  expect(decoded("database")).toEqual({ password: "canary-one", user: "canary-user" });
  expect(decoded("other")).toEqual({ token: "canary-two" });
});

test("a new Secret is committed encrypted", async () => {
  await run("create", "secret", "generic", "fresh", "--from-literal=key=canary-three");
  const commit = await shown();
  expect(commit).toMatch(/^Create secret fresh/);
  expect(commit).toContain(`recipient: ${pair.recipient}`);
  expect(commit).not.toMatch(/canary|Y2FuYXJ5/);
  expect(decoded("fresh")).toEqual({ key: "canary-three" });
});

test("kubectl apply leaves nothing of a Secret in annotations of the file", async () => {
  const file = join(plane.repo.path, "..", "applied.yaml");
  await writeFile(
    file,
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: applied\nstringData:\n  key: canary-four\n",
  );
  await run("apply", "-f", file);
  expect(await shown()).not.toMatch(/canary|Y2FuYXJ5/);
  expect(decoded("applied")).toEqual({ key: "canary-four" });
  const more = "stringData:\n  key: canary-4\n  second: canary-5\n";
  await writeFile(file, `apiVersion: v1\nkind: Secret\nmetadata:\n  name: applied\n${more}`);
  await run("apply", "-f", file);
  expect(await shown()).not.toMatch(/canary|Y2FuYXJ5/);
  expect(decoded("applied")).toEqual({ key: "canary-4", second: "canary-5" });
});

test("a patch encrypts anew what it changes, and nothing else", async () => {
  const before = (await plane.read("database.yaml")).split("\n");
  const patch = { data: { password: Buffer.from("canary-five").toString("base64") } };
  await run("patch", "secret", "database", "-p", JSON.stringify(patch));
  const text = await plane.read("database.yaml");
  const changed = text.split("\n").filter((line, index) => line !== before[index]);
  const names = changed.map((line) => line.trim().split(":")[0]);
  expect(new Set(names)).toEqual(new Set(["password", "lastmodified", "mac"]));
  expect(await readableFor(text, pair)).toBe(DATABASE.replace("canary-one", "canary-five"));
  expect(await shown()).not.toMatch(/canary|Y2FuYXJ5/);
  expect(decoded("database")["password"]).toBe("canary-five");
});

test("values can be added and taken out, and the Secret deleted", async () => {
  await run("patch", "secret", "other", "-p", '{"data":{"token":null,"more":"Y2FuYXJ5LXNpeA=="}}');
  expect(decoded("other")).toEqual({ more: "canary-six" });
  expect(await readableFor(await plane.read("database.yaml"), pair)).toContain(
    "more: Y2FuYXJ5LXNpeA==",
  );
  await run("delete", "secret", "other");
  expect(await readableFor(await plane.read("database.yaml"), pair)).toBe(
    `${DATABASE.replace("canary-one", "canary-five").split("---\n")[0]}`,
  );
});

test("labels of an encrypted Secret can be changed", async () => {
  await run("label", "secret", "fresh", "tier=back");
  expect(secret("fresh")?.metadata.labels).toMatchObject({ tier: "back" });
  expect(await shown()).not.toMatch(/canary|Y2FuYXJ5/);
});

test("what is not valid is refused without a word of it", async () => {
  const { code, output } = await kubectl.run(
    "patch",
    "secret",
    "fresh",
    "-p",
    '{"type":"kubernetes.io/tls"}',
  );
  expect(code).not.toBe(0);
  expect(output).not.toMatch(/canary|Y2FuYXJ5/);
});

test("a file that was changed by hand rejects the commit, with place and cure", async () => {
  const text = await plane.read("database.yaml");
  await plane.repo.write("database.yaml", text.replace("name: database", "name: databare"));
  await plane.repo.commit("tamper");
  const { stdout } = await kubectl.run("get", "secret", "database", "-o", "name");
  expect(stdout.trim()).toBe("secret/database");
  const newest = (): string => {
    const app = plane.get({ apiVersion: "berth.dev/v1", kind: "App", name: "root" }) as App;
    const name = app.status?.release ?? "";
    return JSON.stringify(plane.get({ apiVersion: "berth.dev/v1", kind: "Release", name }));
  };
  await expect
    .poll(newest, { timeout: 10_000 })
    .toMatch(/database\.yaml:\d+:1: The file was changed after it was encrypted.*secret\/damaged/);
});
