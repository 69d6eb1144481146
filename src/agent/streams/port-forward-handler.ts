import { TunnelError } from "../../client/tunnel-client.ts";
import type { TunnelStream } from "../../client/tunnel-stream.ts";
import { CHANNEL, type PortForwardRequest } from "../../model/tunnel.ts";
import { podContainers, type ContainersOf } from "./find-container.ts";
import { DialError, type Connection, type Dial } from "./netns-dial.ts";

export interface PortForwardHandlerOptions {
  readonly containersOf: ContainersOf;
  readonly dial: Dial;
}

const MAX_PORT = 65_535;

/** One connection to a port of a pod, until either side is done with it. */
export async function servePortForward(
  request: PortForwardRequest,
  stream: TunnelStream,
  { containersOf, dial }: PortForwardHandlerOptions,
): Promise<void> {
  const { port } = request;
  if (!Number.isInteger(port) || port < 1 || port > MAX_PORT) {
    throw new TunnelError(400, `${String(port)} is no port`);
  }
  const sandbox = podContainers(containersOf, request).find(
    (one) => one.role === "sandbox" && one.state === "running",
  );
  const refused = `error forwarding port ${port} to pod ${request.podUid}`;
  if (sandbox?.pid === undefined) {
    throw new TunnelError(500, `${refused}: the pod does not run`);
  }
  const connection = await dial({ pid: sandbox.pid, port }, stream.signal).catch(
    (error: unknown) => {
      if (!(error instanceof DialError)) throw error;
      throw new TunnelError(
        500,
        `${refused}: failed to connect to localhost:${port} in the pod: ${error.message}`,
        { cause: error },
      );
    },
  );
  const abort = (): void => connection.hangUp();
  stream.signal.addEventListener("abort", abort, { once: true });
  try {
    stream.accept();
    feed(stream, connection).catch(() => undefined);
    for await (const chunk of connection.output) await stream.write(chunk);
  } finally {
    stream.signal.removeEventListener("abort", abort);
    connection.hangUp();
  }
}

async function feed(stream: TunnelStream, connection: Connection): Promise<void> {
  for await (const chunk of stream.read(CHANNEL.stdin)) await connection.write(chunk);
  connection.endInput();
}
