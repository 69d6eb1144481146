import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CliError } from "../../src/cli/cli-error.ts";
import { dataDirAt } from "../../src/cli/data-dir.ts";
import { editInMemory } from "../../src/cli/secret-edit.ts";
import {
  decryptFile,
  encryptFile,
  openEditable,
  replaceFile,
  rotateFile,
  type SecretContext,
} from "../../src/cli/secret-files.ts";
import { openClusterIdentities, readClusterRecipient } from "../../src/cli/secret-key.ts";
import { readNotedRecipient } from "../../src/cli/secret-recipient.ts";
import { newPair, NOW } from "../sync/sops/sops-keys.ts";

const PLAIN = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  a: word\n";

let folder: string;
let file: string;
let context: SecretContext;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-secret-"));
  file = join(folder, "s.yaml");
  await writeFile(file, PLAIN);
  const env = { XDG_CONFIG_HOME: join(folder, "config") };
  context = { dir: dataDirAt(join(folder, "data")), env, now: NOW };
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const withKey = (...identities: readonly string[]): SecretContext => ({
  ...context,
  env: { ...context.env, SOPS_AGE_KEY: identities.join("\n") },
});
const recipientsIn = (text: string): readonly string[] =>
  [...text.matchAll(/recipient: (\S+)/g)].map(([, name = ""]) => name);

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof CliError)) throw new Error("no CliError", { cause: error });
  return `${error.message} → ${error.cure ?? ""}`;
}

