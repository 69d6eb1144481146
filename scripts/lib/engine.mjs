import { request } from "node:http";
import { Stop } from "./progress.mjs";

/** Docker 20.10. */
export const OLDEST_API = "1.41";
export const DEFAULT_SOCKET = "/var/run/docker.sock";
const CALL_TIMEOUT_MS = 120_000;
const PING_TIMEOUT_MS = 15_000;

/** Where the Docker Engine is to answer: DOCKER_HOST, else the usual socket. */
export function engineAddress(env = process.env) {
  const host = env.DOCKER_HOST ?? "";
  if (host === "") return { name: DEFAULT_SOCKET, options: { socketPath: DEFAULT_SOCKET } };
  const url = URL.canParse(host) ? new URL(host) : undefined;
  if (url?.protocol === "unix:")
    return { name: host, options: { socketPath: host.slice("unix://".length) } };
  if (url?.protocol === "tcp:" || url?.protocol === "http:")
    return { name: host, options: { host: url.hostname, port: Number(url.port || 2375) } };
  throw new Stop(
    `DOCKER_HOST is "${host}". Berth uses the Docker Engine of its own machine: unset it, or give unix:///path/to/docker.sock`,
  );
}

/** One call of the Engine API. `body` is JSON, or a stream or async iterable of bytes. */
export function callEngine(method, path, { body, type, timeoutMs = CALL_TIMEOUT_MS } = {}) {
  return new Promise((resolve, reject) => {
    const stream = typeof body?.[Symbol.asyncIterator] === "function" ? body : undefined;
    const json = body === undefined || stream !== undefined ? undefined : JSON.stringify(body);
    const contentType = type ?? (json === undefined ? undefined : "application/json");
    const call = request({
      ...engineAddress().options,
      method,
      path,
      agent: false,
      headers: {
        ...(contentType === undefined ? {} : { "Content-Type": contentType }),
        ...(json === undefined ? {} : { "Content-Length": Buffer.byteLength(json) }),
      },
      signal: AbortSignal.timeout(timeoutMs),
    });
    call.on("error", reject);
    call.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    if (stream === undefined) call.end(json);
    else pump(stream, call).catch((error) => call.destroy(error));
  });
}

/**
 * Whether an Engine answers: `{ answers: true, version }`, or why not: `absent` (nobody listens), `denied`
 * (this user may not), `broken` (listens, but does not work), `old`.
 */
export async function probeEngine() {
  try {
    const { status, text } = await callEngine("GET", "/version", { timeoutMs: PING_TIMEOUT_MS });
    if (status !== 200)
      return { answers: false, why: "broken", detail: `${status} ${text.trim()}` };
    const { Version: version, ApiVersion: api } = JSON.parse(text);
    if (olderThan(api, OLDEST_API))
      return { answers: false, why: "old", detail: `Docker ${version}, API ${api}` };
    return { answers: true, version };
  } catch (error) {
    if (error.code === "EACCES" || error.code === "EPERM") return { answers: false, why: "denied" };
    if (error.code === "ENOENT" || error.code === "ECONNREFUSED")
      return { answers: false, why: "absent" };
    return { answers: false, why: "broken", detail: error.message };
  }
}

async function pump(stream, call) {
  for await (const chunk of stream)
    if (!call.write(chunk)) await new Promise((resolve) => call.once("drain", resolve));
  call.end();
}

function olderThan(version, wanted) {
  const [major = 0, minor = 0] = String(version).split(".").map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split(".").map(Number);
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
}
