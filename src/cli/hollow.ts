import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { CALM, Chance, type HollowBehavior } from "../agent/hollow-chance.ts";
import { runHollowNode } from "../agent/hollow-node.ts";
import { loadAuthority, readKeyPair } from "../api/pki.ts";
import { systemClock } from "../base/system-clock.ts";
import { createEventRecorder } from "../client/event-recorder.ts";
import { createApiClient } from "../client/http-client.ts";
import { createInformer } from "../client/informer.ts";
import type { PersistentVolume, Pod } from "../model/kinds.gen.ts";
import { resourceOf } from "../model/resources.ts";
import { VOLUME_NODE_LABEL } from "../model/storage.ts";
import { CliError } from "./cli-error.ts";
import { clusterInfo } from "./cluster-info.ts";
import { readConfig, serverUrl, type ClusterConfig, type DataDir } from "./data-dir.ts";
import { foregroundLogger } from "./process-logger.ts";

export interface HollowOptions {
  readonly nodes: number;
  /** The number of the first: several processes share a cluster. */
  readonly from: number;
  readonly prefix: string;
  readonly cpus: number;
  readonly memoryGib: number;
  readonly seed: number;
  /** Nodes that join in a second. */
  readonly perSecond: number;
  readonly pullFails: number;
  readonly startFails: number;
  readonly probeFails: number;
  readonly crashesPerHour: number;
}

/** Addresses of 198.18.0.0/15, which is for measurements and routed nowhere. */
const FIRST_ADDRESS = 198 * 2 ** 24 + 18 * 2 ** 16 + 1;
const GIB = 1024 ** 3;
const REPORT_MS = 10_000;

/** Runs nodes without containers against the cluster of a data directory, until `signal` aborts. For clusters of tests. */
export async function runHollow(
  dir: DataDir,
  options: HollowOptions,
  signal: AbortSignal,
): Promise<void> {
  const config = await readConfig(dir);
  const ca = await readKeyPair(dir.pki, "ca");
  if (config === undefined || ca === undefined)
    throw new CliError(`Cannot find a cluster and its CA in "${dir.root}"`, {
      cure: "run it where the control plane is: berth up",
    });
  const clock = systemClock;
  const authority = await loadAuthority(ca, clock.now());
  const chance = new Chance(options.seed);
  const ended = new AbortController();
  const running = AbortSignal.any([signal, ended.signal]);
  const nodes: Promise<void>[] = [];
  const start = async (index: number): Promise<void> => {
    const nodeName = `${options.prefix}${options.from + index}`;
    const pair = await authority.issueClient({
      commonName: `system:node:${nodeName}`,
      organizations: ["system:nodes"],
      now: clock.now(),
    });
    const credentials = { server: serverUrl(config), ca: ca.cert, ...pair };
    const behavior = behaviorOf(options, options.seed + options.from + index);
    await runOne({ dir, config, options, nodeName, index, behavior, credentials }, running);
  };
  const report = tell(nodes, running);
  try {
    for (let index = 0; index < options.nodes && !signal.aborted; index += 1) {
      nodes.push(start(index));
      // Spread, so that their heartbeats are.
      const waitMs = (2 * chance.next() * 1000) / options.perSecond;
      await clock.sleep(waitMs, running).catch(() => undefined);
    }
    await Promise.all(nodes);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    ended.abort(new Error("The hollow nodes have ended"));
    await Promise.allSettled([...nodes, report]);
  }
}

interface OneNode {
  readonly dir: DataDir;
  readonly config: ClusterConfig;
  readonly options: HollowOptions;
  readonly nodeName: string;
  readonly index: number;
  readonly behavior: HollowBehavior;
  readonly credentials: Parameters<typeof createApiClient>[0];
}

async function runOne(node: OneNode, signal: AbortSignal): Promise<void> {
  const { dir, config, options, nodeName, index, behavior, credentials } = node;
  const clock = systemClock;
  const logger = foregroundLogger("hollow");
  const quiet = { ...logger, debug: () => undefined, info: () => undefined };
  const fields = { node: nodeName };
  const own = {
    ...quiet,
    warn: (more: Readonly<Record<string, unknown>>, text: string) =>
      logger.warn({ ...fields, ...more }, text),
    error: (more: Readonly<Record<string, unknown>>, text: string) =>
      logger.error({ ...fields, ...more }, text),
  };
  const client = createApiClient(credentials);
  const stateDir = join(dir.root, "hollow", nodeName);
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const follow = { clock, logger: own, signal };
  try {
    await runHollowNode({
      client,
      pods: createInformer<Pod>(
        client,
        resourceOf({ apiVersion: "v1", kind: "Pod" }),
        { fieldSelector: `spec.nodeName=${nodeName}` },
        follow,
      ),
      volumes: createInformer<PersistentVolume>(
        client,
        resourceOf({ apiVersion: "v1", kind: "PersistentVolume" }),
        { labelSelector: `${VOLUME_NODE_LABEL}=${nodeName}` },
        follow,
      ),
      events: createEventRecorder(client, {
        component: "berth-agent",
        host: nodeName,
        clock,
        logger: own,
        signal,
      }),
      nodeName,
      nodeIp: addressOf(options.from + index),
      cluster: clusterInfo(config),
      stateDir,
      clock,
      logger: own,
      signal,
      behavior,
      cpus: options.cpus,
      memoryBytes: options.memoryGib * GIB,
    });
  } finally {
    client.close();
  }
}

function behaviorOf(options: HollowOptions, seed: number): HollowBehavior {
  const { pullFails, startFails, probeFails, crashesPerHour } = options;
  return { ...CALM, seed, pullFails, startFails, probeFails, crashesPerHour };
}

function addressOf(index: number): string {
  const number = FIRST_ADDRESS + index;
  return [24, 16, 8, 0].map((bits) => Math.floor(number / 2 ** bits) % 256).join(".");
}

/** Says now and then what the process carries and costs. */
async function tell(nodes: readonly unknown[], signal: AbortSignal): Promise<void> {
  const logger = foregroundLogger("hollow");
  let before = process.cpuUsage();
  while (!signal.aborted) {
    await systemClock.sleep(REPORT_MS, signal).catch(() => undefined);
    const used = process.cpuUsage(before);
    before = process.cpuUsage();
    const cpuPercent = Math.round((used.user + used.system) / (REPORT_MS * 10));
    const rssMb = Math.round(process.memoryUsage.rss() / 1e6);
    logger.info({ nodes: nodes.length, rssMb, cpuPercent }, "hollow nodes");
  }
}
