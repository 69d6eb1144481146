import type { Clock, Millis } from "../../base/clock.ts";
import { TunnelError, type TunnelHandler } from "../../client/tunnel-client.ts";
import type { TunnelStream } from "../../client/tunnel-stream.ts";
import { createLogsHandler } from "../logs-handler.ts";
import { serveMetrics, type MetricsOptions } from "../resources/metrics-handler.ts";
import type { ContainerRuntime } from "../runtime.ts";
import { serveExec } from "./exec-handler.ts";
import type { ContainersOf } from "./find-container.ts";
import type { Dial } from "./netns-dial.ts";
import { servePortForward } from "./port-forward-handler.ts";

export interface StreamHandlerOptions {
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly containersOf: ContainersOf;
  readonly dial: Dial;
  /** Nobody may run commands here, attach, or forward ports. Logs are served. */
  readonly refuseExec: boolean;
  /** The same, for as long as the node's policy says so. */
  readonly policyForbidsExec?: () => boolean;
  /** Absent: nothing is told of what is used. */
  readonly metrics?: MetricsOptions;
}

/** A session in which nothing is said for so long is over: Kubernetes' `streamingConnectionIdleTimeout`. */
export const STREAM_IDLE_MS: Millis = 4 * 3_600_000;

/** Answers what comes through the tunnel for the pods of this node. */
export function createStreamHandler(options: StreamHandlerOptions): TunnelHandler {
  const serveLogs = createLogsHandler(options);
  return async (request, stream) => {
    if (request.kind === "logs") return serveLogs(request, stream);
    if (request.kind === "metrics" && options.metrics !== undefined)
      return serveMetrics(request, stream, options.metrics);
    if (options.refuseExec) {
      throw new TunnelError(
        403,
        `this node was started with --disable-exec: it refuses exec, attach and port-forward`,
      );
    }
    if (options.policyForbidsExec?.() === true) {
      throw new TunnelError(
        403,
        `this node's policy says "exec: false": it refuses exec, attach and port-forward`,
      );
    }
    switch (request.kind) {
      case "exec":
      case "attach":
        return unlessIdle(stream, options.clock, (busy) => serveExec(request, busy, options));
      case "portForward":
        return unlessIdle(stream, options.clock, (busy) =>
          servePortForward(request, busy, options),
        );
      default:
        throw new TunnelError(
          501,
          `this node cannot answer "${(request as { readonly kind: string }).kind}": upgrade Berth on it`,
        );
    }
  };
}

/** Aborts the stream's signal, and throws, when nothing was read or written for `STREAM_IDLE_MS`. */
async function unlessIdle(
  stream: TunnelStream,
  clock: Clock,
  serve: (stream: TunnelStream) => Promise<void>,
): Promise<void> {
  const idle = new AbortController();
  const done = new AbortController();
  const watch = async (): Promise<void> => {
    for (;;) {
      const left = stream.activeAt + STREAM_IDLE_MS - clock.monotonic();
      if (left <= 0) return idle.abort(new TunnelError(408, "the session was idle for 4 hours"));
      await clock.sleep(left, AbortSignal.any([done.signal, stream.signal]));
    }
  };
  watch().catch(() => undefined);
  const signal = AbortSignal.any([stream.signal, idle.signal]);
  try {
    await serve({
      signal,
      get activeAt() {
        return stream.activeAt;
      },
      accept: () => stream.accept(),
      write: (chunk, channel) => stream.write(chunk, channel),
      end: (channel) => stream.end(channel),
      read: (channel) => stream.read(channel),
    });
    idle.signal.throwIfAborted();
  } finally {
    done.abort();
  }
}
