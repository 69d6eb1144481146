import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { getSystemErrorMap } from "node:util";
import { NETNS_DIAL_AMD64, NETNS_DIAL_ARM64 } from "./netns-dial.gen.ts";

/** A TCP connection. Whoever has it must call `hangUp`. */
export interface Connection {
  readonly output: AsyncIterable<Uint8Array>;
  /** Resolves when there is room for more. What nobody reads any more is dropped. */
  write(chunk: Uint8Array): Promise<void>;
  endInput(): void;
  hangUp(): void;
}

/** Connects to a port of the loopback of the network namespace that process `pid` is in. Throws `DialError`. */
export type Dial = (
  target: { readonly pid: number; readonly port: number },
  signal: AbortSignal,
) => Promise<Connection>;

/** The connection was not made. `message` says why in the system's words. */
export class DialError extends Error {
  override readonly name = "DialError";
}

const BINARIES: Readonly<Record<string, string>> = {
  x64: NETNS_DIAL_AMD64,
  arm64: NETNS_DIAL_ARM64,
};
const CONNECTED = "+".charCodeAt(0);

/** Dials by a tiny helper program that joins the namespace; it is written into `stateDir` when it is first needed. */
export function netnsDial(stateDir: string): Dial {
  let program: Promise<string> | undefined;
  return async ({ pid, port }, signal) => {
    program ??= install(stateDir);
    const path = await program.catch((error: unknown) => {
      program = undefined;
      throw error;
    });
    return await start(path, { pid, port }, signal);
  };
}

function systemMessage(errno: number): string {
  return getSystemErrorMap().get(errno)?.[1] ?? `error ${-errno}`;
}

async function install(stateDir: string): Promise<string> {
  const binary = BINARIES[process.arch];
  if (binary === undefined) {
    throw new DialError(
      `there is no program for the architecture "${process.arch}", only for ${Object.keys(BINARIES).join(" and ")}`,
    );
  }
  const content = Buffer.from(binary, "base64");
  const name = `netns-dial-${createHash("sha256").update(content).digest("hex").slice(0, 12)}`;
  const folder = join(stateDir, "bin");
  const path = join(folder, name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, content);
  await chmod(draft, 0o500);
  // In one step: another agent's helper that runs is never written to.
  await rename(draft, path);
  return path;
}

async function start(
  path: string,
  { pid, port }: { readonly pid: number; readonly port: number },
  signal: AbortSignal,
): Promise<Connection> {
  signal.throwIfAborted();
  const child = spawn(path, [`/proc/${pid}/ns/net`, String(port)], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => {
    child.kill("SIGKILL");
    reject(signal.reason);
  };
  signal.addEventListener("abort", abort, { once: true });
  child.on("error", (error) => reject(new DialError(error.message, { cause: error })));
  child.stdin.on("error", () => undefined);
  child.stdout.on("error", () => undefined);
  child.stdout.once("readable", () => {
    const first = child.stdout.read(1) as Buffer | null;
    if (first?.[0] === CONNECTED) return resolve();
    const rest = child.stdout.read() as Buffer | null;
    const errno = Number(rest?.toString("latin1") ?? Number.NaN);
    reject(new DialError(systemMessage(-errno)));
  });
  try {
    await promise;
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
  return {
    output: child.stdout,
    ...writing(child.stdin),
    hangUp: () => {
      child.kill("SIGKILL");
      child.stdin.destroy();
      child.stdout.destroy();
    },
  };
}

function writing(sink: Writable): Pick<Connection, "write" | "endInput"> {
  return {
    write: async (chunk) => {
      if (!sink.writable) return;
      await new Promise<void>((resolve) => {
        sink.write(chunk, () => resolve());
      });
    },
    endInput: () => {
      if (sink.writable) sink.end();
    },
  };
}
