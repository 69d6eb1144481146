import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT } from "../support/clone.ts";
import { freePort, runBerth } from "../support/cluster.ts";
import { type CommandOptions, type CommandResult, runCommand } from "../support/command.ts";
import { processesOf } from "../support/leftovers.ts";
import { get } from "../support/load.ts";
import { helloFiles } from "../support/manifests.ts";
import { runningContainers, settledContainers } from "../support/observed.ts";
import { useCluster } from "../support/use-cluster.ts";
import { type WorkRepo, makeWorkRepo } from "../support/work-repo.ts";

const CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\ndata:\n  a: b\n";
/** A line of a stack trace. */
const STACK = /^\s+at .+[:(]\d+/m;

/** Each alias doubles what the one before stands for: a few lines that mean millions. */
function anchorBomb(): string {
  const levels = Array.from({ length: 30 }, (_, level) =>
    level === 0
      ? "  a0: &a0 [x, x, x, x, x, x, x, x, x, x]"
      : `  a${level}: &a${level} [*a${level - 1}, *a${level - 1}, *a${level - 1}, *a${level - 1}]`,
  );
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: bomb\ndata:\n${levels.join("\n")}\n`;
}

interface BadFile {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** What the message must name, beside the file. */
  readonly says: RegExp;
}

/** What people and tools put into repositories by mistake or malice. */
const BAD_FILES: readonly BadFile[] = [
  {
    name: "broken YAML",
    content: `${CONFIG_MAP}  broken: [1, 2\nmore: {`,
    says: /bad\.yaml:\d+:\d+/,
  },
  {
    name: "an unknown kind",
    content: "apiVersion: example.org/v1\nkind: Wombat\nmetadata:\n  name: w\n",
    says: /bad\.yaml:\d+:\d+: .*Wombat/,
  },
  {
    name: "an unknown field",
    content: CONFIG_MAP.replace("\ndata:", "\ndtaa:"),
    says: /bad\.yaml:5:\d+: .*dtaa/,
  },
  {
    name: "a value of the wrong type",
    content: CONFIG_MAP.replace("a: b", "a: 7"),
    says: /bad\.yaml:6:\d+: .*data/,
  },
  {
    name: "a duplicate object",
    content: `${CONFIG_MAP}---\n${CONFIG_MAP}`,
    says: /bad\.yaml:\d+:\d+: .*one[\s\S]*bad\.yaml:\d+/,
  },
  {
    name: "a tab",
    content: CONFIG_MAP.replace("  name: one", "\tname: one"),
    says: /bad\.yaml:4:\d+: .*[Tt]ab/,
  },
  { name: "an anchor bomb", content: anchorBomb(), says: /bad\.yaml.*(alias|anchor)/i },
  {
    name: "a file of 50 MB",
    content: `${CONFIG_MAP}  big: ${"x".repeat(50_000_000)}\n`,
    says: /bad\.yaml.*(large|big|bytes|MB)/i,
  },
  {
    name: "a binary file named .yaml",
    content: Buffer.concat([Buffer.from([0, 1, 2, 0xff, 0xfe]), randomBytes(4096)]),
    says: /bad\.yaml.*(binary|UTF-8|text)/i,
  },
];

function expectRefusal(result: CommandResult, says: RegExp): void {
  expect(result.output).toMatch(says);
  expect(result.output).not.toMatch(STACK);
  expect(result.code).not.toBe(0);
}

describe("berth validate", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "berth-validate-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(BAD_FILES)("refuses $name", async ({ name, content, says }) => {
    const repo = await makeWorkRepo(join(folder, name.replaceAll(" ", "-")));
    await repo.write("bad.yaml", content);
    expectRefusal(await runBerth(["validate", repo.path]), says);
  });

  test("accepts the example", async () => {
    expect((await runBerth(["validate", join(ROOT, "examples", "hello")])).code).toBe(0);
  });

  test("refuses a path that is not there", async () => {
    expectRefusal(await runBerth(["validate", join(folder, "nowhere")]), /nowhere/);
  });
});

describe("berth up", () => {
  let folder = "";
  let repo: WorkRepo;
  let port = 0;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "berth-refused-"));
    repo = await makeWorkRepo(join(folder, "repo"));
    await repo.write("one.yaml", CONFIG_MAP);
    await repo.write("docs/README.md", "no manifest here\n");
    await repo.commit("first");
    port = await freePort();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Refused with a message that says `says`; nothing runs afterwards and the repository is as it was. */
  async function refuses(
    args: readonly string[],
    says: RegExp,
    options: CommandOptions = {},
  ): Promise<void> {
    const dataDir = join(folder, "data");
    const head = await repo.head();
    const command = ["up", "--data-dir", dataDir, "--port", String(port), ...args];
    expectRefusal(await runBerth(command, options), says);
    expect(await processesOf(dataDir)).toEqual([]);
    expect(await repo.head()).toBe(head);
    expect(await repo.git("status", "--porcelain")).toBe("");
    await runBerth(["down", "--data-dir", dataDir, "--volumes"]);
  }

  test("refuses a folder that is no repository", async () => {
    const plain = await mkdtemp(join(folder, "plain-"));
    await refuses(["--repo", plain], /plain-.*not a.*repository|repository.*plain-/i);
    expect(await readdir(plain)).toEqual([]);
  });

  test("refuses a repository that is not there", async () => {
    await refuses(["--repo", join(folder, "nowhere")], /nowhere/);
  });

  test("refuses a repository without a commit", async () => {
    const empty = await makeWorkRepo(join(folder, "empty"));
    await refuses(["--repo", empty.path], /commit/i);
  });

  test("refuses a branch that is not there, and names it", async () => {
    await refuses(["--repo", repo.path, "--branch", "trunk"], /trunk/);
  });

  test("refuses a path that is not there, and names it", async () => {
    await refuses(["--repo", repo.path, "--path", "no/such/folder"], /no\/such\/folder/);
  });

  test("refuses a path without manifests, and names it", async () => {
    await refuses(["--repo", repo.path, "--path", "docs"], /manifest.*docs|docs.*manifest/i);
  });

  test("refuses a remote that does not answer", async () => {
    const closed = await freePort();
    const url = `http://127.0.0.1:${closed}/repo.git`;
    await refuses(["--repo", url], new RegExp(`127\\.0\\.0\\.1:${closed}`));
  });

  test("refuses a port that is taken, and names it", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(port, "127.0.0.1", resolve);
    });
    try {
      await refuses(["--repo", repo.path], new RegExp(`${port}`));
    } finally {
      server.close();
    }
  });

  test("refuses where no Docker Engine is, and names the socket", async () => {
    const socket = join(folder, "no-docker.sock");
    const env = { ...process.env, DOCKER_HOST: `unix://${socket}` };
    await refuses(["--repo", repo.path], /no-docker\.sock/, { env });
  });

  test("refuses a Docker Engine that it may not use, and names the socket", async () => {
    const socket = join(folder, "denied.sock");
    const server = createServer((connection) => connection.destroy());
    await new Promise<void>((resolve) => {
      server.listen(socket, resolve);
    });
    try {
      await runCommand("chmod", ["000", socket]);
      // Root without the right to override file modes meets what an ordinary user meets.
      const berth = [process.execPath, join(ROOT, "bin", "berth.mjs")];
      const dropped = ["--bounding-set=-dac_override,-dac_read_search", ...berth];
      const up = ["up", "--data-dir", join(folder, "data"), "--port", String(port)];
      const result = await runCommand("setpriv", [...dropped, ...up, "--repo", repo.path], {
        env: { ...process.env, DOCKER_HOST: `unix://${socket}` },
      });
      expectRefusal(
        result,
        /denied\.sock[\s\S]*(permi|EACCES|root|sudo)|(permi|EACCES)[\s\S]*denied\.sock/i,
      );
    } finally {
      server.close();
    }
  });

  test("refuses an unknown option and an impossible port", async () => {
    await refuses(["--repo", repo.path, "--colour"], /--colour/);
    await refuses(["--repo", repo.path, "--port", "70000"], /70000|65535/);
  });
});

