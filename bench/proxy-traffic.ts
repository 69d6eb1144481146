import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../src/base/logger.ts";
import { systemClock } from "../src/base/system-clock.ts";
import { vethName } from "../src/model/instance.ts";
import { NftProxy } from "../src/proxy/nft-proxy.ts";
import { nftTool } from "../src/proxy/nft.ts";
import { setUpNodeNetwork } from "../src/proxy/node-network.ts";
import { EMPTY_TABLE, updateServiceTable } from "../src/proxy/service-table.ts";
import type { ServiceState } from "../src/proxy/service-table.ts";
import { HERE, endpoint, service, servicePort, slice } from "../test/proxy/services.ts";
import { eventually } from "../test/support/eventually.ts";
import { Namespace } from "../test/support/netns.ts";
import { compared } from "./harness.ts";
import type { Bar, BenchOptions, Metric } from "./harness.ts";
import { needTools } from "./debian-tools.ts";
import { serviceState } from "./proxy-rules.ts";

/*
 * One client and one server, each a pod of the same node; every way between them has a node of its own, so that no way
 * pays for another. Requests are small, on connections that are kept; bulk is one connection for some seconds.
 */
const SECONDS = Number(process.env["BERTH_BENCH_SECONDS"] ?? 3);
const ROUNDS = Number(process.env["BERTH_BENCH_RUNS"] ?? 5);
const OTHER_SERVICES = 10_000;
const CONNECTIONS = 32;
const CLUSTER = { podCidr: "10.32.0.0/11", serviceCidr: "10.96.0.0/12", dnsIp: "10.96.0.10" };
const CLIENT = "10.32.0.2";
const SERVER = "10.32.0.3";
const VIP = "10.96.0.5";
const GATEWAY = "169.254.1.1";
/** Unlike `ip netns exec`, it leaves the mounts as they are. */
const ENTER = "nsenter";
const NODE_ADDRESS = "10.32.9.9";
const PORTS = { web: 8080, bulk: 5201 };

const NEAR_RULE = "through a Service beside one hand-written rule: requests";
const NEAR_HAPROXY = "through a Service beside HAProxy in TCP mode: requests";
const BULK = "through a Service beside no proxy: bulk";
const USERSPACE = "through the user-space proxy beside HAProxy with one thread: requests";

export const trafficBars: readonly Bar[] = [
  { metric: NEAR_RULE, of: "ratio", above: 0.95 },
  { metric: NEAR_HAPROXY, of: "ratio", above: 1.5 },
  { metric: BULK, of: "ratio", above: 0.95 },
  { metric: USERSPACE, of: "ratio", above: 0.7 },
];

/** A node with a client and a server, and where the client calls. */
interface Way extends AsyncDisposable {
  readonly client: Namespace;
  readonly node: Namespace;
  readonly target: string;
  readonly children: ChildProcess[];
}

