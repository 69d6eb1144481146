import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { NODE_MODULES } from "./paths.mjs";
import { Stop } from "./progress.mjs";

/** How much of a command's output is kept for its failure message. */
const MAX_OUTPUT_BYTES = 64_000;
const TAIL_LINES = 15;

/** Runs a command in silence and resolves with its output; throws a `Stop` with the output's tail when it fails. */
export async function run(command, args, options = {}) {
  const { code, output } = await attempt(command, args, options);
  if (code === 0) return output;
  const line = [command, ...args].join(" ");
  throw new Stop(`"${line}" failed (${code}):\n${tail(output)}`);
}

/** Runs a command in silence and resolves with its exit code (or signal, or spawn error) and output. */
export function attempt(command, args, { cwd, env = process.env, timeoutMs } = {}) {
  return new Promise((resolve) => {
    let output = "";
    const keep = (chunk) => {
      output = (output + chunk).slice(-MAX_OUTPUT_BYTES);
    };
    const stdio = ["ignore", "pipe", "pipe"];
    const child = spawn(command, args, { cwd, env, stdio, timeout: timeoutMs });
    child.stdout.setEncoding("utf8").on("data", keep);
    child.stderr.setEncoding("utf8").on("data", keep);
    child.on("error", (error) => resolve({ code: error.code, output: error.message }));
    child.on("close", (code, signal) => resolve({ code: code ?? signal, output }));
  });
}

/** Runs a command on this terminal and resolves with its exit code; signals to us are passed on to it. */
export function runInForeground(command, args, { env = process.env, cwd } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: "inherit" });
    // Ctrl-C reaches the child by itself; we only must not end before it.
    const stay = () => undefined;
    const pass = (signal) => child.kill(signal);
    process.on("SIGINT", stay).on("SIGTERM", pass).on("SIGHUP", pass);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      process.off("SIGINT", stay).off("SIGTERM", pass).off("SIGHUP", pass);
      resolve(code ?? (signal === "SIGINT" ? 130 : 1));
    });
  });
}

/** The path of a program in PATH (and in the folders where administrators' tools live), or `undefined`. */
export function findProgram(name, extraFolders = ["/usr/sbin", "/sbin", "/usr/local/sbin"]) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...extraFolders];
  return folders
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find((path) => isExecutable(path));
}

/** The environment without what `npm run` adds to PATH, for commands that replace node_modules under our feet. */
export function outerEnv() {
  const path = (process.env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => !folder.startsWith(NODE_MODULES));
  return { ...process.env, PATH: path.join(delimiter) };
}

export function tail(text, lines = TAIL_LINES) {
  return text
    .trimEnd()
    .split("\n")
    .slice(-lines)
    .map((line) => `  ${line}`)
    .join("\n");
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
