import { Agent, request } from "node:http";

const SOCKET =
  (process.env["DOCKER_HOST"] ?? "").replace(/^unix:\/\//, "") || "/var/run/docker.sock";
const CALL_TIMEOUT_MS = 120_000;
/** Connections are kept, as every client of the Engine does. */
const agent = new Agent({ keepAlive: true });

/** A bare call of the Engine API: nothing between it and the socket. */
export function callDocker<T>(method: string, path: string, body?: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const json = body === undefined ? undefined : JSON.stringify(body);
    const call = request({
      socketPath: SOCKET,
      agent,
      method,
      path,
      headers: json === undefined ? {} : { "Content-Type": "application/json" },
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
    call.on("error", reject);
    call.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () => {
        const status = response.statusCode ?? 0;
        if (status >= 400) reject(new Error(`${method} ${path}: ${status} ${text.trim()}`));
        else resolve((text === "" ? undefined : JSON.parse(text)) as T);
      });
    });
    call.end(json);
  });
}
