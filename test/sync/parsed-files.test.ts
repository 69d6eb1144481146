import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import { fileKey, type SourceFile } from "../../src/schema/loaded-file.ts";
import { openParsedFiles, type ParsedFiles } from "../../src/sync/parsed-files.ts";

const OPTIONS = { namespace: "default", prefix: "" };
const MAKER = "this version";

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "berth-parsed-"));
  path = join(dir, "mirrors", "parsed.json");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const open = (maker = MAKER): ParsedFiles => openParsedFiles(path, silentLogger, maker);

function file(name: string, content: string, more: Partial<SourceFile> = {}): SourceFile {
  const id = Buffer.from(name.padEnd(20, "x")).toString("hex");
  return { path: `${name}.yaml`, content: Buffer.from(content), id, ...more };
}

const configMap = (name: string, data = "{umlaut: ä€😀}"): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata: ${data}\n`;
const FOREIGN = "apiVersion: x.io/v1\nkind: Thing\nmetadata: { name: t }\n";

/** Loads files through what is known, as a source does. */
function load(known: ParsedFiles, files: readonly SourceFile[]) {
  return loadManifests(files, { ...OPTIONS, filePrefix: "", known });
}

const keyOf = (source: SourceFile): string => fileKey(source, OPTIONS) ?? "";

describe("what was made of files", () => {
  const files = [file("a", configMap("a")), file("b", `${configMap("b")}---\n${configMap("c")}`)];

  test("comes back at the next start, as it was", async () => {
    const first = open();
    const loaded = load(first, files);
    await first.save(true);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const second = open();
    for (const source of files) {
      expect(second.get(keyOf(source))).toEqual(first.get(keyOf(source)));
      const kept = second.get(keyOf(source));
      for (const { file: named } of kept?.declared ?? []) expect(named).toBe(kept?.source);
    }
    expect(load(second, files)).toEqual(loaded);
  });

  test("is not used by another version, nor when it is damaged, cut or none", async () => {
    const first = open();
    load(first, files);
    await first.save(true);
    const [key] = files.map(keyOf);
    expect(open("another version").get(key ?? "")).toBeUndefined();
    const good = await readFile(path, "utf8");
    for (const bad of [good.replace("umlaut", "umlaus"), good.slice(0, -5), "", "{}\n[]", "x"]) {
      await writeFile(path, bad);
      expect(open().get(key ?? ""), bad.slice(0, 20)).toBeUndefined();
    }
    await writeFile(path, good);
    expect(open().get(key ?? "")).toBeDefined();
  });

  test("nothing is kept of what has problems, of what was decrypted, or has no id", async () => {
    const broken = file("broken", configMap("broken", "7"));
    const sealed = file("sealed", configMap("sealed"), { isEncrypted: true });
    const { id: _, ...nameless } = file("nameless", configMap("nameless"));
    const foreign = file("foreign", FOREIGN);
    const first = open();
    load(first, [...files, broken, sealed, nameless, foreign]);
    await first.save(true);
    const text = await readFile(path, "utf8");
    for (const name of ["sealed", "nameless", "broken"]) expect(text).not.toContain(name);
    const second = open();
    expect(second.get(keyOf(files[0] ?? broken))).toBeDefined();
    expect(second.get(keyOf(sealed))).toBeUndefined();
    expect(second.get(keyOf(foreign))?.foreign).toEqual(first.get(keyOf(foreign))?.foreign);
  });

  test("a few new files are worth no writing, but at the end", async () => {
    const first = open();
    load(first, files);
    await first.save();
    await expect(stat(path)).rejects.toThrow("ENOENT");
    await first.save(true);
    expect((await stat(path)).size).toBeGreaterThan(0);
    const many = Array.from({ length: 200 }, (__, index) =>
      file(`m${index}`, configMap(`m${index}`)),
    );
    load(first, many);
    await first.save();
    expect(open().get(keyOf(many[199] ?? files[0] ?? file("x", "")))).toBeDefined();
  });

  test("a folder that cannot be written is no trouble", async () => {
    await writeFile(join(dir, "mirrors"), "a file");
    const first = open();
    load(first, files);
    await expect(first.save(true)).resolves.toBeUndefined();
  });
});

test("this very code finds what it has kept", async () => {
  const source = file("a", configMap("a"));
  const first = openParsedFiles(path, silentLogger);
  load(first, [source]);
  await first.save(true);
  expect(openParsedFiles(path, silentLogger).get(keyOf(source))).toBeDefined();
  expect(open().get(keyOf(source))).toBeUndefined();
});
