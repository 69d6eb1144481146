import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The clone that these scripts belong to. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const NODE_MODULES = join(ROOT, "node_modules");
/** Downloaded helpers and reports; ignored by Git. */
export const TOOLS = join(ROOT, ".tools");
/** Node 24 as the npm package `node` brings it. */
export const BUNDLED_NODE = join(NODE_MODULES, "node", "bin", "node");
export const BERTH = join(ROOT, "bin", "berth.mjs");
