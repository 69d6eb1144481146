import { runOnHost } from "../src/proxy/run-command.ts";

/** Installs Debian's packages of tools that are missing, by the names of tool and package. */
export async function needTools(
  tools: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const missing: string[] = [];
  for (const [tool, name] of Object.entries(tools)) {
    const found = await runOnHost("sh", ["-c", `command -v ${tool}`], { signal });
    if (found.exitCode !== 0) missing.push(name);
  }
  if (missing.length === 0) return;
  const args = ["install", "-y", "--no-install-recommends", ...new Set(missing)];
  const { exitCode, stderr } = await runOnHost("apt-get", args, { signal });
  if (exitCode !== 0)
    throw new Error(`Cannot install ${missing.join(", ")}: ${stderr.trim().slice(0, 300)}`);
}
