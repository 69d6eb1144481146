import { Socket } from "node:net";
import { Writable } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import type { Millis } from "../base/clock.ts";
import { negotiateForm } from "./accept.ts";
import type { User } from "./authenticate.ts";
import { authorizeObjects, type AuthorizerFacts } from "./authorize.ts";
import { badRequest } from "./failure.ts";
import type { ResourceRequest } from "./request-info.ts";
import { parseSelection } from "./selection.ts";
import type { Upgrade } from "./streams/upgrade.ts";
import { openWatch } from "./watch.ts";
import type { WatchContext } from "./watch.ts";

/** Subprotocols that dashboards ask for: events are JSON in text messages in any of them, as Kubernetes has it. */
const PROTOCOLS: readonly string[] = ["base64.binary.k8s.io", "binary.k8s.io"];
/** A watcher has nothing to say. */
const MAX_MESSAGE_BYTES = 4096;
const KEEP_ALIVE_MS: Millis = 30_000;
const LINE_FEED = 0x0a;

const webSockets = new WebSocketServer({
  noServer: true,
  maxPayload: MAX_MESSAGE_BYTES,
  perMessageDeflate: false,
  handleProtocols: (offered) => PROTOCOLS.find((known) => offered.has(known)) ?? false,
});

/** Serves a watch over a WebSocket, one event a message, until it ends. Throws `ApiFailure` before it has begun. */
export async function serveWatch(
  { request, socket, head }: Upgrade,
  what: ResourceRequest,
  user: User,
  context: WatchContext & AuthorizerFacts,
): Promise<void> {
  const query = new URL(request.url ?? "/", "https://localhost").searchParams;
  const selection = parseSelection(what, query);
  const labelSelector = query.get("labelSelector") ?? undefined;
  authorizeObjects(user, { ...what, fields: selection.fields, labelSelector }, context);
  if (request.headers.upgrade?.toLowerCase() !== "websocket")
    throw badRequest("a watch is upgraded to a WebSocket alone");
  const follow = openWatch(
    { selection, query, form: negotiateForm(request.headers.accept) },
    context,
  );
  // A client that has vanished is noticed even while it is sent nothing.
  if (socket instanceof Socket) socket.setKeepAlive(true, KEEP_ALIVE_MS);
  const client = await new Promise<WebSocket>((resolve) => {
    webSockets.handleUpgrade(request, socket, head, resolve);
  });
  await follow(messageWriter(client));
}

/** Sends each line that is written as a message. */
function messageWriter(client: WebSocket): Writable {
  const writer = new Writable({
    write: (chunk: Buffer, _encoding, done) => sendLines(client, chunk, done),
    final: (done) => {
      client.close(1000);
      done();
    },
    destroy: (error, done) => {
      client.terminate();
      done(error);
    },
  });
  client.on("error", () => writer.destroy());
  client.on("close", () => writer.destroy());
  return writer;
}

function sendLines(client: WebSocket, chunk: Buffer, done: (error?: Error | null) => void): void {
  let start = 0;
  for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
    const line = chunk.subarray(start, end);
    start = end + 1;
    const isLast = start >= chunk.length;
    // A client that has gone takes nothing more: its end is told by "close".
    client.send(line, { binary: false }, isLast ? () => done() : undefined);
    if (isLast) return;
  }
  done();
}
