// The demo: answers who it is, and leaves without dropping a request.
import { createServer } from "node:http";
import { hostname } from "node:os";

const PORT = Number(process.env.PORT ?? 8080);
const GREETING = process.env.GREETING ?? "Hello";
const MESSAGE = process.env.MESSAGE ?? "from Berth";
const VERSION = process.env.VERSION ?? "0";
/** After SIGTERM: how long clients with open connections get to learn that they must open others. */
const DRAIN_MS = 1000;
/** Requests that still run after the drain are cut off by then. */
const MAX_STOP_MS = 20_000;
/** Longer than clients and proxies keep idle connections, so that they close them first. */
const KEEP_ALIVE_MS = 75_000;

let draining = false;

const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
  if (draining) response.setHeader("Connection", "close");
  if (request.url === "/healthz") return answer(response, draining ? 503 : 200, "ok\n");
  answer(response, 200, `${GREETING} ${MESSAGE}\nversion ${VERSION}, pod ${hostname()}\n`);
});

server.listen(PORT, () => console.log(`version ${VERSION} listens on port ${PORT}`));

for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, drain);

function answer(response, status, text) {
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8" }).end(text);
}

/** Keeps serving for a moment, tells each client to close its connection, then closes what is idle. */
function drain() {
  if (draining) return;
  draining = true;
  console.log("stopping");
  setTimeout(() => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  }, DRAIN_MS);
  setTimeout(() => process.exit(1), MAX_STOP_MS).unref();
}
