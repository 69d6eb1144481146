import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../src/base/logger.ts";
import { systemClock } from "../src/base/system-clock.ts";
import { ClusterDns } from "../src/proxy/dns.ts";
import { runOnHost } from "../src/proxy/run-command.ts";
import { eventually } from "../test/support/eventually.ts";
import { needTools } from "./debian-tools.ts";
import { compared } from "./harness.ts";
import type { Bar, BenchOptions, Metric } from "./harness.ts";
import { serviceState } from "./proxy-rules.ts";

/*
 * Names of 10,000 Services, asked by dnsperf: as fast as it goes, beside dnsmasq with the same names, and at a steady
 * rate, where the time of each answer counts.
 */
const SERVICES = 10_000;
const ROUNDS = Number(process.env["BERTH_BENCH_RUNS"] ?? 5);
const SECONDS = Number(process.env["BERTH_BENCH_SECONDS"] ?? 5);
const STEADY_RATE = 5000;
const ADDRESS = "127.0.0.1";
const PEER_PORT = 15_353;
const DOMAIN = "cluster.local";

const PEAK = "DNS with 10,000 services beside dnsmasq: peak";
const TAIL = "DNS with 10,000 services: p99 at 5,000 queries/s";

export const bars: readonly Bar[] = [
  { metric: PEAK, of: "ratio", above: 0.5 },
  { metric: TAIL, of: "value", below: 2 },
];

export async function run({ say, signal }: BenchOptions): Promise<Metric[]> {
  await needTools({ dnsperf: "dnsperf", dnsmasq: "dnsmasq-base" }, signal);
  const folder = await mkdtemp(join(tmpdir(), "berth-bench-"));
  const ended = new AbortController();
  let peer: ChildProcess | undefined;
  try {
    const queries = join(folder, "queries");
    await writeFile(
      queries,
      namesOf()
        .map(({ name }) => `${name} A\n`)
        .join(""),
    );
    const port = await startOurs(ended.signal);
    peer = await startPeer(folder);
    await eventually("both answer", async () => {
      const rates = await Promise.all(
        [port, PEER_PORT].map((at) => ask({ port: at, queries, seconds: 1, clients: 1, signal })),
      );
      return rates.every(({ answered }) => answered > 0);
    });
    const peaks = { ours: [] as number[], peer: [] as number[] };
    const tails = { ours: [] as number[], peer: [] as number[] };
    for (let round = 1; round <= ROUNDS; round += 1) {
      const common = { queries, seconds: SECONDS, clients: 8, signal };
      const order = round % 2 === 0 ? (["peer", "ours"] as const) : (["ours", "peer"] as const);
      for (const who of order)
        peaks[who].push(
          (await ask({ ...common, port: who === "ours" ? port : PEER_PORT })).perSecond,
        );
      for (const who of order) {
        const at = who === "ours" ? port : PEER_PORT;
        tails[who].push((await ask({ ...common, port: at, rate: STEADY_RATE })).p99Ms);
      }
      const last = (list: readonly number[], digits: number): string =>
        (list.at(-1) ?? 0).toFixed(digits);
      say(
        `round ${round} of ${ROUNDS}: ${last(peaks.ours, 0)}/s, dnsmasq ${last(peaks.peer, 0)}/s, p99 at ${STEADY_RATE}/s ${last(tails.ours, 2)} ms, dnsmasq ${last(tails.peer, 2)} ms`,
      );
    }
    return [
      compared(PEAK, "queries/s", peaks.ours, peaks.peer),
      compared(TAIL, "ms", tails.ours, tails.peer),
    ];
  } finally {
    ended.abort();
    if (peer !== undefined && peer.exitCode === null) {
      peer.kill("SIGKILL");
      await once(peer, "exit");
    }
    await rm(folder, { recursive: true });
  }
}

function namesOf(): readonly { readonly name: string; readonly address: string }[] {
  return Array.from({ length: SERVICES }, (_, index) => {
    const [, { service }] = serviceState(index, 3);
    const { name, namespace = "" } = service?.metadata ?? { name: "" };
    return { name: `${name}.${namespace}.svc.${DOMAIN}`, address: service?.spec.clusterIP ?? "" };
  });
}

/** The thread of a node, with all names. Gives its port. */
async function startOurs(signal: AbortSignal): Promise<number> {
  const listening = Promise.withResolvers<number>();
  const dns = new ClusterDns({
    worker: {
      address: ADDRESS,
      port: 0,
      domain: DOMAIN,
      podCidr: "10.32.0.0/11",
      serviceCidr: "10.96.0.0/12",
    },
    clock: systemClock,
    logger: silentLogger,
    onListening: listening.resolve,
  });
  dns.update(new Map(Array.from({ length: SERVICES }, (_, index) => serviceState(index, 3))));
  void dns.run(signal);
  return listening.promise;
}

async function startPeer(folder: string): Promise<ChildProcess> {
  const config = join(folder, "dnsmasq.conf");
  const hosts = join(folder, "hosts");
  await writeFile(
    hosts,
    namesOf()
      .map(({ name, address }) => `${address} ${name}\n`)
      .join(""),
  );
  const lines = ["no-resolv", "no-hosts", `addn-hosts=${hosts}`, `listen-address=${ADDRESS}`];
  lines.push(
    `port=${PEER_PORT}`,
    "bind-interfaces",
    "keep-in-foreground",
    "user=root",
    "pid-file=",
  );
  await writeFile(config, `${lines.join("\n")}\n`, { mode: 0o644 });
  return spawn("dnsmasq", ["-C", config], {
    stdio: "ignore",
    env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` },
  });
}

interface Load {
  readonly port: number;
  readonly queries: string;
  readonly seconds: number;
  readonly clients: number;
  readonly rate?: number;
  readonly signal: AbortSignal;
}

async function ask({ port, queries, seconds, clients, rate, signal }: Load): Promise<{
  readonly answered: number;
  readonly perSecond: number;
  readonly p99Ms: number;
}> {
  const where = [
    "-s",
    ADDRESS,
    "-p",
    `${port}`,
    "-d",
    queries,
    "-l",
    `${seconds}`,
    "-c",
    `${clients}`,
  ];
  // Each query is told where they are few enough.
  const pace = rate === undefined ? ["-T", "1"] : ["-T", "1", "-Q", `${rate}`, "-v"];
  const { stdout } = await runOnHost("dnsperf", [...where, ...pace], { signal });
  const figure = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? 0);
  const times = [...stdout.matchAll(/^> NOERROR \S+ A ([\d.]+)/gm)].map(
    ([, time]) => Number(time) * 1000,
  );
  const sorted = times.toSorted((a, b) => a - b);
  const wrong = figure(/Queries lost:\s+(\d+)/);
  const answered = figure(/Response codes:\s+NOERROR (\d+)/);
  if (rate !== undefined && wrong > 0) throw new Error(`${wrong} queries were lost`);
  return {
    answered,
    perSecond: figure(/Queries per second:\s+([\d.]+)/),
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
  };
}
