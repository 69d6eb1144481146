import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { ROOT } from "./clone.ts";
import { type CommandOptions, type CommandResult, mustRun, runCommand } from "./command.ts";
import { eventually } from "./eventually.ts";
import { leftoversOf, removeByForce } from "./leftovers.ts";
import { type WorkRepo, makeWorkRepo, openWorkRepo } from "./work-repo.ts";

/** What `berth status --output json` tells. */
export interface StatusView {
  readonly apps: readonly {
    readonly name: string;
    readonly seenCommit?: string;
    readonly appliedCommit?: string;
    readonly healthyCommit?: string;
    readonly release?: ReleaseView;
  }[];
  readonly nodes: readonly { readonly name: string; readonly ready: boolean }[];
  readonly deployments: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly ready: number;
    readonly replicas: number;
    readonly updated: number;
  }[];
}

/** A line of `berth history --output json`. */
export interface ReleaseView {
  readonly sequence: number;
  readonly commit: string;
  readonly phase: string;
  readonly subject: string;
  readonly message?: string;
  readonly problems?: readonly string[];
}

export interface ClusterOptions {
  /** Files of the repository's first commit. */
  readonly files?: Readonly<Record<string, string>>;
  /** A repository that is there already, in place of a new one. */
  readonly repo?: string;
  /** Do not start it yet. */
  readonly start?: boolean;
  /** More words for `berth up`. */
  readonly up?: readonly string[];
}

/** Where the containers of the machine reach programs of the tests. */
const TOOL_FOLDERS = [join(ROOT, ".tools", "bin")];
const LOG_LINES = 40;

/** A free port of the loopback address. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  if (address === null || typeof address === "string") throw new Error("No port was given");
  return address.port;
}

/** A node port that is unlikely to be another cluster's on this machine, above those that people write by hand. */
export function someNodePort(): number {
  return 31_000 + Math.floor(Math.random() * 1_500);
}

/** Starts the `berth` command, as users do. */
export function runBerth(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return runCommand(process.execPath, [join(ROOT, "bin", "berth.mjs"), ...args], options);
}

/**
 * A real Berth of its own: data directory, repository, ports. Must be disposed of: that takes everything down and
 * throws when something is left.
 */
export class Cluster implements AsyncDisposable {
  readonly dir: string;
  readonly dataDir: string;
  readonly port: number;
  readonly nodePort: number;
  readonly repo: WorkRepo;
  #clusterId: string | undefined;

  private constructor(dir: string, port: number, repo: WorkRepo) {
    this.dir = dir;
    this.dataDir = join(dir, "data");
    this.port = port;
    this.nodePort = someNodePort();
    this.repo = repo;
  }

