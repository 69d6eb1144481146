import type { Clock } from "../../base/clock.ts";
import { TunnelError } from "../../client/tunnel-client.ts";
import type { TunnelStream } from "../../client/tunnel-stream.ts";
import { CHANNEL, type AttachRequest, type ExecRequest } from "../../model/tunnel.ts";
import {
  RuntimeError,
  type ContainerRuntime,
  type ProcessStream,
  type TerminalSize,
} from "../runtime.ts";
import { runningContainer, type ContainersOf } from "./find-container.ts";
import { TerminalSizes } from "./terminal-sizes.ts";

export interface ExecHandlerOptions {
  readonly runtime: ContainerRuntime;
  readonly containersOf: ContainersOf;
  readonly clock: Clock;
}

/** Runs a command in a container, or joins its first process, until either is over or the client has gone. */
export async function serveExec(
  request: ExecRequest | AttachRequest,
  stream: TunnelStream,
  options: ExecHandlerOptions,
): Promise<void> {
  const container = runningContainer(options.containersOf, request);
  const sizes = request.tty ? new TerminalSizes(stream) : undefined;
  if (sizes !== undefined) stream.accept();
  const size = await sizes?.first(options.clock);
  const process = await open(request, { id: container.id, size }, options.runtime, stream.signal);
  try {
    stream.accept();
    sizes?.follow(process);
    await relay(request, stream, process);
  } finally {
    await process.hangUp();
  }
}

async function open(
  request: ExecRequest | AttachRequest,
  { id, size }: { readonly id: string; readonly size: TerminalSize | undefined },
  runtime: ContainerRuntime,
  signal: AbortSignal,
): Promise<ProcessStream> {
  try {
    if (request.kind === "exec") return await runtime.openExec(id, { ...request, size }, signal);
    const process = await runtime.attach(id, request, signal);
    if (size !== undefined) await process.resize(size, signal);
    return process;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    throw new TunnelError(error.code === "not-found" ? 404 : 500, error.message, { cause: error });
  }
}

async function relay(
  request: ExecRequest | AttachRequest,
  stream: TunnelStream,
  process: ProcessStream,
): Promise<void> {
  const { signal } = stream;
  const gone = Promise.withResolvers<never>();
  gone.promise.catch(() => undefined);
  const abort = (): void => gone.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    // Ends with the stream, and what it meets is that end.
    if (request.stdin) feed(stream, process).catch(() => undefined);
    await Promise.race([gone.promise, copyOutput(stream, process)]);
    const exitCode = await Promise.race([gone.promise, process.exitCode(signal)]);
    await stream.write(toStatus(exitCode ?? 0), CHANNEL.error);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function feed(stream: TunnelStream, process: ProcessStream): Promise<void> {
  for await (const chunk of stream.read(CHANNEL.stdin)) await process.write(chunk);
  process.endInput();
}

async function copyOutput(stream: TunnelStream, process: ProcessStream): Promise<void> {
  for await (const { stderr, bytes } of process.output) {
    await stream.write(bytes, stderr ? CHANNEL.stderr : CHANNEL.stdout);
  }
}

/** What kubectl reads from the error channel at the end: how the command has ended. */
function toStatus(exitCode: number): Uint8Array {
  const status =
    exitCode === 0
      ? { metadata: {}, status: "Success" }
      : {
          metadata: {},
          status: "Failure",
          message: `command terminated with non-zero exit code: exit status ${exitCode}`,
          reason: "NonZeroExitCode",
          details: { causes: [{ reason: "ExitCode", message: String(exitCode) }] },
        };
  return new TextEncoder().encode(JSON.stringify(status));
}
