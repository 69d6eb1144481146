import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join, resolve } from "node:path";
import { StoreError } from "./store.ts";

export interface FolderLock {
  release(): Promise<void>;
}

const LOCK_NAME = /^lock-(\d+)-[0-9a-f]{16}\.sock$/;
/** Longest path that a Unix socket's address can hold on Linux and macOS alike. */
const MAX_SOCKET_PATH = 103;

/**
 * Takes the folder for this process until it is released or the process is gone; makes the folder when absent.
 * Throws "locked" when another opener, in this process or another, has it.
 *
 * The lock is a listening Unix socket in the folder: the kernel closes it with its process, however that dies, and it
 * is seen across containers that share the folder. Each opener first shows its own socket, then looks for others, so
 * of two at the same time at most one gets in.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = resolve(folder);
  await mkdir(path, { recursive: true, mode: 0o700 });
  const name = `lock-${process.pid}-${randomBytes(8).toString("hex")}.sock`;
  const server = await withShortPath(path, (short) => listen(short, path, name));
  const release = async (): Promise<void> => {
    await rm(join(path, name), { force: true });
    await new Promise<void>((done) => server.close(() => done()));
  };
  try {
    await withShortPath(path, async (short) => {
      await refuseOthers(short, path, name);
      await sweepUnfinished(short, path);
    });
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

/** Listens under another name first: who finds the final name can connect for sure, or its owner is gone. */
async function listen(short: string, path: string, name: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((done, fail) => {
    server.once("error", fail);
    server.listen(join(short, `.${name}`), done);
  });
  server.unref();
  try {
    await rename(join(path, `.${name}`), join(path, name));
  } catch (error) {
    server.close();
    // Whoever holds the lock has swept it away.
    if (isCode(error, "ENOENT")) throw locked(path, "another process");
    throw error;
  }
  return server;
}

async function refuseOthers(short: string, path: string, own: string): Promise<void> {
  for (const name of await readdir(path)) {
    const holder = LOCK_NAME.exec(name)?.[1];
    if (holder === undefined || name === own) continue;
    if (await isListening(join(short, name))) {
      throw locked(path, Number(holder) === process.pid ? "this process" : `process ${holder}`);
    }
    await rm(join(path, name), { force: true });
  }
}

/** With the lock in hand: removes what openers left behind that died before they showed their socket. */
async function sweepUnfinished(short: string, path: string): Promise<void> {
  for (const name of await readdir(path)) {
    if (!name.startsWith(".") || !LOCK_NAME.test(name.slice(1))) continue;
    if (!(await isListening(join(short, name)))) await rm(join(path, name), { force: true });
  }
}

/** False when nobody can ever answer there again. */
function isListening(path: string): Promise<boolean> {
  return new Promise((done, fail) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") done(false);
      // Its queue of connections is full: somebody listens, and is busy or stopped.
      else if (error.code === "EAGAIN") done(true);
      else fail(error);
    });
  });
}

function locked(path: string, who: string): StoreError {
  return new StoreError("locked", `Cannot open the store "${path}": ${who} has it open`);
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** A socket's address is short: long folders are reached through a descriptor. */
async function withShortPath<T>(path: string, use: (short: string) => Promise<T>): Promise<T> {
  const longest = join(path, `.lock-${process.pid}-0123456789abcdef.sock`);
  if (Buffer.byteLength(longest) + 4 <= MAX_SOCKET_PATH) return await use(path);
  const handle = await open(path);
  try {
    return await use(`/proc/self/fd/${handle.fd}`);
  } finally {
    await handle.close();
  }
}
