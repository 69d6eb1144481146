import { mkdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { openAuthority, writeKeyPair } from "../../src/api/pki.ts";
import type { ClusterConfig } from "../../src/cli/data-dir.ts";
import type { NodeConfig } from "../../src/cli/node-setup.ts";
import { ROOT } from "./clone.ts";
import type { CommandResult } from "./command.ts";
import { eventually } from "./eventually.ts";
import type { HostList, TestHost } from "./test-hosts-host.ts";
import type { Running } from "./test-hosts-machine.ts";
import { makeWorkRepo, type WorkRepo } from "./work-repo.ts";

export interface HostsClusterOptions {
  /** More words for `berth up`. */
  readonly up?: readonly string[];
  /** The hosts that are a node from the start, host 0 always is. All unless told. */
  readonly nodes?: readonly number[];
}

const API_PORT = 6443;
const BERTH: readonly string[] = [process.execPath, join(ROOT, "bin", "berth.mjs")];
const PATH = [process.env["PATH"] ?? "", join(ROOT, ".tools", "bin")].join(delimiter);
const YEAR_MS = 365 * 86_400_000;
/** Where tests write by kubectl. */
const NAMESPACE = "test";
const NAMESPACE_FILE = `apiVersion: v1
kind: Namespace
metadata:
  name: ${NAMESPACE}
  annotations:
    berth.dev/unmanaged: "true"
`;

/** A Berth on the hosts of a test: control plane and first node on host 0, a node on each other one. */
export class HostsCluster {
  readonly dataDir: string;
  readonly repo: WorkRepo;
  readonly namespace: string = NAMESPACE;
  readonly #hosts: HostList;
  readonly #nodes = new Map<number, Running>();

  private constructor(hosts: HostList, dir: string, repo: WorkRepo) {
    this.#hosts = hosts;
    this.dataDir = join(dir, "data");
    this.repo = repo;
  }

  static async start(
    hosts: HostList,
    dir: string,
    { up = [], nodes = hosts.all.map((_, index) => index) }: HostsClusterOptions,
  ): Promise<HostsCluster> {
    await mkdir(dir, { recursive: true });
    const repo = await makeWorkRepo(join(dir, "repo"));
    await repo.write("namespace.yaml", NAMESPACE_FILE);
    await repo.commit("first");
    const cluster = new HostsCluster(hosts, dir, repo);
    const { name, address } = hosts.at(0);
    const where = ["--listen", address, "--port", String(API_PORT), "--node-name", name];
    const { code, output } = await cluster.berth(["up", "--repo", repo.path, ...where, ...up]);
    if (code !== 0) throw new Error(`berth up ended with ${code}:\n${output}`);
    await Promise.all(nodes.filter((index) => index !== 0).map((index) => cluster.join(index)));
    await eventually("the tests' namespace is there", () =>
      cluster.kubectl("get", "namespace", NAMESPACE),
    );
    return cluster;
  }

  /** Any `berth` command, on host 0 unless told. */
  berth(words: readonly string[], host = 0): Promise<CommandResult> {
    return this.#hosts.at(host).run([...BERTH, ...words, "--data-dir", this.dataDir]);
  }

  /** A `berth` command on any host, as it is written. */
  berthOn(host: number, words: readonly string[]): Promise<CommandResult> {
    return this.#hosts.at(host).run([...BERTH, ...words]);
  }

  /** Makes a host a node, and waits until that is Ready. */
  async join(index: number): Promise<void> {
    const host = this.#hosts.at(index);
    await this.#writeJoinDir(host, this.joinDir(index));
    this.startNode(index);
    await eventually(`node ${host.name} is Ready`, () => this.isReady(index));
  }

  /** Makes a host ready to be a node, and says how its process is started. */
  async prepareJoin(index: number): Promise<readonly string[]> {
    await this.#writeJoinDir(this.#hosts.at(index), this.joinDir(index));
    return [...BERTH, "node", "--join-dir", this.joinDir(index)];
  }

  /** Starts the node's process, of a host that has joined and whose process was stopped. */
  startNode(index: number): void {
    const { machine } = this.#hosts.at(index);
    const command = [...BERTH, "node", "--join-dir", this.joinDir(index)];
    this.#nodes.set(index, machine.spawn("node", command));
  }

  /** Ends the node's process; what runs there runs on. */
  async stopNode(index: number, signal?: NodeJS.Signals): Promise<void> {
    await this.#nodes.get(index)?.stop(signal);
    this.#nodes.delete(index);
  }

  joinDir(index: number): string {
    return join(this.#hosts.at(index).machine.dir, "join");
  }

  /** Whether the control plane holds the host's node for Ready. */
  async isReady(index: number): Promise<boolean> {
    const path = '{.status.conditions[?(@.type=="Ready")].status}';
    const { stdout } = await this.tryKubectl(
      "get",
      "node",
      this.#name(index),
      "-o",
      `jsonpath=${path}`,
    );
    return stdout === "True";
  }

  /** Any kubectl command, whatever its end. */
  tryKubectl(...args: readonly string[]): Promise<CommandResult> {
    return this.#kubectl(args);
  }

  /** A kubectl command that must succeed; resolves with its output. */
  async kubectl(...args: readonly string[]): Promise<string> {
    const { code, stdout, output } = await this.#kubectl(args);
    if (code === 0) return stdout;
    throw new Error(`kubectl ${args.join(" ")} ended with ${code}:\n${output}`);
  }

  async getJson<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl("get", ...args, "-o", "json")) as T;
  }

  /** `kubectl apply` of these objects in the tests' namespace. */
  async apply(...objects: readonly object[]): Promise<void> {
    const input = objects.map((object) => JSON.stringify(object)).join("\n---\n");
    const { code, output } = await this.#kubectl(["apply", "-f", "-"], input);
    if (code !== 0) throw new Error(`kubectl apply ended with ${code}:\n${output}`);
  }

  /** What a developer needs when a test has failed. */
  async describe(): Promise<string> {
    const shown = await Promise.all([
      this.tryKubectl("get", "nodes,pods,services,endpointslices", "-A", "-o", "wide"),
      this.tryKubectl("get", "events", "-A"),
    ]);
    const logs = await Promise.all(
      this.#hosts.all.map(async ({ name, machine }, index) => {
        const file =
          index === 0 ? join(this.dataDir, "log", "node.log") : join(machine.dir, "node.log");
        const text = await readFile(file, "utf8").catch(() => "");
        return `--- ${name}\n${text.trimEnd().split("\n").slice(-20).join("\n")}`;
      }),
    );
    return [...shown.map(({ output }) => output), ...logs].join("\n");
  }

  async readConfig(): Promise<ClusterConfig> {
    return JSON.parse(await readFile(join(this.dataDir, "cluster.json"), "utf8")) as ClusterConfig;
  }

  #kubectl(args: readonly string[], input?: string): Promise<CommandResult> {
    const env = { PATH, KUBECONFIG: join(this.dataDir, "kubeconfig") };
    const namespace = args.includes("-n") || args.includes("-A") ? [] : ["-n", NAMESPACE];
    return this.#hosts
      .at(0)
      .machine.run(
        ["kubectl", ...namespace, ...args],
        input === undefined ? { env } : { env, input },
      );
  }

  #name(index: number): string {
    return this.#hosts.at(index).name;
  }

  async #writeJoinDir({ name }: TestHost, dir: string): Promise<void> {
    const known = await this.readConfig();
    const now = Date.now();
    const pki = join(this.dataDir, "pki");
    const authority = await openAuthority({
      directory: pki,
      commonName: `berth-${known.clusterId}`,
      now,
    });
    const node = await authority.issueClient({
      commonName: `system:node:${name}`,
      organizations: ["system:nodes"],
      now,
      validMs: YEAR_MS,
    });
    const { clusterId, podCidr, serviceCidr, dnsIp, domain, listen, port, networkDriver } = known;
    const server = `https://${listen}:${port}`;
    const config: NodeConfig = {
      clusterId,
      nodeName: name,
      podCidr,
      serviceCidr,
      dnsIp,
      domain,
      ...(networkDriver === undefined ? {} : { networkDriver }),
      server,
    };
    await mkdir(dir, { recursive: true });
    await writeKeyPair(dir, "node", node);
    await writeFile(join(dir, "ca.crt"), authority.cert);
    await writeFile(join(dir, "cluster.json"), JSON.stringify(config));
  }
}
