import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { downloadDebianPackage, isDebian } from "./apt.mjs";
import { TOOLS } from "./paths.mjs";
import { Stop, step } from "./progress.mjs";
import { attempt, findProgram } from "./run.mjs";

const KUBECTL = join(TOOLS, "bin", "kubectl");

/** Debian packages that only tests and benchmarks need, of those that are missing. */
export async function missingTestPackages() {
  return (await hasStaticBusybox()) ? [] : ["busybox-static"];
}

/** A kubectl for the tests: the machine's own, else Debian's, unpacked into .tools without being installed. */
export async function ensureKubectl() {
  if (findProgram("kubectl", [join(TOOLS, "bin")]) !== undefined) return;
  if (!isDebian())
    throw new Stop("The tests need kubectl. Install it: https://kubernetes.io/docs/tasks/tools/");
  await step("Fetching kubectl (Debian's kubernetes-client)", fetchKubectl);
}

async function fetchKubectl() {
  mkdirSync(join(TOOLS, "bin"), { recursive: true });
  const folder = mkdtempSync(join(TOOLS, "kubectl-"));
  try {
    const found = await downloadDebianPackage("kubernetes-client", folder);
    const archive = readdirSync(folder).find((name) => name.endsWith(".deb"));
    const unpacked =
      found && archive !== undefined
        ? await attempt("dpkg", ["-x", join(folder, archive), folder])
        : { code: 1 };
    if (unpacked.code !== 0)
      throw new Stop(
        "The tests need kubectl, and Debian's package kubernetes-client could not be fetched. Install kubectl: https://kubernetes.io/docs/tasks/tools/",
      );
    renameSync(join(folder, "usr", "bin", "kubectl"), KUBECTL);
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
