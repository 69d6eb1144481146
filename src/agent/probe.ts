import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { performance } from "node:perf_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock, Millis } from "../base/clock.ts";
import { http } from "../client/builtin-http.ts";
import type { Container, HttpGetAction, LifecycleHandler, Probe } from "../model/kinds.gen.ts";
import { checkHealth } from "./probe-grpc.ts";
import type { ContainerRuntime } from "./runtime.ts";
import type { Semaphore } from "./semaphore.ts";

export interface ProbeTarget {
  readonly container: Container;
  readonly containerId: string;
  readonly ip: string;
}

export interface ProbeTools {
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  /** Commands in containers are dear: only so many at a time. */
  readonly execs: Semaphore;
  /** Begins to measure; what it gives says which part of the time since then our own loop was busy, from 0 to 1. */
  readonly measureLoop: () => () => number;
}

export type ProbeResult =
  | { readonly kind: "success" }
  | { readonly kind: "failure"; readonly message: string }
  /** It failed while we ourselves were late: it says nothing about the container. */
  | { readonly kind: "void" };

/** Busier than this, a time-out may be ours. */
const BUSY_LOOP = 0.5;
const MAX_REDIRECTS = 10;
const MAX_BODY_BYTES = 10 * 1024;
const MAX_EXEC_OUTPUT_BYTES = 10 * 1024;
const USER_AGENT = "kube-probe/1.33";

/** Made once: an abort without a reason makes a new error each time. */
const OVER = new Error("The probe is over");

/** `ProbeTools.measureLoop` of this process. */
export function measureEventLoop(): () => number {
  const start = performance.eventLoopUtilization();
  return () => performance.eventLoopUtilization(start).utilization;
}

/** Probes once. Rejects only when `signal` aborts. */
export async function runProbe(
  probe: Probe,
  target: ProbeTarget,
  tools: ProbeTools,
  signal: AbortSignal,
): Promise<ProbeResult> {
  if (probe.exec === undefined) return await probeOnce(probe, target, tools, signal);
  // The wait for its turn is not the container's fault: the time-out begins after it.
  return await tools.execs.run(0, signal, () => probeOnce(probe, target, tools, signal));
}

async function probeOnce(
  probe: Probe,
  target: ProbeTarget,
  tools: ProbeTools,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const timeoutMs = probe.timeoutSeconds * 1000;
  const busy = tools.measureLoop();
  const over = new AbortController();
  const attempt = act(probe, {
    target,
    tools,
    timeoutMs,
    signal: AbortSignal.any([signal, over.signal]),
  });
  // A time-out ends it from here; what it then throws is of no interest.
  attempt.catch(() => undefined);
  const done = Symbol("done");
  const outcome = attempt.then(
    (): ProbeResult => ({ kind: "success" }),
    (error: unknown): ProbeResult => ({ kind: "failure", message: messageOf(error) }),
  );
  try {
    const slack = probe.exec === undefined ? timeoutMs : timeoutMs * 2;
    const timer = tools.clock.sleep(slack, over.signal).then(
      () => done,
      () => done,
    );
    let result = await Promise.race([outcome, timer]);
    if (result === done) {
      // An answer that came in time may still lie in the socket: let the loop read it first.
      await nextTurn();
      await nextTurn();
      result = await Promise.race([outcome, Promise.resolve(done)]);
    }
    signal.throwIfAborted();
    if (result === done || typeof result === "symbol") {
      return busy() > BUSY_LOOP
        ? { kind: "void" }
        : { kind: "failure", message: timeoutMessage(probe, target) };
    }
    const isTimeout = result.kind === "failure" && /timed out/.test(result.message);
    return isTimeout && busy() > BUSY_LOOP ? { kind: "void" } : result;
  } finally {
    over.abort(OVER);
  }
}

/** Runs a postStart or preStop handler. Rejects with why it failed. */
export async function runHandler(
  handler: LifecycleHandler,
  target: ProbeTarget,
  tools: ProbeTools,
  options: { readonly timeoutMs: Millis; readonly signal: AbortSignal },
): Promise<void> {
  if (handler.sleep !== undefined) {
    await tools.clock.sleep(
      Math.min(options.timeoutMs, handler.sleep.seconds * 1000),
      options.signal,
    );
    return;
  }
  const limit = AbortSignal.timeout(options.timeoutMs);
  await act(handler, {
    target,
    tools,
    timeoutMs: options.timeoutMs,
    signal: AbortSignal.any([options.signal, limit]),
  });
}

interface Attempt {
  readonly target: ProbeTarget;
  readonly tools: ProbeTools;
  readonly timeoutMs: Millis;
  readonly signal: AbortSignal;
}

type Actions = Pick<Probe, "httpGet" | "tcpSocket" | "exec" | "grpc">;

