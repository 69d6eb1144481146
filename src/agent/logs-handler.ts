import { parseTime, type Clock } from "../base/clock.ts";
import { TunnelError } from "../client/tunnel-client.ts";
import type { TunnelStream } from "../client/tunnel-stream.ts";
import type { LogRequest } from "../model/tunnel.ts";
import type { PodContainer } from "./pod-view.ts";
import { podContainers, type ContainersOf } from "./streams/find-container.ts";
import { RuntimeError, type ContainerRuntime } from "./runtime.ts";

export interface LogsHandlerOptions {
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly containersOf: ContainersOf;
}

/** Answers requests for the log of a container of this node. */
export function createLogsHandler(
  options: LogsHandlerOptions,
): (request: LogRequest, stream: TunnelStream) => Promise<void> {
  return async (request, stream) => {
    const container = findLogged(options, request);
    const since = sinceOf(request, options.clock);
    const logs = options.runtime.logs(
      container.id,
      {
        follow: request.follow && !request.previous,
        timestamps: request.timestamps,
        ...(request.tailLines === undefined ? {} : { tail: request.tailLines }),
        ...(since === undefined ? {} : { since }),
      },
      stream.signal,
    );
    try {
      await copyLog(logs, stream, request.limitBytes ?? Infinity);
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      throw new TunnelError(error.code === "not-found" ? 404 : 500, error.message, {
        cause: error,
      });
    }
  };
}

async function copyLog(
  logs: AsyncIterable<Uint8Array>,
  stream: TunnelStream,
  limitBytes: number,
): Promise<void> {
  let left = limitBytes;
  for await (const chunk of logs) {
    if (left <= 0) return;
    const part = chunk.length > left ? chunk.subarray(0, left) : chunk;
    left -= part.length;
    await stream.write(part);
  }
}

/** The newest container that ran, or with `previous` the one before. */
function findLogged({ containersOf }: LogsHandlerOptions, request: LogRequest): PodContainer {
  const about = `container "${request.container}" in pod "${request.pod}"`;
  const containers = podContainers(containersOf, request);
  const attempts = containers
    .filter((one) => one.role !== "sandbox" && one.containerName === request.container)
    .toSorted((a, b) => b.attempt - a.attempt);
  const began = attempts.filter((one) => one.startedAt !== undefined && one.vanished !== true);
  const [newest] = began;
  if (!request.previous) {
    if (newest !== undefined) return newest;
    throw new TunnelError(400, `${about} is waiting to start`);
  }
  const dead =
    began.find((one) => one.state === "exited" && one !== attempts[0]) ??
    began.find((one) => one.state === "exited");
  if (dead === undefined) throw new TunnelError(400, `previous terminated ${about} not found`);
  return dead;
}

/** Seconds since the epoch, with a fraction: to the nanosecond, so that a reader can go on where it was. */
function sinceOf({ sinceSeconds, sinceTime }: LogRequest, clock: Clock): string | undefined {
  if (sinceSeconds !== undefined) return toSeconds(clock.now() - sinceSeconds * 1000);
  const at = parseTime(sinceTime);
  if (at === undefined) return undefined;
  const fraction = /\.(\d{1,9})Z$/.exec(sinceTime ?? "")?.[1];
  return fraction === undefined || at < 0
    ? toSeconds(at)
    : `${Math.floor(at / 1000)}.${fraction.padEnd(9, "0")}`;
}

function toSeconds(ms: number): string {
  return (Math.max(0, ms) / 1000).toFixed(3);
}
