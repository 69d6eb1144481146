import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { packTar, type TarEntry } from "../../src/agent/tar.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const LONG = `${"d".repeat(90)}/${"f".repeat(90)}`;

const ENTRIES: readonly TarEntry[] = [
  { kind: "directory", path: "a", mode: 0o750, gid: 7 },
  { kind: "file", path: "a/one", content: bytes("1"), mode: 0o640 },
  { kind: "file", path: "a/block", content: bytes("x".repeat(512)) },
  { kind: "symlink", path: "a/link", target: "one" },
  { kind: "file", path: LONG, content: bytes("long") },
  { kind: "symlink", path: "far", target: LONG },
];

test("what packTar() makes, tar reads: names, modes, owners, links", () => {
  const run = spawnSync("tar", ["-tvf", "-", "--numeric-owner"], {
    input: packTar(ENTRIES),
    encoding: "utf8",
  });
  expect(run.stderr).toBe("");
  const lines = run.stdout
    .trim()
    .split("\n")
    .map((line) => line.replace(/ +/g, " ").replace(/\d{4}-\d\d-\d\d \d\d:\d\d /, ""));
  expect(lines).toEqual([
    "drwxr-x--- 0/7 0 a/",
    "-rw-r----- 0/0 1 a/one",
    "-rw-r--r-- 0/0 512 a/block",
    "lrwxrwxrwx 0/0 0 a/link -> one",
    `-rw-r--r-- 0/0 4 ${LONG}`,
    `lrwxrwxrwx 0/0 0 far -> ${LONG}`,
  ]);
});

test("file contents survive", () => {
  const run = spawnSync("tar", ["-xOf", "-", "a/block", LONG], {
    input: packTar(ENTRIES),
    encoding: "utf8",
  });
  expect(run.stdout).toBe(`${"x".repeat(512)}long`);
});

test("equal entries are equal bytes, and the archive is whole blocks", () => {
  const archive = packTar(ENTRIES);
  expect(packTar(ENTRIES)).toEqual(archive);
  expect(archive.length % 512).toBe(0);
});
