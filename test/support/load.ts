import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export interface LoadOptions {
  readonly url: string;
  readonly requestsPerSecond: number;
  /** `new`: a connection for each request. `kept`: a few connections that are used again and again. */
  readonly connections: "new" | "kept";
}

export interface LoadFailure {
  /** Ms since the load began. */
  readonly atMs: number;
  readonly cause: string;
}

export interface LoadReport {
  readonly sent: number;
  readonly answered: number;
  readonly failures: readonly LoadFailure[];
  /** How often each body was answered. */
  readonly bodies: ReadonlyMap<string, number>;
}

export interface Load {
  /** Ends the load, waits for what is open, and tells how it went. */
  stop(): Promise<LoadReport>;
  /** The report as of now. */
  report(): LoadReport;
}

const REQUEST_TIMEOUT_MS = 5_000;
/** See `limitOwnTime`. */
const OWN_TURN_MS = 100;
/** Few enough that each is used several times a second, as a busy client's are. */
const KEPT_CONNECTIONS = 5;

/** Sends requests at a steady rate, whatever becomes of them. No request is sent twice: each failure is counted. */
export function startLoad(options: LoadOptions): Load {
  const { url, requestsPerSecond, connections } = options;
  const agent =
    connections === "kept"
      ? new Agent({ keepAlive: true, maxSockets: KEPT_CONNECTIONS, scheduling: "fifo" })
      : undefined;
  const ending = new AbortController();
  const open = new Set<Promise<void>>();
  const failures: LoadFailure[] = [];
  const bodies = new Map<string, number>();
  const startedAt = performance.now();
  let sent = 0;
  let answered = 0;

  const sendOne = async (): Promise<void> => {
    const atMs = Math.round(performance.now() - startedAt);
    try {
      const body = await get(url, agent);
      answered += 1;
      bodies.set(body, (bodies.get(body) ?? 0) + 1);
    } catch (error) {
      failures.push({ atMs, cause: error instanceof Error ? error.message : String(error) });
    }
  };

  const send = (): void => {
    sent += 1;
    const one = sendOne();
    open.add(one);
    void one.finally(() => open.delete(one));
  };

  const pace = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const due = Math.floor(((performance.now() - startedAt) * requestsPerSecond) / 1000);
      for (let missing = due + 1 - sent; missing > 0; missing -= 1) send();
      const nextAt = startedAt + (sent * 1000) / requestsPerSecond;
      await sleep(Math.max(1, nextAt - performance.now()), undefined, {
        signal: ending.signal,
      }).catch(() => undefined);
    }
  };

  const paced = pace();
  const report = (): LoadReport => ({ sent, answered, failures: [...failures], bodies });
  return {
    report,
    stop: async () => {
      ending.abort();
      await paced;
      await Promise.all(open);
      agent?.destroy();
      return report();
    },
  };
}

/**
 * One GET: the body of a 200; anything else throws with its cause. The time that it may take begins when it has a
 * connection, or begins one: how long this process took to come to that says nothing about the other side.
 */
export function get(url: string, agent?: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent: agent ?? false });
    call.on("socket", () => {
      const stop = limitOwnTime(REQUEST_TIMEOUT_MS, () => call.destroy(new Error("no answer")));
      call.on("close", stop);
    });
    call.on("error", (error: NodeJS.ErrnoException) => {
      const reused = call.reusedSocket ? " on a kept connection" : "";
      reject(new Error(`${error.code ?? error.message}${reused}`));
    });
    call.on("response", (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(body);
        else reject(new Error(`status ${response.statusCode}`));
      });
    });
    call.end();
  });
}

/**
 * Calls `onEnd` after so much time in which this process ran: a busy machine that lets it wait for seconds counts as one
 * turn, after which it reads what has come meanwhile. Gives what stops it.
 */
function limitOwnTime(ms: number, onEnd: () => void): () => void {
  let turns = Math.ceil(ms / OWN_TURN_MS);
  let timer: NodeJS.Timeout;
  const next = (): void => {
    if (turns === 0) return onEnd();
    turns -= 1;
    timer = setTimeout(next, OWN_TURN_MS);
  };
  next();
  return () => clearTimeout(timer);
}
