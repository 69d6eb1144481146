import { systemClock } from "../base/system-clock.ts";
import type { Clock, Millis } from "../base/clock.ts";
import { MAX_SESSION_CHARS, NftSession } from "./nft-session.ts";
import { ProxyError } from "./proxy-error.ts";
import type { OpenCommand, RunCommand } from "./run-command.ts";
import { serial } from "./serial.ts";

/** The kernel's packet rules, by the `nft` tool. Calls are done one after the other, in their order. */
export interface Nft {
  /** Applies a script as one transaction, or throws a `ProxyError` and leaves everything as it was. */
  apply(script: string, signal: AbortSignal): Promise<void>;
  /** The same for a script in which each line is a command: faster when it is short. */
  change(script: string, signal: AbortSignal): Promise<void>;
  /** Tries a script without applying it: what nft says about it, empty when it would pass. */
  check(script: string, signal: AbortSignal): Promise<string>;
  /** `check` for what is asked again and again, of lines that are a command each. It waits for no other call. */
  look(script: string, signal: AbortSignal): Promise<string>;
  hasTable(name: string, signal: AbortSignal): Promise<boolean>;
  /** Gives back what a time of many changes needed. To be called now and then. */
  rest(): void;
}

/** How much of nft's words goes into a message: it repeats the script, which may be long. */
const MAX_ERROR_CHARS = 600;

/** A process that is spoken to stays for so long after the last change. */
const REST_MS: Millis = 10_000;

/** Runs `nft` by `run`; with `open`, short changes and looks are told to processes that stay. */
export function nftTool(run: RunCommand, open?: OpenCommand, clock: Clock = systemClock): Nft {
  const inTurn = serial();
  const inLookTurn = serial();
  const session = (args: readonly string[]): NftSession | undefined =>
    open === undefined ? undefined : new NftSession({ open, args, clock });
  const changes = session([]);
  const looks = session(["-c"]);
  let changedAt = clock.monotonic();

  const apply = async (script: string, signal: AbortSignal): Promise<void> => {
    const { exitCode, stderr } = await run("nft", ["-f", "-"], { stdin: script, signal });
    if (exitCode !== 0) throw toError(stderr);
  };
  const check = async (script: string, signal: AbortSignal): Promise<string> => {
    const result = await run("nft", ["-c", "-f", "-"], { stdin: script, signal });
    return result.exitCode === 0 ? "" : result.stderr;
  };
  return {
    apply: (script, signal) => inTurn(() => apply(script, signal)),
    change: (script, signal) =>
      inTurn(async () => {
        if (changes === undefined || script.length > MAX_SESSION_CHARS)
          return apply(script, signal);
        changedAt = clock.monotonic();
        const said = await changes.ask(script, signal);
        if (said.includes("Error:")) throw toError(said);
      }),
    check: (script, signal) => inTurn(() => check(script, signal)),
    look: (script, signal) =>
      inLookTurn(() => (looks === undefined ? check(script, signal) : looks.ask(script, signal))),
    rest: () => {
      if (clock.monotonic() - changedAt > REST_MS) changes?.close();
    },
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