describe("commands without a cluster", () => {
  test.each([["status"], ["history"], ["plan"], ["rollback"]])(
    "berth %s says so",
    async (command) => {
      const dataDir = join(tmpdir(), "berth-is-not-here");
      const result = await runBerth([command, "--data-dir", dataDir]);
      expectRefusal(result, /berth-is-not-here[\s\S]*berth up/);
    },
  );

  test("berth down has nothing to do", async () => {
    const { code } = await runBerth(["down", "--data-dir", join(tmpdir(), "berth-is-not-here")]);
    expect(code).toBe(0);
  });

  test("an unknown command is refused with the usage", async () => {
    expectRefusal(await runBerth(["fly"]), /fly/);
  });
});

describe("a commit with bad input", () => {
  const current = useCluster(async () => ({ files: await helloFiles() }));

  test.each(BAD_FILES)("$name is Rejected and touches nothing", async ({ content, says }) => {
    const cluster = current();
    const good = await cluster.repo.head();
    await cluster.untilPhase(good, "Healthy");
    const before = await settledContainers(cluster, 3);
    await cluster.repo.write("bad.yaml", content);
    const bad = await cluster.repo.commit("bad");
    try {
      const release = await cluster.untilPhase(bad, "Rejected");
      const text = [release.message ?? "", ...(release.problems ?? [])].join("\n");
      expect(text).toMatch(says);
      expect(text).not.toMatch(STACK);
      expect((await cluster.status()).apps[0]).toMatchObject({ appliedCommit: good });
      expect(await runningContainers(cluster)).toEqual(before);
      expect(await get(await cluster.nodePortUrl())).toContain("Hello from Berth");
    } finally {
      await cluster.repo.git("revert", "--no-edit", "HEAD");
    }
    await cluster.untilPhase(await cluster.repo.head(), "Healthy");
  });
});
