import type { ClusterInfo } from "../../client/client.ts";
import { networkTableName, tableName, vxlanName } from "../../model/instance.ts";
import { dropsByDefault, ourRules } from "../forward-rules.ts";
import { ProxyError } from "../proxy-error.ts";
import type { RunCommand } from "../run-command.ts";
import { observeHost, observePieces } from "./observe-host.ts";
import { overlappingRoutes } from "./overlapping-routes.ts";
import { repairPieces } from "./repair-host.ts";
import type { NetworkState } from "./run-network.ts";
import type { Verdict } from "./verdict.ts";

export interface HostQuestion {
  readonly run: RunCommand;
  readonly cluster: ClusterInfo;
  readonly podCidr: string;
  readonly state: NetworkState;
}

/** From here on the next burst of connections may find no room. */
const CONNTRACK_FULL = 0.9;

type Look = (question: HostQuestion, signal: AbortSignal) => Promise<Verdict>;

/** What of the host itself keeps packets from pods. */
export async function checkHost(
  question: HostQuestion,
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  const looks: readonly Look[] = [
    checkForwarding,
    checkSourceValidation,
    checkFirewall,
    checkTables,
    checkRoutes,
    checkOverlaps,
    checkConntrack,
  ];
  return await Promise.all(looks.map((look) => look(question, signal)));
}

const checkForwarding: Look = async ({ run }, signal) => {
  const check = "forwarding";
  const value = await readNumber(run, "/proc/sys/net/ipv4/ip_forward", signal);
  if (value === 1) return { check, status: "ok", message: "the kernel forwards packets" };
  return {
    check,
    status: "problem",
    message: "the kernel does not forward packets: no pod of this node reaches anybody",
    cure: "sysctl -w net.ipv4.ip_forward=1, and look in /etc/sysctl.d for what turns it off",
  };
};

const checkSourceValidation: Look = async ({ run, cluster, state }, signal) => {
  const check = "source-validation";
  const dev = vxlanName(cluster.clusterId);
  const right = { check, status: "ok", message: "packets from tunnels are let in" } as const;
  if (!state.plan.devices.some(({ name }) => name === dev)) return right;
  const [all, own] = await Promise.all(
    ["all", dev].map((name) =>
      readNumber(run, `/proc/sys/net/ipv4/conf/${name}/rp_filter`, signal),
    ),
  );
  if (Math.max(all ?? 0, own ?? 0) !== 1) return right;
  return {
    check,
    status: "problem",
    message: `rp_filter is strict on ${dev}: the kernel drops what comes from other nodes' pods`,
    cure: `sysctl -w net.ipv4.conf.${dev}.rp_filter=2`,
  };
};

const checkFirewall: Look = async ({ run, cluster }, signal) => {
  const check = "firewall";
  const right = { check, status: "ok", message: "the host's firewall lets pods through" } as const;
  const rules = await listIptables(run, signal);
  if (rules === undefined || !dropsByDefault(rules)) return right;
  if (ourRules(rules, cluster.clusterId).length >= 2) return right;
  return {
    check,
    status: "problem",
    message: `the host's firewall drops forwarded packets, and the rules that accept ${cluster.podCidr} are gone`,
    cure: "Berth adds them again within 30 s; if they go again, let the firewall's owner accept that network in FORWARD",
  };
};

const checkTables: Look = async ({ run, cluster: { clusterId } }, signal) => {
  const check = "nft-tables";
  const wanted = [
    [tableName(clusterId), "nat-prerouting", "route-services"],
    [networkTableName(clusterId), "clamp", "maxseg"],
  ] as const;
  const broken = [];
  for (const [table, chain, word] of wanted) {
    const { stdout } = await run("nft", ["list", "chain", "ip", table, chain], { signal });
    if (!stdout.includes(word)) broken.push(table);
  }
  if (broken.length === 0)
    return { check, status: "ok", message: "the rules for Services and pods are in the kernel" };
  return {
    check,
    status: "problem",
    message: `nftables lost ${broken.map((name) => `"${name}"`).join(" and ")}: somebody flushed the rules`,
    cure: "Berth puts them back within 10 s; if they go again, find who runs `nft flush ruleset`, often a firewall service at its reload",
  };
};

const checkRoutes: Look = async ({ run, cluster, state }, signal) => {
  const check = "routes";
  const host = await observeHost(run, signal);
  const devices = state.plan.devices.map(({ name }) => name);
  const question = { host, podCidr: cluster.podCidr, devices };
  const present = await observePieces(run, question, signal);
  const { ip, bridge } = repairPieces(state.plan.pieces, present);
  const missing = ip.length + bridge.length;
  if (missing === 0) return { check, status: "ok", message: "all routes to other nodes are there" };
  return {
    check,
    status: "problem",
    message: `${missing} of the routes, neighbours and forwarding entries to other nodes are missing or wrong: ${ip[0] ?? bridge[0] ?? ""}`,
    cure: "Berth puts them back within 10 s; if they go again, find what manages the routes of this host (NetworkManager, systemd-networkd) and leave protocol 178 out",
  };
};

const checkOverlaps: Look = async ({ run, cluster }, signal) => {
  const check = "overlapping-routes";
  const { routes } = await observeHost(run, signal);
  const [found] = overlappingRoutes(routes, cluster);
  if (found === undefined)
    return { check, status: "ok", message: "no route of the host overlaps the cluster's networks" };
  return {
    check,
    status: "warning",
    message: `the host's route to ${found.dst} overlaps the cluster's networks ${cluster.podCidr} and ${cluster.serviceCidr}: one of the two is not reached`,
    cure: "take that route away (often it is a VPN's), or make the cluster with other networks",
  };
};

const checkConntrack: Look = async ({ run }, signal) => {
  const check = "conntrack";
  const folder = "/proc/sys/net/netfilter";
  const [count = 0, max = Infinity] = await Promise.all([
    readNumber(run, `${folder}/nf_conntrack_count`, signal),
    readNumber(run, `${folder}/nf_conntrack_max`, signal),
  ]);
  if (count < max * CONNTRACK_FULL)
    return { check, status: "ok", message: "the kernel has room for more connections" };
  return {
    check,
    status: "problem",
    message: `the kernel follows ${count} of at most ${max} connections: new ones are dropped when it is full`,
    cure: `sysctl -w net.netfilter.nf_conntrack_max=${max * 4}`,
  };
};

async function readNumber(
  run: RunCommand,
  path: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { exitCode, stdout } = await run("cat", [path], { signal });
  return exitCode === 0 ? Number(stdout.trim()) : undefined;
}

async function listIptables(run: RunCommand, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { exitCode, stdout } = await run("iptables", ["-w", "5", "-S"], { signal });
    return exitCode === 0 ? stdout : undefined;
  } catch (error) {
    if (error instanceof ProxyError && error.code === "tool-missing") return undefined;
    throw error;
  }
}
