import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ROOT } from "../support/clone.ts";
import { freePort, someNodePort } from "../support/cluster.ts";
import { type CommandResult, mustRun, runCommand } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { leftoversOf, removeByForce } from "../support/leftovers.ts";
import { get } from "../support/load.ts";

/*
 * What a newcomer does, in a fresh clone of the commit that is checked out here. One thing is taken from this clone to
 * save time and network: node_modules, whose copy must fit the clone's lock file or `npm ci` replaces it.
 */
const QUICKSTART_LIMIT_MS = 120_000;

let folder = "";
let clone = "";
let dataDir = "";
let port = 0;
const nodePort = someNodePort();
let env: NodeJS.ProcessEnv = {};
let clusterId: string | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-newcomer-"));
  clone = join(folder, "berth");
  dataDir = join(folder, "data");
  port = await freePort();
  const gitConfig = join(folder, "gitconfig");
  await writeFile(gitConfig, "[safe]\n\tdirectory = *\n");
  const { npm_config_local_prefix: _, INIT_CWD: __, ...outer } = process.env;
  env = {
    ...outer,
    GIT_CONFIG_GLOBAL: gitConfig,
    GIT_CONFIG_NOSYSTEM: "1",
    BERTH_DATA_DIR: dataDir,
  };
  await mustRun("git", ["clone", "-q", ROOT, clone], { env });
  const modules = join(ROOT, "node_modules");
  const linked = await runCommand("cp", ["-al", modules, clone]);
  if (linked.code !== 0) await mustRun("cp", ["-a", modules, clone]);
});

afterEach(async ({ task }) => {
  if (task.result?.state !== "fail") return;
  for (const name of ["control-plane", "node", "supervisor"]) {
    const log = join(dataDir, "log", `${name}.log`);
    if (existsSync(log)) console.error(await readFile(log, "utf8"));
  }
});

afterAll(async () => {
  await berth("down", "--volumes");
  if (clusterId !== undefined) await removeByForce(clusterId, dataDir);
  await rm(folder, { recursive: true, force: true });
});

function quickstart(...args: readonly string[]): Promise<CommandResult> {
  const ports = ["--port", String(port), "--node-port", String(nodePort)];
  return runCommand("npm", ["run", "quickstart", "--", ...ports, ...args], {
    cwd: clone,
    env,
    timeoutMs: 2 * QUICKSTART_LIMIT_MS,
  });
}

function berth(...args: readonly string[]): Promise<CommandResult> {
  return runCommand("npx", ["berth", ...args], { cwd: clone, env });
}

/** A command line, as it is printed for people. */
function shell(line: string): Promise<CommandResult> {
  return runCommand("bash", ["-c", line], { cwd: clone, env });
}

function urlIn(output: string): string {
  const url = /^\s*(http:\/\/\S+)$/m.exec(output)?.[1];
  if (url === undefined) throw new Error(`There is no URL in:\n${output}`);
  return url;
}

async function readClusterId(): Promise<string> {
  const text = await readFile(join(dataDir, "cluster.json"), "utf8");
  return (JSON.parse(text) as { readonly clusterId: string }).clusterId;
}

describe("npm run quickstart", () => {
  let output = "";

  test("says which port is taken, and starts nothing", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => {
      taken.listen(nodePort, "0.0.0.0", resolve);
    });
    try {
      const { code, output } = await quickstart();
      expect(output).toContain(`Port ${nodePort}`);
      expect(output).not.toMatch(/^\s+at .+:\d+/m);
      expect(code).not.toBe(0);
      expect(existsSync(dataDir)).toBe(false);
    } finally {
      await new Promise((resolve) => {
        taken.close(resolve);
      });
    }
  });

  test("ends with the demo answering on its URL, within two minutes", async () => {
    const startedAt = performance.now();
    const result = await quickstart();
    output = result.output;
    expect(result.code, output).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(QUICKSTART_LIMIT_MS);
    clusterId = await readClusterId();
    expect(await get(urlIn(output))).toMatch(/^Hello from Berth\n/);
  });

  test("prints the line that lets kubectl see three Ready pods", async () => {
    const line = /^\s*(export KUBECONFIG=\S+)$/m.exec(output)?.[1];
    const path = `PATH="$PATH:${join(ROOT, ".tools", "bin")}"`;
    const { stdout } = await shell(`${line}; ${path} kubectl get pods --no-headers`);
    expect(stdout.match(/1\/1\s+Running/g)).toHaveLength(3);
  });

  test("prints three commands that work as they stand", async () => {
    const commands = [...output.matchAll(/^ {2}\d\. (.+)$/gm)].map(([, command]) => command ?? "");
    expect(commands).toHaveLength(3);
    const [edit = "", status = "", revert = ""] = commands;
    const url = urlIn(output);
    expect(await shell(edit)).toMatchObject({ code: 0 });
    await eventually("the edit answers", async () =>
      (await get(url)).startsWith("Hello from a commit"),
    );
    const told = await shell(status);
    expect(told.code).toBe(0);
    expect(told.stdout).toContain("hello");
    expect(await shell(revert)).toMatchObject({ code: 0 });
    await eventually("the old answer is back", async () =>
      (await get(url)).startsWith("Hello from Berth"),
    );
  });

  test("can be run again while the cluster runs, and keeps the repository", async () => {
    const head = await shell("git -C berth-demo rev-parse HEAD");
    const again = await quickstart();
    expect(again.code, again.output).toBe(0);
    expect(urlIn(again.output)).toBe(urlIn(output));
    expect(await shell("git -C berth-demo rev-parse HEAD")).toMatchObject({ stdout: head.stdout });
  });

  test("berth down leaves nothing but the repository, and quickstart starts anew after it", async () => {
    const down = await berth("down");
    expect(down.code, down.output).toBe(0);
    expect(await leftoversOf(clusterId ?? "", dataDir)).toEqual([]);
    expect(existsSync(join(clone, "berth-demo", "deployment.yaml"))).toBe(true);
    const again = await quickstart();
    expect(again.code, again.output).toBe(0);
    clusterId = await readClusterId();
    expect(await get(urlIn(again.output))).toMatch(/^Hello from Berth\n/);
    expect((await berth("down", "--volumes")).code).toBe(0);
    expect(await leftoversOf(clusterId, dataDir)).toEqual([]);
  });
});
