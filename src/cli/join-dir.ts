import { createPrivateKey, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { CliError } from "./cli-error.ts";
import { readIfThere } from "./data-dir.ts";
import type { NodeConfig, NodeSetup } from "./node-setup.ts";

/** What joining leaves in a folder for a node of another machine. */
export const JOIN_FILES = {
  config: "cluster.json",
  ca: "ca.crt",
  cert: "node.crt",
  key: "node.key",
  nextKey: "node.next.key",
} as const;

/** The node that a folder describes: `cluster.json` (a `NodeConfig`), `ca.crt`, `node.crt`, `node.key`. */
export async function readJoinDir(dir: string): Promise<NodeSetup> {
  const [config, ca, cert, key] = await Promise.all([
    readNodeConfig(join(dir, JOIN_FILES.config)),
    readPart(join(dir, JOIN_FILES.ca)),
    readPart(join(dir, JOIN_FILES.cert)),
    readPart(join(dir, JOIN_FILES.key)),
  ]);
  const own = isPair(cert, key) ? key : await readPart(join(dir, JOIN_FILES.nextKey));
  const credentials = { server: config.server, ca, cert, key: own };
  return { config, credentials, stateDir: join(dir, "node"), joinDir: dir };
}

/** A renewal that was cut off between its two files leaves the new certificate beside the old key. */
function isPair(cert: string, key: string): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw new CliError("Cannot start the node: its certificate or key cannot be read", {
      cure: "join this machine to the cluster again",
      cause: error,
    });
  }
}

async function readNodeConfig(path: string): Promise<NodeConfig> {
  const text = await readPart(path);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "server" in value && "nodeName" in value)
      return value as NodeConfig;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new CliError(`Cannot read "${path}": it does not describe a node`, {
    cure: "join this machine to the cluster again",
  });
}

async function readPart(path: string): Promise<string> {
  const text = await readIfThere(path);
  if (text !== undefined) return text;
  throw new CliError(`Cannot start the node: there is no "${path}"`, {
    cure: "join this machine to the cluster again",
  });
}
