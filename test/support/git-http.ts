import { spawn } from "node:child_process";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface GitHttpServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`; repositories lie below it by their path under the root. */
  readonly url: string;
  /** One entry per request: `GET /repo.git/info/refs?service=git-upload-pack`. */
  readonly requests: string[];
  /** While set, every answer is cut off after so many bytes. */
  cutAfterBytes: number | undefined;
  /** While set, requests are taken and never answered. */
  mute: boolean;
  /** Awaited before each request is served, with its entry of `requests`. */
  before: (request: string) => Promise<void>;
}

/** A smart-HTTP server over `git http-backend` on loopback, as a Git host is one. */
export async function serveGit(
  root: string,
  credentials?: { readonly username: string; readonly password: string },
): Promise<GitHttpServer> {
  const state = {
    requests: [] as string[],
    cutAfterBytes: undefined as number | undefined,
    mute: false,
    before: async (_request: string): Promise<void> => undefined,
  };
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const entry = `${request.method} ${request.url}`;
    state.requests.push(entry);
    if (state.mute) return;
    await state.before(entry);
    if (credentials !== undefined && !isAllowed(request, credentials)) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end("no");
      return;
    }
    runBackend(root, request, response, state.cutAfterBytes);
  }
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

function isAllowed(
  request: IncomingMessage,
  { username, password }: { readonly username: string; readonly password: string },
): boolean {
  const wanted = Buffer.from(`${username}:${password}`).toString("base64");
  return request.headers.authorization === `Basic ${wanted}`;
}

function runBackend(
  root: string,
  request: IncomingMessage,
  response: ServerResponse,
  cutAfterBytes: number | undefined,
): void {
  const url = new URL(request.url ?? "/", "http://localhost");
  const header = (name: string): string => String(request.headers[name] ?? "");
  const child = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env["PATH"] ?? "",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      REMOTE_USER: "pusher",
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? "GET",
      CONTENT_TYPE: header("content-type"),
      HTTP_CONTENT_ENCODING: header("content-encoding"),
      ...(header("content-length") === "" ? {} : { CONTENT_LENGTH: header("content-length") }),
      GIT_PROTOCOL: header("git-protocol"),
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.stdin.on("error", () => undefined);
  request.pipe(child.stdin);
  let head = Buffer.alloc(0);
  let sent = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    let body = chunk;
    if (!response.headersSent) {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      writeHead(response, head.toString("latin1", 0, end));
      body = head.subarray(end + 4);
    }
    sent += body.length;
    if (cutAfterBytes !== undefined && sent > cutAfterBytes) {
      response.write(body.subarray(0, body.length - (sent - cutAfterBytes)), () =>
        response.destroy(),
      );
    } else if (!response.destroyed) response.write(body);
  });
  child.stdout.on("end", () => response.end());
}

function writeHead(response: ServerResponse, head: string): void {
  let status = 200;
  for (const line of head.split("\r\n")) {
    const [name = "", value = ""] = line.split(/: (.*)/s);
    if (name.toLowerCase() === "status") status = Number(value.slice(0, 3));
    else response.setHeader(name, value);
  }
  response.writeHead(status);
}
