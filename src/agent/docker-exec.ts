import type { DockerConnection } from "./docker-connection.ts";
import { demuxLog } from "./log-demux.ts";
import { RuntimeError, type ExecOptions, type ExecResult } from "./runtime.ts";

interface DockerExecInspection {
  readonly Running: boolean;
  readonly ExitCode: number | null;
  readonly Pid: number;
}

/** After the output has ended the daemon may still say "running" for a moment. */
const EXIT_CODE_LOOKS = 20;
const EXIT_CODE_WAIT_MS = 50;
/** What the Engine may take beyond the command's own time, to make ready or to look for the process that must end. */
const ENGINE_LIMIT_MS = 10_000;

/**
 * Runs a command in a running container. The Engine cannot end an exec, and its process would go on after we hang up:
 * when the time is out, the process is killed by its id, so the agent must share the host's process namespace.
 */
export async function dockerExec(
  docker: DockerConnection,
  id: string,
  options: ExecOptions,
  signal: AbortSignal,
): Promise<ExecResult> {
  const purpose = `run a command in container "${id}"`;
  const made = await docker.call<{ readonly Id: string }>(
    {
      method: "POST",
      path: `/containers/${id}/exec`,
      body: { Cmd: options.command, AttachStdout: true, AttachStderr: true },
      purpose,
      limitMs: options.timeoutMs + ENGINE_LIMIT_MS,
    },
    signal,
  );
  if (made === undefined) throw new RuntimeError("failed", `Cannot ${purpose}`);
  const limit = AbortSignal.timeout(options.timeoutMs);
  const output = await readOutput(docker, made.Id, options, AbortSignal.any([signal, limit]));
  if (output.ended) {
    const exitCode = await readExitCode(docker, made.Id, purpose, signal);
    return { exitCode, output: output.text, timedOut: false };
  }
  await killExec(docker, made.Id, purpose);
  signal.throwIfAborted();
  return { output: output.text, timedOut: true };
}

async function readOutput(
  docker: DockerConnection,
  execId: string,
  options: ExecOptions,
  signal: AbortSignal,
): Promise<{ readonly text: string; readonly ended: boolean }> {
  const parts: Uint8Array[] = [];
  let kept = 0;
  const text = (): string => Buffer.concat(parts).toString("utf8");
  try {
    const stream = await docker.stream(
      "stream",
      {
        method: "POST",
        path: `/exec/${execId}/start`,
        body: { Detach: false, Tty: false },
        purpose: "start a command",
      },
      signal,
    );
    if (stream === undefined) return { text: "", ended: true };
    try {
      for await (const chunk of demuxLog(stream)) {
        const part = chunk.subarray(0, options.maxOutputBytes - kept);
        kept += part.length;
        if (part.length > 0) parts.push(Uint8Array.from(part));
      }
    } finally {
      stream.destroy();
    }
    // An aborted stream may just end.
    return { text: text(), ended: !signal.aborted };
  } catch (error) {
    if (signal.aborted) return { text: text(), ended: false };
    throw error;
  }
}

/** How an exec whose output is over has ended. */
export async function readExitCode(
  docker: DockerConnection,
  execId: string,
  purpose: string,
  signal: AbortSignal,
): Promise<number> {
  for (let look = 0; look < EXIT_CODE_LOOKS; look += 1) {
    const found = await inspectExec(docker, execId, purpose, signal);
    if (found !== undefined && !found.Running && found.ExitCode !== null) return found.ExitCode;
    await new Promise((resolve) => setTimeout(resolve, EXIT_CODE_WAIT_MS));
    signal.throwIfAborted();
  }
  throw new RuntimeError(
    "timeout",
    `Cannot ${purpose}: the Docker Engine did not say how it ended`,
  );
}

/** Not under the caller's signal: a process must not stay behind because its caller left. */
async function killExec(docker: DockerConnection, execId: string, purpose: string): Promise<void> {
  const found = await inspectExec(docker, execId, purpose, new AbortController().signal);
  if (found === undefined || !found.Running || found.Pid <= 0) return;
  try {
    process.kill(found.Pid, "SIGKILL");
  } catch (error) {
    // Gone meanwhile.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** `undefined` when the daemon has forgotten it. */
export async function inspectExec(
  docker: DockerConnection,
  execId: string,
  purpose: string,
  signal: AbortSignal,
): Promise<DockerExecInspection | undefined> {
  return await docker.call<DockerExecInspection>(
    {
      method: "GET",
      path: `/exec/${execId}/json`,
      purpose,
      alreadySo: [404],
      limitMs: ENGINE_LIMIT_MS,
    },
    signal,
  );
}
