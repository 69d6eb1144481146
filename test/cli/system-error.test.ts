import { mkdir, readFile, writeFile } from "node:fs/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CliError, formatCliError } from "../../src/cli/cli-error.ts";
import { fromSystemError } from "../../src/cli/system-error.ts";

async function told(work: Promise<unknown>): Promise<string> {
  const error = fromSystemError(
    await work.then(
      () => undefined,
      (reason: unknown) => reason,
    ),
  );
  if (!(error instanceof CliError)) throw new Error(`no message: ${String(error)}`);
  return formatCliError(error);
}

test("the operating system's refusals name the path, the reason and the cure", async () => {
  const dir = await mkdtemp(join(tmpdir(), "berth-error-"));
  try {
    const file = join(dir, "file");
    await writeFile(file, "");
    expect(await told(mkdir(join(file, "below")))).toBe(
      `berth: Cannot mkdir "${join(file, "below")}": a part of the path is a file, not a folder\n  → choose another path`,
    );
    expect(await told(readFile(join(dir, "none")))).toContain("there is no such file or folder");
    expect(await told(readFile(dir))).toContain("it is a folder");
  } finally {
    await rm(dir, { recursive: true });
  }
});

test("our own mistakes are not dressed up", () => {
  const bug = new TypeError("x is not a function");
  expect(fromSystemError(bug)).toBe(bug);
});
