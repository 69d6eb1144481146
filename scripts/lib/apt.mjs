import { readFileSync } from "node:fs";
import { Stop } from "./progress.mjs";
import { attempt, findProgram, tail } from "./run.mjs";

const APT_TIMEOUT_MS = 600_000;
const ENV = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
/** Another apt may be at work, for instance the daily upgrade of a fresh machine. */
const OPTIONS = ["-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3"];

export function isRoot() {
  return process.getuid?.() === 0;
}

/** Whether this is Debian, Ubuntu or one of their descendants. */
export function isDebian() {
  try {
    const release = readFileSync("/etc/os-release", "utf8");
    return (
      /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release) && findProgram("apt-get") !== undefined
    );
  } catch {
    return false;
  }
}

/** Installs Debian packages. A failed update is not the end: the lists may be good enough. */
export async function installDebianPackages(packages) {
  const update = await apt(["update", "-qq"]);
  const install = await apt(["install", "-y", "-qq", "--no-install-recommends", ...packages]);
  if (install.code === 0) return;
  const cause = update.code === 0 ? install.output : `${update.output}\n${install.output}`;
  throw new Stop(
    `apt-get could not install ${packages.join(", ")}. Mend what it says, then run this again:\n${tail(cause)}`,
  );
}

/** Downloads the archive of one Debian package into a folder, without installing it. */
export async function downloadDebianPackage(name, folder) {
  const first = await apt(["download", name], folder);
  if (first.code === 0) return true;
  await apt(["update", "-qq"]);
  return (await apt(["download", name], folder)).code === 0;
}

function apt(args, cwd) {
  return attempt("apt-get", [...OPTIONS, ...args], { cwd, env: ENV, timeoutMs: APT_TIMEOUT_MS });
}
