import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { connect, type Socket } from "node:net";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What may go wrong with a call. */
export type Fault =
  /** No answer ever; the Engine does not hear of it. */
  | { readonly do: "hang" }
  /** The Engine does it, and nobody hears of it. */
  | { readonly do: "lose-answer" }
  /** The Engine does it at once; its answer comes later. */
  | { readonly do: "late"; readonly ms: number }
  | { readonly do: "answer"; readonly status: number; readonly message: string }
  /** The Engine does it, and the answer says that it did not. */
  | { readonly do: "done-but"; readonly status: number; readonly message: string }
  /** The answer ends after so many bytes, in the middle. */
  | { readonly do: "cut"; readonly afterBytes: number }
  /** The answer is no JSON. */
  | { readonly do: "garbage" }
  /** The connection ends without an answer. */
  | { readonly do: "close" }
  /** A stream opens, and stays empty. */
  | { readonly do: "mute" }
  /** The whole JSON answer is changed. */
  | { readonly do: "change"; readonly body: (body: unknown) => unknown };

export interface Rule {
  readonly method?: string;
  /** Of path and query, without the version. */
  readonly path: RegExp;
  /** How many calls it meets; default: all. */
  readonly times?: number;
  readonly fault: Fault;
}

/** A Docker Engine's socket with a way to break it. Everything without a rule goes through unchanged. */
export class EngineProxy implements AsyncDisposable {
  readonly socketPath: string;
  /** `GET /containers/json?all=true` … in order. */
  readonly calls: string[] = [];
  readonly #folder: string;
  readonly #engine: string;
  readonly #rules = new Set<{ readonly rule: Rule; left: number; met: number }>();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  private constructor(folder: string, engine: string) {
    this.#folder = folder;
    this.#engine = engine;
    this.socketPath = join(folder, "docker.sock");
  }

  static async open(engine = "/var/run/docker.sock"): Promise<EngineProxy> {
    const proxy = new EngineProxy(await mkdtemp(join(tmpdir(), "berth-proxy-")), engine);
    await proxy.comeBack();
    return proxy;
  }

  /** The rule holds until it is lifted; newer ones go first. */
  break(rule: Rule): { readonly met: number; lift(): void } {
    const entry = { rule, left: rule.times ?? Infinity, met: 0 };
    this.#rules.add(entry);
    return {
      get met() {
        return entry.met;
      },
      lift: () => this.#rules.delete(entry),
    };
  }

  /** As if the daemon had gone: nobody listens, and all connections end. */
  async goAway(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => server?.close(() => resolve()) ?? resolve());
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await rm(this.socketPath, { force: true });
  }

  async comeBack(): Promise<void> {
    const server = createServer((call, answer) => this.#serve(call, answer));
    server.on("connection", (socket) => this.#keep(socket));
    server.on("upgrade", (call: IncomingMessage, socket: Socket, head: Buffer) =>
      this.#tunnel(call, socket, head),
    );
    await new Promise<void>((resolve) => server.listen(this.socketPath, resolve));
    this.#server = server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server !== undefined) await this.goAway();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
  }

  #faultOf(call: string): Fault | undefined {
    for (const entry of [...this.#rules].toReversed()) {
      const { method, path, fault } = entry.rule;
      const [verb = "", target = ""] = call.split(" ");
      if ((method !== undefined && method !== verb) || !path.test(target) || entry.left === 0)
        continue;
      entry.left -= 1;
      entry.met += 1;
      return fault;
    }
    return undefined;
  }

  #serve(call: IncomingMessage, answer: ServerResponse): void {
    const url = decodeURIComponent((call.url ?? "").replace(/^\/v\d+\.\d+/, ""));
    const name = `${call.method ?? ""} ${url.replaceAll(" ", "+")}`;
    this.calls.push(name);
    const fault = this.#faultOf(name);
    answer.on("error", () => undefined);
    switch (fault?.do) {
      case "hang":
        call.resume();
        return;
      case "close":
        call.socket.destroy();
        return;
      case "answer":
        call.resume();
        refuse(answer, fault.status, fault.message);
        return;
      case "garbage":
        call.resume();
        answer.writeHead(200, { "Content-Type": "application/json" }).end('{"Id": "x", ');
        return;
      case "mute":
        call.resume();
        answer.writeHead(200, { "Content-Type": "application/json" });
        answer.flushHeaders();
        return;
      default:
        this.#forward(call, answer, fault);
    }
  }

  #forward(call: IncomingMessage, answer: ServerResponse, fault: Fault | undefined): void {
    const { method, headers } = call;
    const path = call.url;
    const onward = httpRequest({ socketPath: this.#engine, method, path, headers, agent: false });
    onward.on("error", () => call.socket.destroy());
    // Who hangs up on us hangs up on the Engine, unless nobody was to know.
    answer.on("close", () => {
      if (fault === undefined) onward.destroy();
    });
    onward.on("response", (reply) => {
      reply.on("error", () => call.socket.destroy());
      this.#reply(reply, answer, fault);
    });
    call.pipe(onward);
  }

  #reply(reply: IncomingMessage, answer: ServerResponse, fault: Fault | undefined): void {
    const status = reply.statusCode ?? 0;
    const pass = (): void => {
      answer.writeHead(status, reply.headers);
      answer.flushHeaders();
      reply.pipe(answer);
    };
    switch (fault?.do) {
      case "lose-answer":
        reply.resume();
        return;
      case "late":
        setTimeout(pass, fault.ms).unref();
        return;
      case "done-but":
        reply.resume();
        refuse(answer, fault.status, fault.message);
        return;
      case "cut":
        cut(reply, answer, fault.afterBytes);
        return;
      case "change":
        change(reply, answer, fault.body);
        return;
      default:
        pass();
    }
  }

  #tunnel(call: IncomingMessage, socket: Socket, head: Buffer): void {
    const onward = connect(this.#engine);
    this.#keep(onward);
    const headers = call.rawHeaders.flatMap((name, index) =>
      index % 2 === 0 ? [`${name}: ${call.rawHeaders[index + 1] ?? ""}`] : [],
    );
    onward.write(
      `${call.method ?? ""} ${call.url ?? ""} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`,
    );
    onward.write(head);
    onward.pipe(socket);
    socket.pipe(onward);
  }
}

function refuse(answer: ServerResponse, status: number, message: string): void {
  answer.writeHead(status, { "Content-Type": "application/json" });
  answer.end(JSON.stringify({ message }));
}

function cut(reply: IncomingMessage, answer: ServerResponse, afterBytes: number): void {
  const { "content-length": _, ...headers } = reply.headers;
  answer.writeHead(reply.statusCode ?? 0, { ...headers, "Transfer-Encoding": "chunked" });
  answer.flushHeaders();
  let left = afterBytes;
  reply.on("data", (chunk: Buffer) => {
    const part = chunk.subarray(0, left);
    left -= part.length;
    if (part.length > 0) answer.write(part);
    if (left === 0) setImmediate(() => answer.socket?.destroy());
  });
  if (afterBytes === 0) setImmediate(() => answer.socket?.destroy());
}

function change(
  reply: IncomingMessage,
  answer: ServerResponse,
  body: (body: unknown) => unknown,
): void {
  let text = "";
  reply.setEncoding("utf8");
  reply.on("data", (chunk: string) => (text += chunk));
  reply.on("end", () => {
    const changed = JSON.stringify(body(JSON.parse(text)));
    answer.writeHead(reply.statusCode ?? 0, { "Content-Type": "application/json" });
    answer.end(changed);
  });
}
