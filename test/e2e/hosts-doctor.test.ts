import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Finding } from "../../src/model/doctor.ts";
import { eventually } from "../support/eventually.ts";
import { startHosts, type Hosts } from "../support/test-hosts.ts";
import type { HostsCluster } from "../support/test-hosts-cluster.ts";

let hosts: Hosts;
let cluster: HostsCluster;

beforeAll(async () => {
  // The third is behind a router: VXLAN is the way to it.
  hosts = await startHosts({ count: 3, segments: [0, 0, 1] });
  cluster = await hosts.startCluster();
  await eventually("all is well", async () => (await wrong()).length === 0);
});
beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => console.error(await cluster.describe()));
});
afterAll(async () => {
  await hosts?.close();
});

const FIND_MS = 20_000;

const lineOf = ({ node, peer, check }: Finding): string =>
  [node, ...(peer === undefined ? [] : [peer]), check].join(" ");

async function examine(): Promise<readonly Finding[]> {
  const { stdout, output } = await cluster.berth(["doctor", "network", "-o", "json"]);
  if (!stdout.startsWith("[")) throw new Error(output);
  return JSON.parse(stdout) as Finding[];
}

/** What is wrong, a line each. */
async function wrong(): Promise<readonly string[]> {
  return (await examine()).filter(({ status }) => status !== "ok").map(lineOf);
}

test("all is well: every node looked at its host and at every other node", async () => {
  const findings = await examine();
  expect(findings.filter(({ status }) => status !== "ok")).toEqual([]);
  const ways = findings.filter(({ check }) => check === "mtu");
  expect(
    ways.map(({ node, peer, message }) => `${node} ${peer} ${/\d+/.exec(message)?.[0]}`),
  ).toEqual(["h0 h1 1500", "h0 h2 1450", "h1 h0 1500", "h1 h2 1450", "h2 h0 1450", "h2 h1 1450"]);
  const checks = new Set(findings.map(({ check }) => check));
  for (const check of [
    "node",
    "forwarding",
    "firewall",
    "nft-tables",
    "routes",
    "conntrack",
    "dns",
    "api",
    "clock",
  ])
    expect(checks).toContain(check);
  const { code, output } = await cluster.berth(["doctor", "network"]);
  expect(output).toMatch(/^✓ all \d+ checks on 3 nodes are well\n$/);
  expect(code).toBe(0);
});

/** Damage on a host, how it is taken back, and what is found. `$x` is the VXLAN device. */
const DAMAGE: readonly (readonly [string, number, string, string, readonly string[]])[] = [
  [
    "VXLAN's port is closed",
    2,
    "nft add table ip evil; nft 'add chain ip evil in { type filter hook input priority -200; }'; nft add rule ip evil in udp dport 8472 drop",
    "nft delete table ip evil",
    ["h0 h2 pod-traffic", "h1 h2 pod-traffic", "h2 h0 pod-traffic", "h2 h1 pod-traffic"],
  ],
  [
    "large packets are lost between two hosts",
    1,
    "nft add table ip evil; nft 'add chain ip evil in { type filter hook prerouting priority -300; }'; nft add rule ip evil in iifname eth0 ip length gt 1400 drop",
    "nft delete table ip evil",
    ["h0 h1 mtu", "h1 h0 mtu", "h1 h2 mtu", "h2 h1 mtu"],
  ],
  [
    "forwarding is off",
    1,
    "sysctl -qw net.ipv4.ip_forward=0 2>/dev/null || echo 0 > /proc/sys/net/ipv4/ip_forward",
    "echo 1 > /proc/sys/net/ipv4/ip_forward",
    ["h1 forwarding"],
  ],
  [
    "source validation is strict",
    2,
    "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter; echo 0 > /proc/sys/net/ipv4/conf/$x/rp_filter",
    "echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter; echo 2 > /proc/sys/net/ipv4/conf/$x/rp_filter",
    ["h2 source-validation"],
  ],
  [
    "a route of the host overlaps",
    1,
    "ip route add 10.40.0.0/16 via 192.0.2.1",
    "ip route del 10.40.0.0/16",
    ["h1 overlapping-routes"],
  ],
  // The last one: its cure comes with the next look, within 30 s.
  ["the firewall's accepts are gone", 0, "iptables -F DOCKER-USER", "true", ["h0 firewall"]],
];

test.for(DAMAGE)("%s", async ([, host, breakIt, mendIt, expected]) => {
  const { clusterId } = await cluster.readConfig();
  const inShell = (script: string): Promise<string> =>
    hosts.at(host).mustRun(["sh", "-c", `x=berth-x-${clusterId}; ${script}`]);
  // Berth repairs some of it at any time: then there was nothing to find.
  await eventually(
    `it finds ${expected.join(", ")}`,
    async () => {
      await inShell(breakIt);
      const found = await examine();
      await inShell(mendIt);
      const bad = found.filter(({ status }) => status !== "ok");
      expect(bad.map(lineOf)).toEqual(expected);
      for (const { cure } of bad) expect(cure).toMatch(/\w{3}/);
      return true;
    },
    FIND_MS,
  );
});

test("a node that is cut off is a problem with a cure, and the command ends with 1", async () => {
  await cluster.stopNode(2);
  const { code, output } = await cluster.berth(["doctor", "network"]);
  expect(code).toBe(1);
  expect(output).toContain("✗ h2: the node cannot be asked");
  expect(output).toContain("  → ");
  cluster.startNode(2);
});
