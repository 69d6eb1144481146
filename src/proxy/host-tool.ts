import { ProxyError } from "./proxy-error.ts";
import type { RunCommand } from "./run-command.ts";

/** Runs a tool that must succeed; gives its output. Throws a `ProxyError` that says what was tried. */
export async function runTool(
  run: RunCommand,
  command: string,
  args: readonly string[],
  options: { readonly stdin?: string; readonly signal: AbortSignal },
): Promise<string> {
  const { exitCode, stdout, stderr } = await run(command, args, options);
  if (exitCode === 0) return stdout;
  const said = stderr.trim().slice(0, 300);
  const tried = `"${command} ${args.join(" ")}"`;
  if (/not permitted|permission denied|you must be root|read-only file system/i.test(stderr)) {
    throw new ProxyError(
      "not-permitted",
      `Cannot set up the network of this node, the right is missing: run the node as root, or with CAP_NET_ADMIN (${tried}: ${said})`,
    );
  }
  throw new ProxyError(
    "refused",
    `Cannot set up the network of this node: ${tried} said "${said}"`,
  );
}
