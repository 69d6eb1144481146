import { spawn } from "node:child_process";
import { mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { ApiError, type ApiClient } from "../client/client.ts";
import { SYSTEM_NAMESPACE } from "../model/app.ts";
import { appRef } from "../controller/app-context.ts";
import type { App, Node } from "../model/kinds.gen.ts";
import { isTrue } from "../model/condition.ts";
import { systemClock } from "../base/system-clock.ts";
import { reserveNetworks } from "../proxy/node-network.ts";
import { CliError } from "./cli-error.ts";
import { readIssuers } from "./authentication-file.ts";
import { checkDriver } from "./check-networks.ts";
import { connect, withClient } from "./connect.ts";
import { checkDocker } from "./check-docker.ts";
import { checkSource } from "./check-source.ts";
import {
  readConfig,
  readIfThere,
  serverUrl,
  type ClusterConfig,
  type DataDir,
} from "./data-dir.ts";
import {
  hasSystemNamespace,
  putAccess,
  readAccess,
  ROOT_SECRET,
  toAccess,
  type AccessFlags,
} from "./git-access.ts";
import { lockCommands, lockHost } from "./lock.ts";
import { findSupervisor } from "./find-supervisor.ts";
import { DEFAULT_PORT, initCluster, type ClusterOptions } from "./init-cluster.ts";
import { checkHost, checkPort } from "./preflight.ts";
import { foregroundLogger } from "./process-logger.ts";
import { absoluteRepo, ROOT_APP } from "./root-app.ts";
import { mainModule, supervise } from "./supervise.ts";

export interface UpOptions extends ClusterOptions, AccessFlags {
  readonly repo: string | undefined;
  readonly branch: string;
  readonly path: string;
  readonly namespace: string;
  readonly intervalSeconds: number;
  readonly allowPlainSecrets?: boolean;
  readonly foreground: boolean;
}

/** How long the API and the node may take to answer. */
const START_MS = 60_000;
const LOOK_MS = 50;

export type Print = (line: string) => void;

/** Starts the cluster of a data directory, or finds it running, and points it at a repository. Safe to repeat. */
export async function up(
  dir: DataDir,
  options: UpOptions,
  print: Print,
  signal: AbortSignal,
): Promise<void> {
  await checkHost();
  await checkDocker(signal);
  const repo = options.repo === undefined ? undefined : absoluteRepo(options.repo);
  const secret = await readAccess(options);
  // A Secret that is in the cluster is not for this process to read.
  if (repo !== undefined && options.gitSecret === undefined)
    await checkSource({ ...options, repo, ...toAccess(secret) }, dir, signal);
  const lock = await lockCommands(dir, systemClock, signal);
  const ended = new AbortController();
  let supervised: Promise<void> | undefined;
  let config: ClusterConfig;
  try {
    const running = await findSupervisor(dir);
    config =
      running === undefined
        ? await prepare(dir, options, signal)
        : await runningConfig(dir, options);
    if (running === undefined && options.foreground) {
      supervised = superviseHere(dir, AbortSignal.any([signal, ended.signal]));
    } else if (running === undefined) {
      startInBackground(dir);
    }
    print(`control plane: starting on ${serverUrl(config)}`);
    await Promise.race([waitForApi(dir, systemClock, signal), supervised ?? never()]);
  } catch (error) {
    ended.abort();
    await supervised;
    throw error;
  } finally {
    await lock[Symbol.asyncDispose]();
  }
  await Promise.race([
    announce(dir, config, { ...options, repo, secret }, print, signal),
    supervised ?? never(),
  ]);
  await supervised;
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

async function prepare(
  dir: DataDir,
  options: UpOptions,
  signal: AbortSignal,
): Promise<ClusterConfig> {
  const known = await readConfig(dir);
  const port = options.port ?? known?.port ?? DEFAULT_PORT;
  await checkPort(options.listen ?? known?.listen ?? "127.0.0.1", port);
  await checkDriver(options.networkDriver, signal);
  await readIssuers(dir);
  await using host = await lockHost(systemClock, signal);
  void host;
  const config = await initCluster(dir, options, systemClock);
  // At once, so that another cluster that starts on this host chooses other networks.
  await reserveNetworks(config, signal);
  return config;
}

/** A running cluster keeps its addresses: other ones need a restart. */
async function runningConfig(dir: DataDir, options: UpOptions): Promise<ClusterConfig> {
  const config = await readConfig(dir);
  if (config === undefined)
    throw new CliError(`Cannot find the configuration of the running cluster in "${dir.root}"`);
  const other =
    (options.port !== undefined && options.port !== config.port) ||
    (options.listen !== undefined && options.listen !== config.listen);
  if (options.networkDriver !== undefined && options.networkDriver !== config.networkDriver) {
    throw new CliError("Cannot change --network-driver of a running cluster", {
      cure: "leave it out, or end the cluster first: berth down",
    });
  }
  if (!other) return config;
  throw new CliError(
    `Cannot move the API of a running cluster away from ${config.listen}:${config.port}`,
    {
      cure: "leave --port and --listen out, or end it first: berth down",
    },
  );
}

function startInBackground(dir: DataDir): void {
  mkdirSync(dir.logs, { recursive: true, mode: 0o700 });
  const log = openSync(join(dir.logs, "supervisor.log"), "a", 0o600);
  const child = spawn(
    process.execPath,
    [...process.execArgv, mainModule(), "supervise", "--data-dir", dir.root],
    {
      detached: true,
      stdio: ["ignore", log, log],
      cwd: "/",
    },
  );
  child.unref();
}

function superviseHere(dir: DataDir, signal: AbortSignal): Promise<void> {
  return supervise(
    { dir, foreground: true, clock: systemClock, logger: foregroundLogger("supervisor") },
    signal,
  );
}

interface Announced extends UpOptions {
  /** Data of the root App's Secret, where it is to be made. */
  readonly secret: Readonly<Record<string, string>> | undefined;
}

async function announce(
  dir: DataDir,
  config: ClusterConfig,
  options: Announced,
  print: Print,
  signal: AbortSignal,
): Promise<void> {
  await withClient(dir, async (client) => {
    if (options.secret !== undefined) {
      const isThere = (): Promise<boolean> => hasSystemNamespace(client, signal);
      await waitUntil(isThere, dir, "control-plane", systemClock, signal);
      await putAccess(client, options.secret, signal);
    }
    if (options.repo !== undefined) await putRootApp(client, options, options.repo, signal);
    print(`node ${config.nodeName}: starting`);
    await waitForNode(client, dir, config.nodeName, systemClock, signal);
  });
  print("ready");
  if (options.repo !== undefined)
    print(`following ${options.repo}, branch ${options.branch}, path ${options.path}`);
  print(`export KUBECONFIG=${dir.kubeconfig}`);
}

async function waitForApi(dir: DataDir, clock: Clock, signal: AbortSignal): Promise<void> {
  const client = await connect(dir);
  const answers = async (): Promise<boolean> => {
    try {
      await client.request("GET", "/version", undefined, signal);
      return true;
    } catch (error) {
      if (error instanceof ApiError) return false;
      throw error;
    }
  };
  try {
    await waitUntil(answers, dir, "control-plane", clock, signal);
  } finally {
    client.close();
  }
}

async function waitForNode(
  client: ApiClient,
  dir: DataDir,
  name: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const isReady = async (): Promise<boolean> => {
    try {
      const node = await client.get<Node>({ apiVersion: "v1", kind: "Node", name }, signal);
      return isTrue(node.status?.conditions, "Ready");
    } catch (error) {
      if (error instanceof ApiError) return false;
      throw error;
    }
  };
  await waitUntil(isReady, dir, "node", clock, signal);
}

async function waitUntil(
  isSo: () => Promise<boolean>,
  dir: DataDir,
  process: "control-plane" | "node",
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const deadline = clock.monotonic() + START_MS;
  while (!(await isSo())) {
    signal.throwIfAborted();
    if (clock.monotonic() > deadline) throw await notStarted(dir, process);
    await clock.sleep(LOOK_MS, signal);
  }
}

async function notStarted(dir: DataDir, process: string): Promise<CliError> {
  const file = join(dir.logs, `${process}.log`);
  const lines = ((await readIfThere(file)) ?? "").trimEnd().split("\n");
  return new CliError(
    `The ${process} did not start within ${START_MS / 1000} s; the end of its log:\n${lines.slice(-5).join("\n")}`,
    {
      cure: `read ${file}, mend the cause, and run \`berth up\` again`,
    },
  );
}

/** Makes the root App, or points it elsewhere. */
async function putRootApp(
  client: ApiClient,
  options: Announced,
  repo: string,
  signal: AbortSignal,
): Promise<void> {
  const { branch, path, namespace, intervalSeconds } = options;
  const name = options.gitSecret ?? (options.secret === undefined ? undefined : ROOT_SECRET);
  const secretRef = name === undefined ? {} : { secretRef: { name, namespace: SYSTEM_NAMESPACE } };
  const place = { repo, branch, path, namespace };
  const secrets =
    options.allowPlainSecrets === true ? { secrets: { plain: "allow" as const } } : {};
  const spec: App["spec"] = { ...place, intervalSeconds, prune: true, ...secretRef, ...secrets };
  const app: App = { apiVersion: "berth.dev/v1", kind: "App", metadata: { name: ROOT_APP }, spec };
  try {
    await client.create(app, signal);
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== "AlreadyExists") throw error;
    const stored = await client.get<App>(appRef(ROOT_APP), signal);
    await client.update({ ...stored, spec: { ...stored.spec, ...spec } }, signal);
  }
}
