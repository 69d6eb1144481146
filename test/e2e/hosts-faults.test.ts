import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { ensureImages } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { startHosts, type Hosts } from "../support/test-hosts.ts";
import type { HostsCluster } from "../support/test-hosts-cluster.ts";
import { callTo, podsByHost, WHO_PORT, whoService, whoWorkload } from "../support/who.ts";

const IMAGE = "berth.local/busybox:1";
/** The third host is behind a router: between it and the others, VXLAN is the way. */
const SEGMENTS = [0, 0, 1];
const HEAL_MS = 5_000;
/** A check every 10 s, and what it takes. */
const REPAIR_MS = 13_000;
const CUT_MS = 10_000;
const JOIN_MS = 30_000;

let hosts: Hosts;
let cluster: HostsCluster;
let pods: readonly Pod[];

beforeAll(async () => {
  await ensureImages("busybox");
  hosts = await startHosts({ count: 3, images: [IMAGE], segments: SEGMENTS });
  cluster = await hosts.startCluster({ nodes: [0, 1] });
  await cluster.apply(whoWorkload("DaemonSet", "who"), whoService("who"));
});
beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => console.error(await cluster.describe()));
});
afterAll(async () => {
  await hosts?.close();
});

const ip = (index: number): string => pods[index]?.status?.podIP ?? "";
const reaches = async (from: number, to: number): Promise<boolean> =>
  (await callTo(hosts.at(from), pods[from], `${ip(to)}:${WHO_PORT}`)).includes(ip(from));
const isCut = async (from: number, to: number): Promise<boolean> =>
  !(await reaches(from, to).catch(() => false));
const PAIRS = [
  [0, 1],
  [0, 2],
  [2, 1],
] as const;

async function untilAllReach(what: string, timeoutMs: number): Promise<number> {
  const since = performance.now();
  await Promise.all(
    PAIRS.map(([from, to]) =>
      eventually(`${what}: h${from} reaches h${to}`, () => reaches(from, to), timeoutMs),
    ),
  );
  return performance.now() - since;
}

test("a host whose routes overlap the cluster's networks is refused, with the cure", async () => {
  const host = hosts.at(2);
  await host.mustRun(["ip", "route", "add", "10.40.0.0/16", "via", "198.51.100.1"]);
  const { code, output } = await host.run(await cluster.prepareJoin(2));
  expect(output).toContain('its route to 10.40.0.0/16 on "eth0" overlaps the cluster\'s networks');
  expect(output).toContain("→ take that route away");
  expect(code).toBe(1);
  await host.mustRun(["ip", "route", "delete", "10.40.0.0/16"]);
});

test("a driver that the kernel has not is refused, with the cure", async () => {
  const { code: has } = await hosts.at(2).run(["ip", "link", "add", "wg0", "type", "wireguard"]);
  const up = ["up", "--network-driver", "wireguard", "--port", "7443"];
  const dataDir = ["--data-dir", `${hosts.at(2).machine.dir}/other`];
  const { code, output } = await cluster.berthOn(2, [...up, ...dataDir]);
  if (has !== 0) {
    expect(output).toContain('Cannot use the network driver "wireguard"');
    expect(code).toBe(1);
  }
  await cluster.berthOn(2, ["down", ...dataDir]);
});

test("a node that joins is reached by all, and reaches all", async () => {
  await cluster.join(2);
  const since = performance.now();
  pods = await podsByHost(cluster, hosts, "who");
  const pod = performance.now() - since;
  const ways = await untilAllReach("after the join", JOIN_MS);
  console.info(`joined: pod Ready after ${pod.toFixed(0)} ms, reached ${ways.toFixed(0)} ms later`);
});

test("a host that was cut off for 10 s is back within 5 s", async () => {
  await hosts.cut(1);
  const until = performance.now() + CUT_MS;
  expect(await isCut(0, 1)).toBe(true);
  await sleep(until - performance.now());
  await hosts.heal();
  const ms = await untilAllReach("after a cut of 10 s", HEAL_MS);
  const ready = performance.now();
  await eventually("the node has told that it lives", () => cluster.isReady(1), HEAL_MS);
  await cluster.kubectl("logs", pods[1]?.metadata.name ?? "", "--tail=1");
  console.info(
    `healed after ${ms.toFixed(0)} ms, API after ${(performance.now() - ready).toFixed(0)} ms`,
  );
});

