#!/usr/bin/env node
// Starts the `berth` command on a Node that is new enough. No dependencies: it runs before any is installed.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const WANTED_NODE = 24;
const PACKAGE = dirname(dirname(fileURLToPath(import.meta.url)));
const BUNDLED_NODE = join(PACKAGE, "node_modules", "node", "bin", "node");
const SOURCES = join(PACKAGE, "src", "cli", "main.ts");
const BUILT = join(PACKAGE, "dist", "cli", "main.js");
/** The sources in a clone; the published package has only `dist`. `BERTH_BUILT=1` takes what `npm run build` made. */
const MAIN = (process.env["BERTH_BUILT"] === "1" ? [BUILT] : [SOURCES, BUILT]).find((path) =>
  existsSync(path),
);
const IS_CLONE = existsSync(join(PACKAGE, "package-lock.json"));

if (MAIN === undefined) fail(`The package in ${PACKAGE} is incomplete. Install it again`);
else if (IS_CLONE && !existsSync(join(PACKAGE, "node_modules")))
  fail(`The packages of Berth are not installed. Run "npm ci" in ${PACKAGE}`);
else if (Number.parseInt(process.versions.node, 10) >= WANTED_NODE) {
  process.argv[1] = MAIN;
  await import(pathToFileURL(MAIN).href);
} else if (existsSync(BUNDLED_NODE)) runWith(BUNDLED_NODE, MAIN);
else
  fail(
    `Berth needs Node ${WANTED_NODE} or newer; this is ${process.version}. ${IS_CLONE ? `Run "npm ci" in ${PACKAGE}, which brings one` : "Install one from https://nodejs.org"}`,
  );

/** Becomes, as far as anybody can tell, the same command on another Node. */
function runWith(node, main) {
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"])
    process.on(signal, () => child.kill(signal));
  // A terminal sends Ctrl-C to both of us; anybody else's SIGINT comes to this process alone.
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
  child.on("error", (error) => fail(`Cannot start ${node}: ${error.message}`));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}
