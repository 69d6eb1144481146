import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { NetworkDriverChoice } from "../proxy/network/driver.ts";
import { CliError } from "./cli-error.ts";

/** Where things stand in a data directory. */
export interface DataDir {
  readonly root: string;
  readonly config: string;
  readonly kubeconfig: string;
  readonly pki: string;
  readonly store: string;
  readonly mirrors: string;
  readonly node: string;
  readonly logs: string;
  readonly supervisor: string;
}

/** What a cluster keeps from its first start on. */
export interface ClusterConfig {
  readonly format: 1;
  /** Six characters of a-z and 0-9. */
  readonly clusterId: string;
  readonly nodeName: string;
  /** Address and port that the API listens on. */
  readonly listen: string;
  readonly port: number;
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly dnsIp: string;
  readonly domain: string;
  /** How nodes reach each other's pods; absent: as fits each pair. */
  readonly networkDriver?: NetworkDriverChoice;
}

const FORMAT: number = 1;

/** The layout of a data directory: the given one, `$BERTH_DATA_DIR`, or the default of the user. */
export function dataDirAt(given: string | undefined): DataDir {
  const fallback =
    process.getuid?.() === 0
      ? "/var/lib/berth"
      : join(
          process.env["XDG_STATE_HOME"] ?? join(process.env["HOME"] ?? ".", ".local/state"),
          "berth",
        );
  const root = resolve(given ?? process.env["BERTH_DATA_DIR"] ?? fallback);
  return {
    root,
    config: join(root, "cluster.json"),
    kubeconfig: join(root, "kubeconfig"),
    pki: join(root, "pki"),
    store: join(root, "store"),
    mirrors: join(root, "mirrors"),
    node: join(root, "node"),
    logs: join(root, "log"),
    supervisor: join(root, "supervisor.json"),
  };
}

/** The cluster's configuration, or `undefined` when this directory has none yet. */
export async function readConfig(dir: DataDir): Promise<ClusterConfig | undefined> {
  const text = await readIfThere(dir.config);
  if (text === undefined) return undefined;
  const config = parseConfig(text);
  if (config === undefined) {
    throw new CliError(`Cannot read "${dir.config}": it is not a Berth cluster configuration`, {
      cure: "restore it from a backup, or remove the data directory and run `berth up` again",
    });
  }
  if (config.format !== FORMAT) {
    throw new CliError(
      `Cannot use "${dir.root}": its format is ${String(config.format)}, this Berth knows ${FORMAT}`,
      {
        cure: "use the Berth version that made it, or a newer one",
      },
    );
  }
  return config;
}

function parseConfig(text: string): ClusterConfig | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && "format" in value && "clusterId" in value
      ? (value as ClusterConfig)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Where clients on this machine reach the API. */
export function serverUrl(config: ClusterConfig): string {
  const host = config.listen === "0.0.0.0" || config.listen === "::" ? "127.0.0.1" : config.listen;
  return `https://${host.includes(":") ? `[${host}]` : host}:${config.port}`;
}

/** Writes the configuration, readable for its owner only, in place of an older one. */
export async function writeConfig(dir: DataDir, config: ClusterConfig): Promise<void> {
  await mkdir(dir.root, { recursive: true, mode: 0o700 });
  await chmod(dir.root, 0o700);
  await writeFileAtomic(dir.config, `${JSON.stringify(config, null, 2)}\n`);
}

/** Writes a file whole or not at all, with mode 0600. */
export async function writeFileAtomic(path: string, content: string): Promise<void> {
  const draft = `${path}.${randomBytes(4).toString("hex")}`;
  await writeFile(draft, content, { mode: 0o600 });
  await rename(draft, path);
}

/** The text of a file, or `undefined` when it is not there. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** A new cluster id. */
export function newClusterId(): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  return [...randomBytes(6)].map((byte) => alphabet[byte % alphabet.length] ?? "x").join("");
}
