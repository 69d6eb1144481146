import { spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { createRequest, publicKeyHash, writePrivateFile } from "../api/pki.ts";
import type { Millis } from "../base/clock.ts";
import { parseJoinToken, type JoinAnswer, type JoinRequest } from "../model/join-token.ts";
import { BERTH_PATHS } from "../model/node-endpoints.ts";
import { installAgent, systemdRuns } from "./agent-install.ts";
import { checkDocker } from "./check-docker.ts";
import { CliError } from "./cli-error.ts";
import { nodeNameOf } from "./init-cluster.ts";
import { JOIN_FILES, readJoinDir } from "./join-dir.ts";
import { mainModule } from "./supervise.ts";

export interface JoinFlags {
  /** Where the API is, for instance `https://192.0.2.10:6443`. */
  readonly server: string;
  readonly token: string;
  readonly nodeName: string | undefined;
  readonly joinDir: string;
  /** Only joins; the node is started by somebody else. */
  readonly start: boolean;
}

/** One request, from its first byte to its last. */
const REQUEST_LIMIT_MS: Millis = 10_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * Makes this machine a node: asks for the CA and compares it with the token's hash before the token's secret is sent, makes
 * a key that never leaves the machine, and has it signed. Safe to repeat: a machine that has joined this cluster stays it.
 */
export async function joinCluster(
  flags: JoinFlags,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const dir = resolve(flags.joinDir);
  const server = readServer(flags.server);
  if (existsSync(join(dir, JOIN_FILES.config))) {
    await stay(dir, server, print);
  } else {
    await checkDocker(signal);
    await enter(dir, server, flags, print, signal);
  }
  if (flags.start) await startNode(dir, print);
}

async function stay(dir: string, server: string, print: (line: string) => void): Promise<void> {
  const { config } = await readJoinDir(dir);
  const { nodeName, clusterId } = config;
  if (config.server !== server) {
    throw new CliError(
      `Cannot join ${server}: this machine is node "${nodeName}" of the cluster "${clusterId}" at ${config.server}, by "${dir}"`,
      {
        cure: "leave that one first (berth agent leave), or join from another folder: --join-dir DIR",
      },
    );
  }
  print(`this machine is node "${nodeName}" of the cluster "${clusterId}" already`);
}

async function enter(
  dir: string,
  server: string,
  flags: JoinFlags,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const token = parseJoinToken(flags.token);
  if (token === undefined) {
    throw new CliError("Cannot join: the token is none, or was cut when it was copied", {
      cure: "copy the whole line that `berth token create` has printed",
    });
  }
  const ca = await send(server, { path: BERTH_PATHS.ca, ca: undefined }, signal);
  if (hashOf(ca) !== token.caHash) {
    throw new CliError(`Cannot join ${server}: it is not the cluster that the token was made for`, {
      cure: "check the address; if it is right, somebody is between this machine and the cluster",
    });
  }
  const node = flags.nodeName ?? nodeNameOf(hostname());
  const { csr, key } = await createRequest(node);
  const { id, secret } = token;
  const body: JoinRequest = { id, secret, node, csr };
  const answer = JSON.parse(
    await send(server, { path: BERTH_PATHS.join, ca, body }, signal),
  ) as JoinAnswer;
  await writePrivateFile(join(dir, JOIN_FILES.ca), ca);
  await writePrivateFile(join(dir, JOIN_FILES.key), key);
  await writePrivateFile(join(dir, JOIN_FILES.cert), answer.cert);
  // Last: what is there without it was cut off, and is joined anew.
  const config = { ...answer.config, server };
  await writePrivateFile(join(dir, JOIN_FILES.config), `${JSON.stringify(config, null, 2)}\n`);
  print(`joined the cluster "${config.clusterId}" as node "${config.nodeName}"`);
}

function readServer(text: string): string {
  const address = /^https?:\/\//.test(text) ? text : `https://${text}`;
  if (URL.canParse(address)) {
    const url = new URL(address);
    if (url.protocol === "https:")
      return `https://${url.hostname}:${url.port === "" ? 6443 : url.port}`;
  }
  throw new CliError(`Cannot join "${text}": it is no HTTPS address of a cluster`, {
    cure: "write it as https://192.0.2.10:6443",
  });
}

function hashOf(ca: string): string {
  try {
    return publicKeyHash(ca);
  } catch {
    return "";
  }
}

/** A request without a certificate of ours. Without `ca` nobody is trusted: only what is public may be asked. */
function send(
  server: string,
  {
    path,
    ca,
    body,
  }: { readonly path: string; readonly ca: string | undefined; readonly body?: JoinRequest },
  signal: AbortSignal,
): Promise<string> {
  const { promise, resolve: done, reject } = Promise.withResolvers<string>();
  const content = body === undefined ? undefined : JSON.stringify(body);
  const headers = content === undefined ? {} : { "Content-Type": "application/json" };
  const request = httpsRequest(
    new URL(path, server),
    {
      method: body === undefined ? "GET" : "POST",
      headers,
      minVersion: "TLSv1.3",
      agent: false,
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_LIMIT_MS)]),
      ...(ca === undefined ? { rejectUnauthorized: false } : { ca }),
    },
    (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > MAX_ANSWER_BYTES) request.destroy(new Error("the answer is endless"));
      });
      response.on("end", () => {
        const code = response.statusCode ?? 0;
        if (code >= 200 && code < 300) done(text);
        else reject(refusal(server, code, text));
      });
    },
  );
  request.on("error", (error) => {
    const told = new CliError(`Cannot reach the cluster at ${server}: ${error.message}`, {
      cure: "check address and port, that the API listens there (berth up --listen), and that no firewall is between",
      cause: error,
    });
    reject(signal.aborted ? error : told);
  });
  request.end(content);
  return promise;
}

function refusal(server: string, code: number, text: string): CliError {
  if (code === 404) {
    return new CliError(`Cannot join ${server}: nobody can join there`, {
      cure: "check the address",
    });
  }
  const message = messageOf(text) ?? `HTTP ${code}`;
  return new CliError(`Cannot join ${server}: ${message}`);
}

function messageOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { readonly message?: string }).message;
  } catch {
    return undefined;
  }
}

/** By systemd where it runs; else in the background until the machine ends. */
async function startNode(dir: string, print: (line: string) => void): Promise<void> {
  if (systemdRuns()) return installAgent(dir, { print: false }, print);
  const logs = join(dir, "log");
  mkdirSync(logs, { recursive: true, mode: 0o700 });
  const log = openSync(join(logs, "node.log"), "a", 0o600);
  const args = [...process.execArgv, mainModule(), "node", "--join-dir", dir];
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ["ignore", log, log],
    cwd: "/",
  });
  child.unref();
  print(
    `node: started in the background (process ${child.pid ?? 0}); its log: ${join(logs, "node.log")}`,
  );
  print("systemd does not run here: have your init system run this at the machine's start:");
  print(`  ${[process.execPath, ...args].join(" ")}`);
}