describe("recipients", () => {
  test("come from the flags, then .sops.yaml, then the cluster", async () => {
    const [flag, rule] = [await newPair(), await newPair()];
    expect(await refusal(encryptFile(file, [], context))).toMatch(/nobody to encrypt to/);
    await openClusterIdentities(context.dir);
    const cluster = await readClusterRecipient(context.dir);
    expect(recipientsIn(await encryptFile(file, [], context))).toEqual([cluster]);
    expect(await readNotedRecipient(context.dir)).toBe(cluster);
    await writeFile(join(folder, ".sops.yaml"), `creation_rules: [{age: "${rule.recipient}"}]\n`);
    expect(recipientsIn(await encryptFile(file, [], context))).toEqual([rule.recipient]);
    const flagged = await encryptFile(file, [flag.recipient], context);
    expect(recipientsIn(flagged)).toEqual([flag.recipient]);
  });

  test("are those of the first rule whose path_regex matches, from the file of rules on", async () => {
    const [first, second] = [await newPair(), await newPair()];
    await mkdir(join(folder, "deep"));
    await writeFile(join(folder, "deep", "t.yaml"), PLAIN);
    await writeFile(
      join(folder, ".sops.yaml"),
      `creation_rules:
  - path_regex: ^deep/.*\\.yaml$
    encrypted_regex: ^a$
    key_groups: [{age: [${first.recipient}, ${second.recipient}]}]
  - path_regex: ^nothing$
    age: ${first.recipient}
`,
    );
    const sealed = await encryptFile(join(folder, "deep", "t.yaml"), [], context);
    expect(recipientsIn(sealed)).toEqual([first.recipient, second.recipient]);
    expect(sealed).toContain("encrypted_regex: ^a$");
    expect(await refusal(encryptFile(file, [], context))).toMatch(/no creation rule .* is for it/);
  });

  test.each([
    ["of other kinds", "creation_rules: [{pgp: ABC}]", /other keys than age's/],
    ["with an expression that is none", 'creation_rules: [{path_regex: "("}]', /path_regex "\("/],
    ["that are no YAML", "creation_rules: [", /no valid YAML/],
  ])("%s are refused", async (_name, rules, expected) => {
    await writeFile(join(folder, ".sops.yaml"), rules);
    expect(await refusal(encryptFile(file, [], context))).toMatch(expected);
  });
});

test("decrypt takes keys from where sops has them", async () => {
  const pair = await newPair();
  await writeFile(file, await encryptFile(file, [pair.recipient], context));
  expect(await refusal(decryptFile(file, context))).toMatch(
    /no key is at hand → put a key of theirs/,
  );
  expect(await decryptFile(file, withKey(pair.identity))).toBe(PLAIN);
  await mkdir(join(folder, "config", "sops", "age"), { recursive: true });
  await writeFile(join(folder, "config", "sops", "age", "keys.txt"), `# mine\n${pair.identity}\n`);
  expect(await decryptFile(file, context)).toBe(PLAIN);
  const lost = { ...context, env: { SOPS_AGE_KEY_FILE: join(folder, "none") } };
  expect(await refusal(decryptFile(file, lost))).toMatch(/SOPS_AGE_KEY_FILE/);
});

test("rotate keeps the file's recipients unless others are named", async () => {
  const [one, two] = [await newPair(), await newPair()];
  await openClusterIdentities(context.dir);
  const first = await encryptFile(file, [one.recipient], context);
  await writeFile(file, first);
  const next = await rotateFile(file, [], withKey(one.identity));
  expect(recipientsIn(next)).toEqual([one.recipient]);
  expect(/a: ENC.*/.exec(next)?.[0]).not.toBe(/a: ENC.*/.exec(first)?.[0]);
  const others = await rotateFile(file, [two.recipient], withKey(one.identity));
  expect(recipientsIn(others)).toEqual([two.recipient]);
});

test("what is not encrypted, or no manifest, is told", async () => {
  expect(await refusal(decryptFile(file, context))).toMatch(
    /not encrypted → .*berth secret encrypt/,
  );
  await writeFile(join(folder, "a.txt"), "x");
  expect(await refusal(encryptFile(join(folder, "a.txt"), [], context))).toMatch(/only \.yaml/);
});

test("a file keeps its mode when it is written", async () => {
  await writeFile(file, PLAIN, { mode: 0o600 });
  await rm(file);
  await writeFile(file, PLAIN, { mode: 0o640 });
  await replaceFile(file, "x: y\n");
  expect([await readFile(file, "utf8"), (await stat(file)).mode & 0o777]).toEqual([
    "x: y\n",
    0o640,
  ]);
  expect((await readdir(folder)).filter((name) => name.startsWith("s.yaml"))).toEqual(["s.yaml"]);
});

describe("editing", () => {
  const { signal } = new AbortController();
  const edit = async (editor: string): Promise<string> => {
    const opened = await openEditable(file, PLAIN, context);
    const env = { ...process.env, VISUAL: editor };
    const again = (): Promise<boolean> => Promise.resolve(false);
    const close = (text: string): Promise<string> => opened.close(text);
    return editInMemory({ file, text: opened.text, env, close, again }, signal);
  };

  test("is in memory, and leaves nothing there", async () => {
    await openClusterIdentities(context.dir);
    await writeFile(file, await encryptFile(file, [], context));
    const where = join(folder, "where");
    const editor = `sh -c 'dirname "$1" > ${where}; stat -c %a "$1" >> ${where}; touch "$1~"; sed -i s/word/other/ "$1"' sh`;
    await writeFile(file, await edit(editor));
    expect(await decryptFile(file, context)).toBe(PLAIN.replace("word", "other"));
    const [place = "", mode] = (await readFile(where, "utf8")).split("\n");
    expect(place).toMatch(/^\/dev\/shm\/berth-/);
    expect(mode).toBe("600");
    await expect(stat(place)).rejects.toThrow(/ENOENT/);
  });

  test("without a change gives the very same file", async () => {
    await openClusterIdentities(context.dir);
    const sealed = await encryptFile(file, [], context);
    await writeFile(file, sealed);
    expect(await edit("true")).toBe(sealed);
  });

  test("of a new file begins with a template", async () => {
    await openClusterIdentities(context.dir);
    await rm(file);
    await writeFile(file, await edit("true"));
    expect(await decryptFile(file, context)).toBe(PLAIN);
  });

  test("that fails changes nothing", async () => {
    await openClusterIdentities(context.dir);
    await writeFile(file, await encryptFile(file, [], context));
    expect(await refusal(edit("false"))).toMatch(/ended with code 1/);
    expect(await refusal(edit("sh -c 'echo \"a: [\" > $1' sh"))).toMatch(/no valid YAML/);
  });
});
