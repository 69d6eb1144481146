import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { NodeConfigError, toNodeResourceConfig, type NodeResourceConfig } from "./node-config.ts";

/** In the node's own folder; most nodes have none. */
const FILE = "config.yaml";

/** What the node's `config.yaml` says of its resources, or the defaults. Throws `NodeConfigError`, which names the file. */
export async function readNodeConfig(stateDir: string): Promise<NodeResourceConfig> {
  const path = join(stateDir, FILE);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return toNodeResourceConfig(undefined);
  // Loaded only where it is needed: a node has little memory to spare.
  const { parse } = await import("yaml");
  try {
    return toNodeResourceConfig(parse(text));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new NodeConfigError(
      `Cannot use "${path}": ${why}; correct it, or remove it for the defaults`,
    );
  }
}
