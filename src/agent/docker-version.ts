import type { IncomingHttpHeaders } from "node:http";
import { http } from "../client/builtin-http.ts";
import { toRuntimeError } from "./docker-connection.ts";
import { RuntimeError } from "./runtime.ts";

const ASK_LIMIT_MS = 10_000;
/** Docker 20.10. */
const OLDEST_API = "1.41";
/** Docker 29: newer daemons are spoken to in this version, as long as they still speak it. */
const NEWEST_API = "1.52";
const MAX_ANSWER_BYTES = 1024 * 1024;

/** The version to speak with the daemon at the socket. Throws what is wrong and what cures it. */
export async function negotiateVersion(socketPath: string, signal: AbortSignal): Promise<string> {
  const purpose = `reach the Docker Engine at "${socketPath}"`;
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(ASK_LIMIT_MS)]);
  const ask = async (path: string): Promise<Answer> => {
    try {
      return await get(socketPath, path, bounded);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (bounded.aborted) {
        throw new RuntimeError(
          "timeout",
          `Cannot ${purpose}: it did not answer within ${ASK_LIMIT_MS / 1000} s; look at it with: journalctl -u docker`,
          { cause: error },
        );
      }
      throw toRuntimeError(purpose, socketPath, error);
    }
  };
  const { headers } = await ask("/_ping");
  const newest = headers["api-version"];
  if (typeof newest !== "string")
    throw refused(purpose, "what answers there is not a Docker Engine");
  if (headers["libpod-api-version"] !== undefined) {
    throw refused(
      purpose,
      "Podman answers there, and Berth needs a Docker Engine: it joins namespaces and reads events as only Docker does; install one (Debian, Ubuntu: apt-get install docker.io) or name its socket in DOCKER_HOST",
    );
  }
  if (compareVersions(newest, OLDEST_API) < 0) {
    throw refused(
      purpose,
      `it offers API ${newest} and Berth needs ${OLDEST_API} or newer; upgrade to Docker 20.10 or newer`,
    );
  }
  if (compareVersions(newest, NEWEST_API) <= 0) return newest;
  const oldest = oldestOf((await ask("/version")).text);
  if (oldest !== undefined && compareVersions(oldest, NEWEST_API) > 0) {
    throw refused(
      purpose,
      `it wants API ${oldest} or newer and this Berth speaks ${OLDEST_API} to ${NEWEST_API}; upgrade Berth, or let the daemon speak older versions (DOCKER_MIN_API_VERSION=${NEWEST_API})`,
    );
  }
  return NEWEST_API;
}

/** Below 0 when `a` is older than `b`, above when it is newer. Pure. */
export function compareVersions(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split(".").map(Number);
  const [bMajor = 0, bMinor = 0] = b.split(".").map(Number);
  return aMajor === bMajor ? aMinor - bMinor : aMajor - bMajor;
}

function refused(purpose: string, why: string): RuntimeError {
  return new RuntimeError("unsupported", `Cannot ${purpose}: ${why}`);
}

/** The oldest version that a daemon still speaks, by its answer to `/version`. */
function oldestOf(text: string): string | undefined {
  try {
    const { MinAPIVersion } = JSON.parse(text) as { readonly MinAPIVersion?: unknown };
    return typeof MinAPIVersion === "string" ? MinAPIVersion : undefined;
  } catch {
    return undefined;
  }
}

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

function get(socketPath: string, path: string, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = http.request(
      { socketPath, path, method: "GET", signal, agent: false },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => {
          if (text.length < MAX_ANSWER_BYTES) text += chunk;
        });
        answer.on("error", reject);
        answer.on("end", () => resolve({ headers: answer.headers, text }));
      },
    );
    call.on("error", reject);
    call.end();
  });
}
