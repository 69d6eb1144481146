import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { BUNDLED_NODE, NODE_MODULES, ROOT } from "./paths.mjs";
import { Stop, step } from "./progress.mjs";
import { attempt, outerEnv, run, tail } from "./run.mjs";

export const OLDEST_NODE = 20;
const WANTED_NODE = 24;
const NPM_TIMEOUT_MS = 600_000;

/** Stops when the Node that runs this script is too old to prepare anything. */
export function checkNode() {
  if (majorOf(process.version) >= OLDEST_NODE) return;
  throw new Stop(
    `Berth's scripts need Node ${OLDEST_NODE} or newer; this is ${process.version}. Install one from https://nodejs.org`,
  );
}

/** Installs what package-lock.json names, unless it is there, and makes `npx berth` work in this clone. */
export async function ensurePackages() {
  if (!packagesFit()) {
    await step("Installing npm packages (npm ci)", installPackages);
    if (!packagesFit())
      throw new Stop(
        'npm ci ended, but node_modules does not fit package-lock.json. Remove node_modules and run "npm ci"',
      );
  }
  linkBerth();
}

/** The path of a Node that is new enough to run Berth's sources. */
export async function findNode() {
  if (majorOf(process.version) >= WANTED_NODE) return process.execPath;
  if (!existsSync(BUNDLED_NODE))
    await step("Fetching Node 24 (npm rebuild node)", () =>
      run("npm", ["rebuild", "node", "--ignore-scripts=false"], {
        cwd: ROOT,
        env: outerEnv(),
        timeoutMs: NPM_TIMEOUT_MS,
      }),
    );
  const { code, output } = await attempt(BUNDLED_NODE, ["--version"]);
  if (code === 0 && majorOf(output) >= WANTED_NODE) return BUNDLED_NODE;
  throw new Stop(
    `Berth runs on Node ${WANTED_NODE} or newer. The one of the npm package "node" does not start here (${tail(output, 1).trim()}), and this is ${process.version}. Install Node ${WANTED_NODE} from https://nodejs.org`,
  );
}

/**
 * Whether an installation has ended (npm writes its record last) and every package of the lock file is there in its
 * version. What an `npm ci` by hand has installed fits as well.
 */
function packagesFit() {
  const record = readJson(join(NODE_MODULES, ".package-lock.json"));
  const locked = readJson(join(ROOT, "package-lock.json"))?.packages;
  if (locked === undefined)
    throw new Stop(
      `package-lock.json is missing or broken in ${ROOT}. Restore it with "git checkout package-lock.json"`,
    );
  if (record === undefined) return false;
  return Object.entries(locked).every(([path, { version, optional }]) => {
    if (path === "") return true;
    const found = readJson(join(ROOT, path, "package.json"))?.version;
    return found === version || (found === undefined && optional === true);
  });
}

async function installPackages() {
  const args = ["ci", "--no-audit", "--no-fund"];
  const { code, output } = await attempt("npm", args, {
    cwd: ROOT,
    env: outerEnv(),
    timeoutMs: NPM_TIMEOUT_MS,
  });
  if (code === 0) return;
  if (code === "ENOENT")
    throw new Stop("npm was not found. It comes with Node: https://nodejs.org");
  throw new Stop(
    `npm ci failed (${code}). Check the network and "npm config get registry", then run this again:\n${tail(output)}`,
  );
}

/** npm links the programs of dependencies only; `npx berth` is to work in the clone as well. */
function linkBerth() {
  const folder = join(NODE_MODULES, ".bin");
  const link = join(folder, "berth");
  const target = join("..", "..", "bin", "berth.mjs");
  if (linkTarget(link) === target) return;
  mkdirSync(folder, { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(target, link);
}

function linkTarget(path) {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isSymbolicLink() ? readlinkSync(path) : undefined;
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function majorOf(version) {
  return Number(/^v?(\d+)/.exec(version.trim())?.[1] ?? 0);
}
