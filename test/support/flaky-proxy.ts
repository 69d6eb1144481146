import { once } from "node:events";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";

/** What becomes of a request for a blob or a manifest. */
export type Fault =
  /** An answer of this status in place of the registry's. */
  | { readonly kind: "status"; readonly code: number }
  /** The body ends after so many bytes, and the connection with it. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  /** The body stops after so many bytes, and nothing more comes. */
  | { readonly kind: "stall"; readonly afterBytes: number };

export interface FlakyProxy {
  /** `127.0.0.1:port`. */
  readonly host: string;
  /** Asked for each request, by its path. */
  fault: (path: string) => Fault | undefined;
  readonly paths: string[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** Stands in front of a registry and spoils its answers. Use with `await using`. */
export async function openFlakyProxy(registry: string): Promise<FlakyProxy> {
  const [hostname = "", port = ""] = registry.split(":");
  const proxy: Omit<FlakyProxy, "host"> & { host: string } = {
    host: "",
    fault: () => undefined,
    paths: [],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  const server = createServer((asked, answer) => {
    const path = asked.url ?? "/";
    proxy.paths.push(`${asked.method ?? ""} ${path}`);
    const fault = proxy.fault(path);
    if (fault?.kind === "status") {
      answer.writeHead(fault.code).end();
      return;
    }
    const onward = request(
      { hostname, port, path, method: asked.method, headers: asked.headers },
      (found) => forward(found, answer, fault),
    );
    onward.on("error", () => answer.destroy());
    asked.pipe(onward);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  proxy.host = `127.0.0.1:${address.port}`;
  return proxy;
}

function forward(
  found: IncomingMessage,
  answer: ServerResponse,
  fault: Exclude<Fault, { readonly kind: "status" }> | undefined,
): void {
  answer.writeHead(found.statusCode ?? 502, found.headers);
  if (fault === undefined) {
    found.pipe(answer);
    return;
  }
  let left = fault.afterBytes;
  found.on("data", (chunk: Buffer) => {
    const part = chunk.subarray(0, Math.max(0, left));
    left -= chunk.length;
    if (part.length > 0) answer.write(part);
    if (left <= 0 && fault.kind === "cut") answer.destroy();
  });
}
