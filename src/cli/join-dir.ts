import { join } from "node:path";
import { CliError } from "./cli-error.ts";
import { readIfThere } from "./data-dir.ts";
import type { NodeConfig, NodeSetup } from "./node-setup.ts";

/** What joining leaves in a folder for a node of another machine. */
const FILES = { config: "cluster.json", ca: "ca.crt", cert: "node.crt", key: "node.key" } as const;

/** The node that a folder describes: `cluster.json` (a `NodeConfig`), `ca.crt`, `node.crt`, `node.key`. */
export async function readJoinDir(dir: string): Promise<NodeSetup> {
  const [config, ca, cert, key] = await Promise.all([
    readNodeConfig(join(dir, FILES.config)),
    readPart(join(dir, FILES.ca)),
    readPart(join(dir, FILES.cert)),
    readPart(join(dir, FILES.key)),
  ]);
  const credentials = { server: config.server, ca, cert, key };
  return { config, credentials, stateDir: join(dir, "node") };
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
