import type { LogRequest } from "../model/tunnel.ts";
import type { TunnelHub } from "./tunnel.ts";

/**
 * The last lines of a container, read through its node's tunnel, as far as they come before `signal` aborts and within
 * `limitBytes`. A node that cannot be asked, or a container without a log, has none: that is no error.
 */
export async function readLog(
  tunnels: Pick<TunnelHub, "open">,
  node: string,
  request: LogRequest & { readonly limitBytes: number },
  signal: AbortSignal,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const link = tunnels.open(node, request, {
    data: (channel, chunk) => {
      const room = request.limitBytes - bytes;
      if (room > 0) chunks.push(chunk.subarray(0, room));
      bytes += chunk.length;
      link?.taken(channel, chunk.length);
    },
    ended: () => undefined,
    drained: () => undefined,
    closed: resolve,
    failed: () => resolve(),
  });
  if (link === undefined) return "";
  const give = (): void => {
    link.reset(499, "the reader has gone");
    resolve();
  };
  if (signal.aborted) give();
  signal.addEventListener("abort", give, { once: true });
  await promise;
  signal.removeEventListener("abort", give);
  return Buffer.concat(chunks).toString();
}
