import { mkdir, open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Container } from "../model/kinds.gen.ts";
import type { ContainerRuntime, MountSpec } from "./runtime.ts";

/** Kubernetes' limits on last words. */
const MAX_MESSAGE_BYTES = 4096;
const MAX_LOG_LINES = 80;
const MAX_LOG_BYTES = 2048;
const DEFAULT_PATH = "/dev/termination-log";

/** The folder of a pod's files on the node. Pure. */
export function podFolder(stateDir: string, podUid: string): string {
  return join(stateDir, "pods", podUid);
}

/** Makes the file that a container may leave its last words in, and says how to mount it. */
export async function makeTerminationLog(
  folder: string,
  container: Container,
  attempt: number,
): Promise<MountSpec> {
  const source = fileOf(folder, container.name, attempt);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await writeFile(source, "", { mode: 0o666 });
  // The mask of this process must not keep another user from writing.
  const file = await open(source, "r+");
  try {
    await file.chmod(0o666);
  } finally {
    await file.close();
  }
  return {
    kind: "bind",
    source,
    target: container.terminationMessagePath ?? DEFAULT_PATH,
    readOnly: false,
  };
}

export interface DeadContainer {
  readonly folder: string;
  readonly container: Container;
  readonly attempt: number;
  readonly id: string;
  readonly exitCode: number;
}

/** What a dead container left to say; with FallbackToLogsOnError else the end of its log. */
export async function readTerminationMessage(
  runtime: ContainerRuntime,
  dead: DeadContainer,
  signal: AbortSignal,
): Promise<string | undefined> {
  const words = await readStart(fileOf(dead.folder, dead.container.name, dead.attempt));
  if (words !== "") return words;
  if (dead.container.terminationMessagePolicy !== "FallbackToLogsOnError" || dead.exitCode === 0) {
    return undefined;
  }
  let tail = Buffer.alloc(0);
  const options = { follow: false, timestamps: false, tail: MAX_LOG_LINES };
  for await (const chunk of runtime.logs(dead.id, options, signal)) {
    tail = Buffer.concat([tail, chunk]).subarray(-MAX_LOG_BYTES);
  }
  return tail.length === 0 ? undefined : tail.toString("utf8");
}

/** Removes all files of a pod. */
export async function removePodFolder(stateDir: string, podUid: string): Promise<void> {
  if (podUid !== "") await rm(podFolder(stateDir, podUid), { recursive: true, force: true });
}

function fileOf(folder: string, container: string, attempt: number): string {
  return join(folder, `${container}.${attempt}.log`);
}

async function readStart(path: string): Promise<string> {
  try {
    const file = await open(path, "r");
    try {
      const { buffer, bytesRead } = await file.read(
        Buffer.alloc(MAX_MESSAGE_BYTES),
        0,
        MAX_MESSAGE_BYTES,
        0,
      );
      return buffer.subarray(0, bytesRead).toString("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}
