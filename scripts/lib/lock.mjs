import { createHash } from "node:crypto";
import { connect, createServer } from "node:net";
import { ROOT } from "./paths.mjs";

/**
 * Runs `action` while no other process of this clone does. The lock is a socket in Linux' abstract namespace:
 * the kernel takes it back when its holder ends, however that happens.
 */
export async function withLock(name, action) {
  const digest = createHash("sha256").update(ROOT).digest("hex").slice(0, 16);
  const server = await acquire(`\0berth-${name}-${digest}`);
  try {
    return await action();
  } finally {
    server.close();
  }
}

async function acquire(address) {
  let told = false;
  for (;;) {
    const server = await listen(address);
    if (server !== undefined) return server;
    if (!told) console.log("- Another run is preparing this clone; waiting for it");
    told = true;
    await untilReleased(address);
  }
}

/** The listening server, or `undefined` when somebody else holds the address. */
function listen(address) {
  return new Promise((resolve, reject) => {
    const held = new Set();
    const server = createServer((socket) => {
      held.add(socket);
      socket.on("error", () => undefined).on("close", () => held.delete(socket));
    });
    server.on("error", (error) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    const close = server.close.bind(server);
    server.close = () => {
      for (const socket of held) socket.destroy();
      return close();
    };
    server.listen(address, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** Resolves when the holder lets its connections go, or is gone already. */
function untilReleased(address) {
  return new Promise((resolve) => {
    connect(address)
      .on("error", () => resolve())
      .on("close", () => resolve())
      .resume();
  });
}