test("short cuts between two nodes heal at once, on both kinds of way", async () => {
  for (const [a, b] of PAIRS) {
    await hosts.cut(a, b);
    expect(await isCut(a, b)).toBe(true);
    await hosts.heal();
    const ms = await untilAllReach(`after a cut between ${a} and ${b}`, HEAL_MS);
    console.info(`h${a}-h${b} healed after ${ms.toFixed(0)} ms`);
  }
});

test("a restart of the node's process changes no address, and nobody notices", async () => {
  await cluster.stopNode(1, "SIGKILL");
  expect(await reaches(0, 1)).toBe(true);
  cluster.startNode(1);
  await eventually("the node reports again", async () => {
    const { code } = await cluster.tryKubectl("logs", pods[1]?.metadata.name ?? "", "--tail=1");
    return code === 0;
  });
  const after = await podsByHost(cluster, hosts, "who");
  expect(after.map(({ status }) => status?.podIP)).toEqual([ip(0), ip(1), ip(2)]);
  expect(await reaches(0, 1)).toBe(true);
});

test("a card that went down and up has its routes again within 5 s", async () => {
  await hosts.at(1).mustRun(["ip", "link", "set", "eth0", "down"]);
  expect(await isCut(0, 1)).toBe(true);
  await hosts.at(1).mustRun(["ip", "link", "set", "eth0", "up"]);
  await hosts.at(1).mustRun(["ip", "route", "replace", "default", "via", "192.0.2.1"]);
  await untilAllReach("after the card came back", HEAL_MS);
});

/** Each does its damage, and fails unless it is done. `$x` is the VXLAN device. */
const DAMAGE: readonly (readonly [what: string, host: number, script: string])[] = [
  ["routes", 0, 'ip route flush proto 178; test -z "$(ip route show proto 178)"'],
  ["forwarding entries", 1, "bridge fdb flush dev $x; ! bridge fdb show dev $x | grep -q dst"],
  ["neighbours", 1, 'ip neigh flush nud permanent dev $x; test -z "$(ip neigh show dev $x)"'],
  ["VXLAN device", 2, "ip link delete $x"],
  ["rules", 1, "nft flush table ip $t; ! nft list table ip $t | grep -q maxseg"],
];

test("what somebody destroyed on a host is there again at the next check", async () => {
  const { clusterId } = await cluster.readConfig();
  const names = `x=berth-x-${clusterId}; t=berth_${clusterId}_net`;
  for (const [, host, script] of DAMAGE)
    await hosts.at(host).mustRun(["sh", "-c", `${names}; ${script}`]);
  await untilAllReach("after the damage", REPAIR_MS);
  await eventually(
    "the rules are there again",
    async () => {
      const table = ["nft", "list", "table", "ip", `berth_${clusterId}_net`];
      return (await hosts.at(1).mustRun(table)).includes("maxseg");
    },
    REPAIR_MS,
  );
});

test("a node that leaves takes its ways with it", async () => {
  const { clusterId } = await cluster.readConfig();
  await cluster.stopNode(2);
  await cluster.kubectl("delete", "node", "h2");
  await eventually(
    "h0 has no way to h2",
    async () => {
      const { stdout } = await hosts.at(0).run(["ip", "link", "show", `berth-x-${clusterId}`]);
      return stdout === "";
    },
    HEAL_MS,
  );
  const routes = await hosts.at(0).mustRun(["ip", "route", "show", "proto", "178"]);
  expect(routes.trim().split("\n")).toHaveLength(1);
});

test("down leaves nothing of the network on the host", async () => {
  const { code, output } = await cluster.berth(["down"]);
  expect(output).toContain("network: removed");
  expect(code).toBe(0);
  expect(await hosts.at(0).mustRun(["nft", "list", "tables"])).not.toContain("berth");
  expect(await hosts.at(0).mustRun(["ip", "link"])).not.toContain("berth");
  expect(await hosts.at(0).mustRun(["ip", "route", "show", "table", "all"])).not.toMatch(
    /^10\.|unreachable 10\./m,
  );
  expect(await hosts.at(0).mustRun(["iptables", "-S"])).not.toContain("berth");
});
