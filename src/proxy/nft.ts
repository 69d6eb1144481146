import { ProxyError } from "./proxy-error.ts";
import type { RunCommand } from "./run-command.ts";
import { serial } from "./serial.ts";

/** The kernel's packet rules, by the `nft` tool. Calls are done one after the other, in their order. */
export interface Nft {
  /** Applies a script as one transaction, or throws a `ProxyError` and leaves everything as it was. */
  apply(script: string, signal: AbortSignal): Promise<void>;
  /** Tries a script without applying it: what nft says about it, empty when it would pass. */
  check(script: string, signal: AbortSignal): Promise<string>;
  hasTable(name: string, signal: AbortSignal): Promise<boolean>;
}

/** How much of nft's words goes into a message: it repeats the script, which may be long. */
const MAX_ERROR_CHARS = 600;

/** Runs `nft` by `run`. */
export function nftTool(run: RunCommand): Nft {
  const inTurn = serial();
  return {
    apply: (script, signal) =>
      inTurn(async () => {
        const { exitCode, stderr } = await run("nft", ["-f", "-"], { stdin: script, signal });
        if (exitCode !== 0) throw toError(stderr);
      }),
    check: (script, signal) =>
      inTurn(async () => {
        const result = await run("nft", ["-c", "-f", "-"], { stdin: script, signal });
        return result.exitCode === 0 ? "" : result.stderr;
      }),
    hasTable: (name, signal) =>
      inTurn(async () => {
        // Listing would read all sets of all tables first.
        const stdin = `delete table ip ${name}\n`;
        const { exitCode, stderr } = await run("nft", ["-c", "-f", "-"], { stdin, signal });
        if (exitCode === 0) return true;
        if (stderr.includes("No such file or directory")) return false;
        throw toError(stderr);
      }),
  };
}

function toError(stderr: string): ProxyError {
  const said = stderr.trim().slice(0, MAX_ERROR_CHARS);
  if (/operation not permitted|you must be root/i.test(stderr)) {
    return new ProxyError(
      "not-permitted",
      `Cannot change the nftables rules, the right is missing: run the node as root, or with CAP_NET_ADMIN (nft: ${said})`,
    );
  }
  return new ProxyError("refused", `Cannot change the nftables rules: nft said "${said}"`);
}
