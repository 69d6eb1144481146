import { mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MAX_FILE_BYTES } from "../../src/sync/git.ts";
import { readFolder } from "../../src/sync/read-folder.ts";
import { failure } from "../support/git-contract.ts";
import { tempDir, text } from "../support/git-fixture.ts";

const signal = (): AbortSignal => AbortSignal.timeout(10_000);

async function folder(
  files: Readonly<Record<string, string>>,
): Promise<AsyncDisposable & { path: string }> {
  const dir = await tempDir();
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(dir.path, path, ".."), { recursive: true });
    await writeFile(join(dir.path, path), content);
  }
  return dir;
}

test("readFolder() gives the manifests, sorted, and leaves out what is none", async () => {
  await using dir = await folder({
    "b.yml": "b",
    "a/c.yaml": "c",
    "a.json": "{}",
    "README.md": "x",
    ".git/x.yaml": "x",
    ".github/workflows/ci.yaml": "x",
    "node_modules/p/package.json": "{}",
  });
  const { files, problems, warnings } = await readFolder(dir.path, signal());
  expect(files.map(({ path, content }) => `${path}=${text(content)}`)).toEqual([
    "a.json={}",
    "a/c.yaml=c",
    "b.yml=b",
  ]);
  expect([problems, warnings]).toEqual([[], []]);
});

test("readFolder() of one file gives that file", async () => {
  await using dir = await folder({ "web.yaml": "w" });
  const { files } = await readFolder(join(dir.path, "web.yaml"), signal());
  expect(files.map(({ path }) => path)).toEqual(["web.yaml"]);
});

test("readFolder() follows no link: one that leaves the folder is a problem, another a warning", async () => {
  await using dir = await folder({ "a.yaml": "a", "sub/b.yaml": "b" });
  await symlink("/etc/passwd", join(dir.path, "sub/evil.yaml"));
  await symlink("../a.yaml", join(dir.path, "sub/again.yaml"));
  await symlink("..", join(dir.path, "sub/loop"));
  await symlink("../../README.md", join(dir.path, "sub/README.md"));
  const { files, problems, warnings } = await readFolder(dir.path, signal());
  expect(files.map(({ path }) => path)).toEqual(["a.yaml", "sub/b.yaml"]);
  expect(problems.map(({ at, message }) => `${at.file}: ${message}`)).toEqual([
    'sub/evil.yaml: Symbolic link to "/etc/passwd" leads out of the folder',
  ]);
  expect(warnings.map(({ at }) => at.file)).toEqual(["sub/again.yaml", "sub/loop"]);
});

test("readFolder() refuses a large file by its size, without reading it", async () => {
  await using dir = await folder({ "a.yaml": "a", "big.yaml": "" });
  await truncate(join(dir.path, "big.yaml"), 2_000_000_000); // Sparse: two gigabytes of nothing.
  const error = await failure(readFolder(dir.path, signal()));
  expect(error.code).toBe("too-large");
  expect(error.message).toContain("big.yaml");
  expect(error.message).toContain(`the limit is ${MAX_FILE_BYTES}`);
});

test("readFolder() of a folder without manifests is no-manifests, not an empty list", async () => {
  await using dir = await folder({ "README.md": "x" });
  const error = await failure(readFolder(dir.path, signal()));
  expect(error.code).toBe("no-manifests");
  expect(error.message).toContain("there is no .yaml, .yml or .json file in it");
});

test("readFolder() of nothing is no-such-path", async () => {
  await using dir = await folder({});
  const error = await failure(readFolder(join(dir.path, "missing"), signal()));
  expect(error.code).toBe("no-such-path");
  expect(error.message).toContain("there is no such file or folder");
});