/** Rejects when the action fails. */
async function act(probe: Actions, attempt: Attempt): Promise<void> {
  const { target, tools, signal } = attempt;
  if (probe.exec === undefined && tools.runtime.probe !== undefined) {
    await tools.runtime.probe(target.containerId, signal);
  } else if (probe.httpGet !== undefined) {
    await getUrl(urlOf(probe.httpGet, target), probe.httpGet, signal, MAX_REDIRECTS);
  } else if (probe.tcpSocket !== undefined) {
    await openSocket(
      probe.tcpSocket.host ?? target.ip,
      portOf(probe.tcpSocket.port, target),
      signal,
    );
  } else if (probe.exec !== undefined) {
    await runExec(probe.exec.command ?? [], attempt);
  } else if (probe.grpc !== undefined) {
    const { port, service } = probe.grpc;
    const { timeoutMs } = attempt;
    const question = { host: target.ip, port, service, timeoutMs, userAgent: USER_AGENT };
    await checkHealth(question, signal);
  }
}

async function runExec(command: readonly string[], attempt: Attempt): Promise<void> {
  const { tools, target, timeoutMs, signal } = attempt;
  const result = await tools.runtime.exec(
    target.containerId,
    { command, timeoutMs, maxOutputBytes: MAX_EXEC_OUTPUT_BYTES },
    signal,
  );
  if (result.timedOut) {
    throw new Error(`command "${command.join(" ")}" timed out after ${timeoutMs / 1000}s`);
  }
  if (result.exitCode !== 0) {
    throw new Error(
      result.output.trim() ||
        `command "${command.join(" ")}" exited with ${result.exitCode ?? "no code"}`,
    );
  }
}

function openSocket(host: string, port: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", (error) =>
      reject(new Error(dialMessage(host, port, error), { cause: error })),
    );
  });
}

async function getUrl(
  url: URL,
  action: HttpGetAction,
  signal: AbortSignal,
  redirectsLeft: number,
): Promise<void> {
  const answer = await openUrl(url, action, signal);
  const status = answer.statusCode ?? 0;
  const { location } = answer.headers;
  answer.destroy();
  if (status >= 300 && status < 400 && location !== undefined) {
    const next = new URL(location, url);
    // Leading elsewhere is a success, as with kubelet: it is not this container any more.
    if (next.host !== url.host) return;
    if (redirectsLeft === 0)
      throw new Error(`Get "${url.href}": stopped after ${MAX_REDIRECTS} redirects`);
    await getUrl(next, action, signal, redirectsLeft - 1);
    return;
  }
  if (status < 200 || status >= 400)
    throw new Error(`HTTP probe failed with statuscode: ${status}`);
}

function openUrl(url: URL, action: HttpGetAction, signal: AbortSignal): Promise<IncomingMessage> {
  const headers: Record<string, string> = {
    "user-agent": USER_AGENT,
    accept: "*/*",
    connection: "close",
  };
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  const options = { headers, signal, agent: false, maxHeaderSize: MAX_BODY_BYTES };
  return new Promise((resolve, reject) => {
    const call =
      url.protocol === "https:"
        ? httpsRequest(url, { ...options, rejectUnauthorized: false }, resolve)
        : http.request(url, options, resolve);
    call.once("error", (error) => {
      reject(
        new Error(`Get "${url.href}": ${dialMessage(url.hostname, Number(url.port), error)}`, {
          cause: error,
        }),
      );
    });
    call.end();
  });
}

function urlOf(action: HttpGetAction, target: ProbeTarget): URL {
  const host = action.host ?? target.ip;
  const path = action.path ?? "/";
  const url = `${action.scheme.toLowerCase()}://${host}:${portOf(action.port, target)}`;
  return new URL(path.startsWith("/") ? path : `/${path}`, url);
}

function portOf(port: number | string, { container }: ProbeTarget): number {
  if (typeof port === "number") return port;
  const named = container.ports?.find((candidate) => candidate.name === port)?.containerPort;
  const number = named ?? Number(port);
  if (!Number.isInteger(number) || number < 1 || number > 65_535) {
    throw new Error(`couldn't find port "${port}" in container "${container.name}"`);
  }
  return number;
}

function dialMessage(host: string, port: number, error: Error): string {
  const code = "code" in error ? error.code : undefined;
  return code === "ECONNREFUSED"
    ? `dial tcp ${host}:${port}: connect: connection refused`
    : error.message;
}

function timeoutMessage(probe: Probe, target: ProbeTarget): string {
  if (probe.httpGet !== undefined) {
    return `Get "${urlOf(probe.httpGet, target).href}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`;
  }
  if (probe.tcpSocket !== undefined) {
    const { host, port } = probe.tcpSocket;
    return `dial tcp ${host ?? target.ip}:${portOf(port, target)}: i/o timeout`;
  }
  if (probe.grpc !== undefined) {
    return `timeout: health rpc did not complete within ${probe.timeoutSeconds}s`;
  }
  return `command timed out after ${probe.timeoutSeconds}s`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
