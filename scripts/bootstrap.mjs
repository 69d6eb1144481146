import { delimiter, join } from "node:path";
import { ensureDocker } from "./lib/docker.mjs";
import { withLock } from "./lib/lock.mjs";
import { checkNode, ensurePackages, findNode } from "./lib/packages.mjs";
import { NODE_MODULES, ROOT, TOOLS } from "./lib/paths.mjs";
import { main, Stop } from "./lib/progress.mjs";
import { findProgram, runInForeground } from "./lib/run.mjs";
import { ensureKubectl, ensureRegistry, missingTestPackages } from "./lib/test-tools.mjs";

/** What can be run, after everything that it needs is there. `prepare` only installs. */
const COMMANDS = {
  quickstart: { script: "scripts/quickstart.mjs", tests: false },
  test: { script: "scripts/run-tests.mjs", tests: true },
  bench: { script: "bench/main.ts", tests: true },
  prepare: { script: undefined, tests: true },
};

await main(async () => {
  const [name = "", ...args] = process.argv.slice(2);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined)
    throw new Stop(
      `Usage: node scripts/bootstrap.mjs <${Object.keys(COMMANDS).join("|")}> [arguments]`,
    );
  checkNode();
  if (findProgram("git") === undefined)
    throw new Stop("Git was not found. Install it (Debian and Ubuntu: apt-get install git)");
  const node = await withLock("bootstrap", () => prepare(command));
  if (command.script === undefined) return 0;
  return await runInForeground(node, [join(ROOT, command.script), ...args], { env: envFor(node) });
});

async function prepare({ tests }) {
  await ensurePackages();
  const node = await findNode();
  await ensureDocker(tests ? await missingTestPackages() : []);
  if (tests) await ensureKubectl();
  if (tests) await ensureRegistry();
  return node;
}

/** Programs of the packages first, so that `node` is the one that was found. */
function envFor(node) {
  const folders = [
    join(node, ".."),
    join(NODE_MODULES, ".bin"),
    process.env.PATH ?? "",
    join(TOOLS, "bin"),
  ];
  return { ...process.env, PATH: folders.join(delimiter) };
}
