import { cp, lstat, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ROOT } from "../support/clone.ts";
import { type CommandResult, runCommand } from "../support/command.ts";

/*
 * The bootstrap in a clone of its own without dependencies, so that `npm ci` has something to do and needs no network.
 */
let clone = "";

beforeEach(async () => {
  clone = await mkdtemp(join(tmpdir(), "berth-bootstrap-"));
  await cp(join(ROOT, "scripts"), join(clone, "scripts"), { recursive: true });
  await cp(join(ROOT, "bin"), join(clone, "bin"), { recursive: true });
  await writeLock("1.0.0");
});
afterEach(() => rm(clone, { recursive: true, force: true }));

/** A project with one dependency, which is a folder of its own. */
async function writeLock(version: string): Promise<void> {
  const write = async (file: string, value: unknown): Promise<void> =>
    await writeFile(join(clone, file), JSON.stringify(value));
  const dependencies = { dep: `file:dep-${version}.tgz` };
  await packDependency(version);
  await write("package.json", { name: "clone", version: "1.0.0", dependencies });
  const { code, output } = await runCommand(
    "npm",
    ["install", "--package-lock-only", "--no-audit", "--no-fund"],
    { cwd: clone, env: outerEnv() },
  );
  if (code !== 0) throw new Error(output);
}

async function packDependency(version: string): Promise<void> {
  const folder = await mkdtemp(join(clone, "dep-"));
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "dep", version }));
  await runCommand("npm", ["pack", folder, "--pack-destination", clone], {
    cwd: clone,
    env: outerEnv(),
  });
  await rm(folder, { recursive: true });
}

/** What a shell outside of this test run has. */
function outerEnv(): NodeJS.ProcessEnv {
  const tools = [dirname(process.execPath), join(ROOT, ".tools", "bin")];
  const path = [...tools, process.env["PATH"] ?? ""].join(delimiter);
  const entries = Object.entries(process.env).filter(([name]) => !name.startsWith("npm_"));
  return { ...Object.fromEntries(entries), PATH: path };
}

function bootstrap(command: string, env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  return runCommand(process.execPath, [join(clone, "scripts", "bootstrap.mjs"), command], {
    cwd: clone,
    env: { ...outerEnv(), ...env },
  });
}

async function installedVersion(): Promise<string> {
  const text = await readFile(join(clone, "node_modules", "dep", "package.json"), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}

describe("scripts/bootstrap.mjs", () => {
  test("installs what the lock file names, once, and links berth", async () => {
    const first = await bootstrap("prepare");
    expect(first.code, first.output).toBe(0);
    expect(first.output).toContain("npm ci");
    expect(await installedVersion()).toBe("1.0.0");
    const link = await lstat(join(clone, "node_modules", ".bin", "berth"));
    expect(link.isSymbolicLink()).toBe(true);
    expect(await bootstrap("prepare")).toMatchObject({ code: 0, output: "" });
  });

  test("installs again when the lock file names other versions", async () => {
    expect((await bootstrap("prepare")).code).toBe(0);
    await writeLock("2.0.0");
    const { code, output } = await bootstrap("prepare");
    expect(code, output).toBe(0);
    expect(output).toContain("npm ci");
    expect(await installedVersion()).toBe("2.0.0");
  });

  test("two runs at once install once", async () => {
    const both = await Promise.all([bootstrap("prepare"), bootstrap("prepare")]);
    const outputs = both.map(({ output }) => output);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(outputs.join("").match(/npm ci/g)).toHaveLength(1);
    expect(outputs.join("")).toContain("Another run is preparing this clone");
    expect(await installedVersion()).toBe("1.0.0");
  });

  test.each([
    ["an unknown command", "fly", {}, /^Usage: .*quickstart/m],
    [
      "a Docker host that does not answer",
      "prepare",
      { DOCKER_HOST: "unix:///nowhere/docker.sock" },
      /"unix:\/\/\/nowhere\/docker\.sock"[\s\S]*unset DOCKER_HOST/,
    ],
    ["a Docker host of another machine", "prepare", { DOCKER_HOST: "ssh://far" }, /"ssh:\/\/far"/],
  ])("ends with one message at %s", async (_, command, env, says) => {
    const { code, output } = await bootstrap(command, env);
    expect(output).toMatch(says);
    expect(output).not.toMatch(/^\s+at .+:\d+/m);
    expect(code).toBe(1);
  });

  test("says how to get a lost lock file back", async () => {
    await rm(join(clone, "package-lock.json"));
    const { code, output } = await bootstrap("prepare");
    expect(output).toContain("package-lock.json");
    expect(output).toContain("git checkout");
    expect(code).toBe(1);
  });
});

describe("bin/berth.mjs", () => {
  test("says what to do where nothing is installed", async () => {
    await cp(join(ROOT, "src"), join(clone, "src"), { recursive: true });
    const { code, output } = await runCommand(process.execPath, [join(clone, "bin", "berth.mjs")]);
    expect(output).toBe(`The packages of Berth are not installed. Run "npm ci" in ${clone}\n`);
    expect(code).toBe(1);
  });

  test("passes arguments and exit code on", async () => {
    const berth = join(ROOT, "bin", "berth.mjs");
    expect((await runCommand(process.execPath, [berth, "version"])).code).toBe(0);
    const { code, stderr } = await runCommand(process.execPath, [berth, "no-such-command"]);
    expect(stderr).toContain("no-such-command");
    expect(code).toBe(1);
  });
});
