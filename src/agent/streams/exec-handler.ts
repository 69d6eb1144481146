import { TunnelError } from "../../client/tunnel-client.ts";
import type { TunnelStream } from "../../client/tunnel-stream.ts";
import { CHANNEL, type AttachRequest, type ExecRequest } from "../../model/tunnel.ts";
import { RuntimeError, type ContainerRuntime, type ProcessStream } from "../runtime.ts";
import { runningContainer, type ContainersOf } from "./find-container.ts";

export interface ExecHandlerOptions {
  readonly runtime: ContainerRuntime;
  readonly containersOf: ContainersOf;
}

/** Of one message about the terminal's size. */
const MAX_SIZE_CHARS = 1024;
/** Columns and rows are 16 bits wide. */
const MAX_SIDE = 65_535;

/** Runs a command in a container, or joins its first process, until either is over or the client has gone. */
export async function serveExec(
  request: ExecRequest | AttachRequest,
  stream: TunnelStream,
  { runtime, containersOf }: ExecHandlerOptions,
): Promise<void> {
  const container = runningContainer(containersOf, request);
  const process = await open(request, container.id, runtime, stream.signal);
  try {
    stream.accept();
    await relay(request, stream, process);
  } finally {
    await process.hangUp();
  }
}

async function open(
  request: ExecRequest | AttachRequest,
  id: string,
  runtime: ContainerRuntime,
  signal: AbortSignal,
): Promise<ProcessStream> {
  try {
    return request.kind === "exec"
      ? await runtime.openExec(id, request, signal)
      : await runtime.attach(id, request, signal);
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
  const abort = (): void => {
    gone.reject(signal.reason);
    // Ends the output, too.
    void process.hangUp().catch(() => undefined);
  };
  signal.addEventListener("abort", abort, { once: true });
  try {
    // They end with the stream, and what they meet is its end.
    const quietly = (work: Promise<void>): void => void work.catch(() => undefined);
    if (request.stdin) quietly(feed(stream, process));
    if (request.tty) quietly(followSize(stream, process));
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

/** Sizes come as JSON, one after the other, wherever they are cut. */
async function followSize(stream: TunnelStream, process: ProcessStream): Promise<void> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream.read(CHANNEL.resize)) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("}"); end >= 0; end = text.indexOf("}")) {
      const size = parseSize(text.slice(0, end + 1));
      text = text.slice(end + 1);
      if (size !== undefined) await process.resize(size, stream.signal);
    }
    if (text.length > MAX_SIZE_CHARS) text = "";
  }
}

function parseSize(text: string): { readonly columns: number; readonly rows: number } | undefined {
  try {
    const { Width: columns, Height: rows } = JSON.parse(text) as Record<string, unknown>;
    return isSide(columns) && isSide(rows) ? { columns, rows } : undefined;
  } catch {
    return undefined;
  }
}

function isSide(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= MAX_SIDE;
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
