import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { downloadDebianPackage, isDebian } from "./apt.mjs";
import { TOOLS } from "./paths.mjs";
import { Stop, step } from "./progress.mjs";
import { attempt, findProgram } from "./run.mjs";

const BIN = join(TOOLS, "bin");

/** Debian packages that only tests and benchmarks need, of those that are missing. */
export async function missingTestPackages() {
  const missing = (await hasStaticBusybox()) ? [] : ["busybox-static"];
  if (findProgram("sshd", ["/usr/sbin"]) === undefined) missing.push("openssh-server");
  if (findProgram("systemd-analyze") === undefined) missing.push("systemd");
  if (findProgram("age") === undefined) missing.push("age");
  const { code } = await attempt("/usr/bin/python3", ["-c", "import yaml, cryptography"]);
  if (code !== 0) missing.push("python3-yaml", "python3-cryptography");
  return missing;
}

/** A kubectl for the tests: the machine's own, else Debian's, unpacked into .tools without being installed. */
export async function ensureKubectl() {
  if (findProgram("kubectl", [BIN]) !== undefined) return;
  if (!isDebian())
    throw new Stop("The tests need kubectl. Install it: https://kubernetes.io/docs/tasks/tools/");
  await step("Fetching kubectl (Debian's kubernetes-client)", () =>
    fetchProgram("kubectl", "kubernetes-client"),
  );
}

/** A registry for the tests. Debian's is unpacked only: installed, it would listen on every address. */
export async function ensureRegistry() {
  if (findProgram("docker-registry", [BIN]) !== undefined) return;
  if (!isDebian())
    throw new Stop("The tests need docker-registry. Install it: https://distribution.github.io");
  await step("Fetching docker-registry", () => fetchProgram("docker-registry", "docker-registry"));
}

async function fetchProgram(program, debianPackage) {
  mkdirSync(BIN, { recursive: true });
  const folder = mkdtempSync(join(TOOLS, `${program}-`));
  try {
    const found = await downloadDebianPackage(debianPackage, folder);
    const archive = readdirSync(folder).find((name) => name.endsWith(".deb"));
    const unpacked =
      found && archive !== undefined
        ? await attempt("dpkg", ["-x", join(folder, archive), folder])
        : { code: 1 };
    if (unpacked.code !== 0)
      throw new Stop(
        `The tests need ${program}, and Debian's package ${debianPackage} could not be fetched. Install ${program} yourself`,
      );
    renameSync(join(folder, "usr", "bin", program), join(BIN, program));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The test images are made from it, so it must not need libraries. */
async function hasStaticBusybox() {
  const path = findProgram("busybox");
  if (path === undefined) return false;
  const { output } = await attempt("ldd", [path]);
  return /not a dynamic executable|statically linked/.test(output);
}
