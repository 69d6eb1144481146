import { rmdir } from "node:fs/promises";
import { join } from "node:path";
import { lockFolder, type FolderLock } from "../store/folder-lock.ts";
import { StoreError } from "../store/store.ts";
import { CliError } from "./cli-error.ts";
import type { NodeSetup } from "./node-setup.ts";

/** Goes with the machine's boot, as its processes do. */
const HOST_LOCKS = "/run/berth/nodes";

/**
 * Makes sure that this process is the only agent of its node: two would start and end each other's containers. Held
 * until disposed, or until the process is gone, however that ends.
 */
export async function lockNode(
  { config, stateDir }: Pick<NodeSetup, "config" | "stateDir">,
  hostLocks: string = HOST_LOCKS,
): Promise<AsyncDisposable> {
  const { clusterId, nodeName } = config;
  await using stack = new AsyncDisposableStack();
  const own = await take(join(stateDir, "lock"), (who) => ({
    message: `Cannot start node "${nodeName}": ${who} runs it already, from "${stateDir}"`,
    cure: "end that one first; of a service: systemctl stop berth",
  }));
  stack.defer(() => own.release());
  const ours = await take(join(hostLocks, `${clusterId}.${nodeName}`), (who) => ({
    message: `Cannot start node "${nodeName}" of cluster "${clusterId}" from "${stateDir}": ${who} is this node already, from another folder, and two agents would fight over the same containers`,
    cure: "end that one first, or give this node a name of its own",
  }));
  stack.defer(async () => {
    await ours.release();
    // Unless the next one is in it already.
    await rmdir(join(hostLocks, `${clusterId}.${nodeName}`)).catch(() => undefined);
  });
  const held = stack.move();
  return { [Symbol.asyncDispose]: () => held.disposeAsync() };
}

async function take(
  folder: string,
  refuse: (who: string) => { readonly message: string; readonly cure: string },
): Promise<FolderLock> {
  try {
    return await lockFolder(folder);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== "locked") throw error;
    const who = /: (process \d+|this process|another process) has it open$/.exec(
      error.message,
    )?.[1];
    const { message, cure } = refuse(who ?? "another process");
    throw new CliError(message, { cure, cause: error });
  }
}