/** How many requests and bytes go through the rules and the proxies, side by side. */
export async function measureTraffic({ say, signal }: BenchOptions): Promise<Metric[]> {
  await needTools({ wrk: "wrk", haproxy: "haproxy", iperf3: "iperf3" }, signal);
  const folder = await mkdtemp(join(tmpdir(), "berth-bench-"));
  try {
    await using service = await serviceWay(folder, signal);
    await using rule = await ruleWay(folder, signal);
    await using haproxy = await haproxyWay(folder);
    await using userspace = await userspaceWay(folder);
    const ways = { service, rule, haproxy, userspace };
    const requests: Record<keyof typeof ways, number[]> = {
      service: [],
      rule: [],
      haproxy: [],
      userspace: [],
    };
    const bulk = { service: [] as number[], direct: [] as number[] };
    for (let round = 1; round <= ROUNDS; round += 1) {
      const names = Object.keys(ways) as (keyof typeof ways)[];
      // Who comes first changes, so that nobody always runs on a warm machine.
      for (const name of round % 2 === 0 ? names.toReversed() : names)
        requests[name].push(await callMany(ways[name], `${ways[name].target}:80`, signal));
      bulk.service.push(await sendMuch(service, VIP, signal));
      bulk.direct.push(await sendMuch(service, SERVER, signal));
      const told = names.map((name) => `${name} ${Math.round(requests[name].at(-1) ?? 0)}/s`);
      say(
        `round ${round} of ${ROUNDS}: ${told.join(", ")}, bulk ${((bulk.service.at(-1) ?? 0) / 1e9).toFixed(2)} GB/s`,
      );
    }
    return [
      compared(NEAR_RULE, "requests/s", requests.service, requests.rule),
      compared(NEAR_HAPROXY, "requests/s", requests.service, requests.haproxy),
      compared(BULK, "bytes/s", bulk.service, bulk.direct),
      compared(USERSPACE, "requests/s", requests.userspace, requests.haproxy),
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function makeWay(id: string, folder: string, target: string): Promise<Way> {
  const stack = new AsyncDisposableStack();
  const [node, client, server] = [
    stack.use(await Namespace.create()),
    stack.use(await Namespace.create()),
    stack.use(await Namespace.create()),
  ];
  const children: ChildProcess[] = [];
  stack.defer(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  });
  await node.tool("tee", ["/proc/sys/net/ipv4/ip_forward"], "1");
  await node.ip(`addr add ${NODE_ADDRESS}/32 dev lo`);
  for (const [index, pod, address] of [
    [1, client, CLIENT],
    [2, server, SERVER],
  ] as const) {
    const veth = vethName(id, `${index}`.padStart(8, "0"));
    await node.ip(
      `link add ${veth} type veth peer name eth0 netns ${pod.name}`,
      `addr add ${GATEWAY}/32 dev ${veth}`,
      `link set ${veth} up`,
      `route add ${address}/32 dev ${veth} src ${NODE_ADDRESS}`,
    );
    await pod.ip(
      `addr add ${address}/32 dev eth0`,
      "link set eth0 up",
      `route add ${GATEWAY}/32 dev eth0`,
      `route add default via ${GATEWAY} dev eth0`,
    );
  }
  const config = join(folder, `${id}-server.cfg`);
  await writeFile(
    config,
    `global
  nbthread 1
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
frontend web
  bind ${SERVER}:${PORTS.web}
  http-request return status 200 content-type text/plain string "hello from the server"
`,
  );
  children.push(start(server, "haproxy", ["-f", config]), start(server, "iperf3", ["-s"]));
  await eventually(
    "the server answers",
    async () => (await curl(client, `${SERVER}:${PORTS.web}`)) !== "",
  );
  return { client, node, target, children, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

function start(namespace: Namespace, command: string, args: readonly string[]): ChildProcess {
  return spawn(ENTER, [`--net=/run/netns/${namespace.name}`, "--", command, ...args], {
    stdio: "ignore",
    env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` },
  });
}

/** The Service among 10,000 others, of which one in a hundred has affinity. */
async function serviceWay(folder: string, signal: AbortSignal): Promise<Way> {
  const id = "b3nchs";
  const way = await makeWay(id, folder, VIP);
  const { run } = way.node;
  await setUpNodeNetwork({ clusterId: id, cluster: CLUSTER, logger: silentLogger, run }, signal);
  const proxy = new NftProxy({
    nft: nftTool(run),
    ruleset: { clusterId: id, ...CLUSTER },
    clock: systemClock,
    logger: silentLogger,
  });
  const others = Array.from({ length: OTHER_SERVICES }, (_, index) => otherService(index));
  const states = new Map([...others, ["shop/web", webState()] as const]);
  await proxy.apply(updateServiceTable(EMPTY_TABLE, states, HERE), signal);
  return way;
}

function otherService(index: number): readonly [string, ServiceState] {
  const [key, state] = serviceState(index, 3);
  if (index % 100 !== 0 || state.service === undefined) return [key, state];
  const spec = { ...state.service.spec, sessionAffinity: "ClientIP" } as const;
  return [key, { ...state, service: { ...state.service, spec } }];
}

function webState(): ServiceState {
  const ports = [
    servicePort({ name: "web", targetPort: PORTS.web }),
    servicePort({ name: "bulk", port: PORTS.bulk, targetPort: PORTS.bulk }),
  ];
  const targets = Object.entries(PORTS).map(([name, port]) => ({
    name,
    port,
    protocol: "TCP" as const,
  }));
  return {
    service: service({ clusterIP: VIP, ports }),
    slices: [slice([endpoint(SERVER)], { ports: targets })],
  };
}

async function ruleWay(folder: string, signal: AbortSignal): Promise<Way> {
  const way = await makeWay("b3nchr", folder, VIP);
  const table = `table ip hand {
  chain nat { type nat hook prerouting priority -100; ip daddr ${VIP} tcp dport 80 dnat ip to ${SERVER}:${PORTS.web}; }
}
`;
  await nftTool(way.node.run).apply(table, signal);
  return way;
}

async function haproxyWay(folder: string): Promise<Way> {
  const way = await makeWay("b3nchh", folder, NODE_ADDRESS);
  const config = join(folder, "proxy.cfg");
  await writeFile(
    config,
    `global
  nbthread 1
defaults
  mode tcp
  timeout client 60s
  timeout server 60s
  timeout connect 5s
listen web
  bind ${NODE_ADDRESS}:80
  server one ${SERVER}:${PORTS.web}
`,
  );
  way.children.push(start(way.node, "haproxy", ["-f", config]));
  await eventually(
    "HAProxy answers",
    async () => (await curl(way.client, `${NODE_ADDRESS}:80`)) !== "",
  );
  return way;
}

async function userspaceWay(folder: string): Promise<Way> {
  const way = await makeWay("b3nchu", folder, VIP);
  const { podCidr, serviceCidr, dnsIp } = CLUSTER;
  const script = new URL("../test/proxy/userspace-child.ts", import.meta.url);
  const child = way.node.spawn(script, podCidr, serviceCidr, dnsIp);
  const table = updateServiceTable(EMPTY_TABLE, new Map([["shop/web", webState()]]), HERE);
  const applied = once(child, "message");
  child.send({ frontends: [...table.wanted.entries()] });
  await applied;
  return way;
}

async function callMany(way: Way, place: string, signal: AbortSignal): Promise<number> {
  const args = ["-t", "1", "-c", `${CONNECTIONS}`, "-d", `${SECONDS}s`, `http://${place}/`];
  const { stdout } = await way.client.run("wrk", args, { signal });
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  if (!(rate > 0) || /Socket errors|Non-2xx/.test(stdout))
    throw new Error(`Calls failed: ${stdout}`);
  return rate;
}

async function sendMuch(way: Way, address: string, signal: AbortSignal): Promise<number> {
  const args = ["-c", address, "-p", `${PORTS.bulk}`, "-t", `${SECONDS}`, "-J"];
  const { stdout } = await way.client.run("iperf3", args, { signal });
  const report = JSON.parse(stdout) as {
    readonly end?: { readonly sum_received?: { readonly bits_per_second?: number } };
  };
  const bits = report.end?.sum_received?.bits_per_second ?? 0;
  if (bits === 0) throw new Error(`Bulk failed: ${stdout.slice(0, 500)}`);
  return bits / 8;
}

async function curl(namespace: Namespace, place: string): Promise<string> {
  const signal = AbortSignal.timeout(5000);
  const { stdout } = await namespace.run("curl", ["-s", "-m", "1", `http://${place}/`], { signal });
  return stdout;
}