  static async make(options: ClusterOptions = {}): Promise<Cluster> {
    const dir = await mkdtemp(join(tmpdir(), "berth-test-"));
    const repo =
      options.repo === undefined
        ? await makeWorkRepo(join(dir, "repo"))
        : openWorkRepo(options.repo);
    const cluster = new Cluster(dir, await freePort(), repo);
    try {
      for (const [file, content] of Object.entries(options.files ?? {}))
        await repo.write(file, content.replaceAll("NODE_PORT", String(cluster.nodePort)));
      if (options.files !== undefined) await repo.commit("first");
      if (options.start !== false) await cluster.up(...(options.up ?? []));
      return cluster;
    } catch (error) {
      console.error(await cluster.describe());
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `berth up`, which must succeed. */
  async up(...more: readonly string[]): Promise<string> {
    const { code, output } = await this.berth(
      "up",
      "--repo",
      this.repo.path,
      "--port",
      String(this.port),
      ...more,
    );
    if (code !== 0) throw new Error(`berth up ended with ${code}:\n${output}`);
    this.#clusterId = await this.readClusterId();
    return output;
  }

  /** Any `berth` command on this cluster, run in its repository. */
  berth(command: string, ...args: readonly string[]): Promise<CommandResult> {
    const withDir = ["validate", "version"].includes(command)
      ? args
      : [...args, "--data-dir", this.dataDir];
    return runBerth([command, ...withDir], { cwd: this.repo.path });
  }

  get kubeconfig(): string {
    return join(this.dataDir, "kubeconfig");
  }

  get clusterId(): string {
    if (this.#clusterId === undefined) throw new Error("The cluster was not started");
    return this.#clusterId;
  }

  /** Any kubectl command, whatever its end. */
  tryKubectl(...args: readonly string[]): Promise<CommandResult> {
    const path = [process.env["PATH"] ?? "", ...TOOL_FOLDERS].join(delimiter);
    const env = { ...process.env, PATH: path, KUBECONFIG: this.kubeconfig };
    return runCommand("kubectl", args, { env });
  }

  /** A kubectl command that must succeed; resolves with its output. */
  async kubectl(...args: readonly string[]): Promise<string> {
    const { code, stdout, output } = await this.tryKubectl(...args);
    if (code === 0) return stdout;
    throw new Error(`kubectl ${args.join(" ")} ended with ${code}:\n${output}`);
  }

  /** An object, or a list of them, as kubectl's JSON. */
  async getJson<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl("get", ...args, "-o", "json")) as T;
  }

  async status(): Promise<StatusView> {
    return JSON.parse(await this.#mustPrint("status", "--output", "json")) as StatusView;
  }

  async history(): Promise<readonly ReleaseView[]> {
    return JSON.parse(await this.#mustPrint("history", "--output", "json")) as ReleaseView[];
  }

  /** Resolves once the commit has come to the phase that is named. */
  untilPhase(commit: string, phase: string, timeoutMs = 120_000): Promise<ReleaseView> {
    return eventually(
      `commit ${commit.slice(0, 8)} is ${phase}`,
      async () => {
        const release = (await this.history()).find((release) => release.commit === commit);
        if (release?.phase === phase) return release;
        throw new Error(JSON.stringify(release ?? "not seen"));
      },
      timeoutMs,
    );
  }

  /** The node's address, where node ports answer. */
  async nodeAddress(): Promise<string> {
    const path = '{.items[0].status.addresses[?(@.type=="InternalIP")].address}';
    return await this.kubectl("get", "nodes", "-o", `jsonpath=${path}`);
  }

  async nodePortUrl(): Promise<string> {
    return `http://${await this.nodeAddress()}:${this.nodePort}/`;
  }

  /** What a developer needs when a test on this cluster has failed. */
  async describe(): Promise<string> {
    if (!existsSync(this.kubeconfig)) return `There is no cluster in ${this.dataDir}`;
    const commands = await Promise.all([
      this.berth("status"),
      this.tryKubectl("get", "all", "-A", "-o", "wide"),
      this.tryKubectl("get", "events", "-A"),
    ]).catch((error: unknown) => [{ output: String(error) }]);
    const folder = join(this.dataDir, "log");
    const files = await readdir(folder).catch(() => []);
    const logs = await Promise.all(
      files.map(async (name) => {
        const lines = (await readFile(join(folder, name), "utf8")).trimEnd().split("\n");
        return `--- ${name}\n${lines.slice(-LOG_LINES).join("\n")}`;
      }),
    );
    return [...commands.map(({ output }) => output), ...logs].join("\n");
  }

  /** `berth down --volumes`, which must leave nothing behind. */
  async down(): Promise<void> {
    const clusterId = this.#clusterId ?? (await this.readClusterId().catch(() => undefined));
    const { code, output } = await this.berth("down", "--volumes");
    if (clusterId === undefined) return;
    const left = await leftoversOf(clusterId, this.dataDir);
    if (code === 0 && left.length === 0) return;
    await removeByForce(clusterId, this.dataDir);
    throw new Error(`berth down ended with ${code}:\n${output}\nIt left:\n${left.join("\n")}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.down();
    } finally {
      await rm(this.dir, { recursive: true, force: true });
    }
  }

  /** From the data directory, while there is one. */
  async readClusterId(): Promise<string> {
    const text = await readFile(join(this.dataDir, "cluster.json"), "utf8");
    return (JSON.parse(text) as { readonly clusterId: string }).clusterId;
  }

  async #mustPrint(...args: readonly [string, ...string[]]): Promise<string> {
    const [command, ...rest] = args;
    const { code, stdout, output } = await this.berth(command, ...rest);
    if (code === 0) return stdout;
    throw new Error(`berth ${args.join(" ")} ended with ${code}:\n${output}`);
  }
}

/** Makes the images that the tests run, unless they are there. */
export async function ensureImages(...names: readonly ("hello" | "busybox")[]): Promise<void> {
  await mustRun(process.execPath, [join(ROOT, "scripts", "images.mjs"), ...names]);
}
