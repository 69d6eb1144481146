import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { ensureImages } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { startHosts, type Hosts } from "../support/test-hosts.ts";
import type { HostsCluster } from "../support/test-hosts-cluster.ts";
import {
  callOften,
  callTo,
  podsByHost,
  WHO_PORT,
  whoService,
  whoWorkload,
} from "../support/who.ts";

const IMAGE = "berth.local/busybox:1";
/** The third host is behind a router: between it and the others, VXLAN is the way. */
const SEGMENTS = [0, 0, 1];
const PAIRS = [0, 1, 2].flatMap((from) => [0, 1, 2].map((to) => [from, to] as const));
const NODE_PORT = 31_007;
const HEAL_MS = 5_000;

let hosts: Hosts;
let cluster: HostsCluster;
let pods: readonly Pod[];
let vip: string;

beforeAll(async () => {
  await ensureImages("busybox");
  hosts = await startHosts({ count: 3, images: [IMAGE], segments: SEGMENTS });
  cluster = await hosts.startCluster();
  await cluster.apply(whoWorkload("DaemonSet", "who"), whoService("who", NODE_PORT));
  await cluster.apply(whoWorkload("DaemonSet", "host", { hostNetwork: true, port: 8081 }));
  pods = await podsByHost(cluster, hosts, "who");
  await podsByHost(cluster, hosts, "host");
  vip = await cluster.kubectl("get", "service", "who", "-o", "jsonpath={.spec.clusterIP}");
});
beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => console.error(await cluster.describe()));
});
afterAll(async () => {
  await hosts?.close();
});

const ip = (index: number): string => pods[index]?.status?.podIP ?? "";
/** What a program in the pod of a host gets from there: the server's name, and who it saw. */
const fromPod = (from: number, target: string): Promise<string> =>
  callTo(hosts.at(from), pods[from], target);

test.for(PAIRS)("pod on h%i reaches pod on h%i by address, with its own", async ([from, to]) => {
  await eventually(
    "the way is there",
    async () => {
      const said = await fromPod(from, `${ip(to)}:${WHO_PORT}`);
      expect(said).toBe(`${pods[to]?.metadata.name} ${ip(from)}`);
      return true;
    },
    HEAL_MS,
  );
});

test("the ways are what the segments ask for", async () => {
  const routes = async (host: number): Promise<string> =>
    await hosts.at(host).mustRun(["ip", "-4", "route", "show", "proto", "178"]);
  const [first, third] = [await routes(0), await routes(2)];
  expect(first).toMatch(/^10\.\S+ via 192\.0\.2\.12 dev eth0 onlink/m);
  expect(first).toMatch(/^10\.\S+ via 10\.\S+ dev berth-x-\w+ onlink/m);
  expect(third.match(/dev berth-x-/g)).toHaveLength(2);
});

test.for(PAIRS)("pod on h%i reaches the program of host h%i", async ([from, to]) => {
  expect(await fromPod(from, `${hosts.at(to).address}:8081`)).toMatch(/^host-/);
});

test("pods of hosts on one Ethernet keep their address towards nodes", async () => {
  expect(await fromPod(0, `${hosts.at(1).address}:8081`)).toMatch(new RegExp(` ${ip(0)}$`));
  expect(await fromPod(1, `${hosts.at(0).address}:8081`)).toMatch(new RegExp(` ${ip(1)}$`));
});

test.for(PAIRS)("the host h%i itself reaches the pod on h%i", async ([from, to]) => {
  const said = await callTo(hosts.at(from), undefined, `${ip(to)}:${WHO_PORT}`);
  expect(said).toMatch(new RegExp(`^${pods[to]?.metadata.name} `));
});

test("a Service spreads over all hosts, from each pod, host and node port, and by name", async () => {
  const all = pods.map(({ metadata }) => metadata.name).toSorted();
  const reached = async (host: number, pod: Pod | undefined, target: string): Promise<unknown> => {
    const said = await callOften(hosts.at(host), pod, target, 30);
    return [...new Set(said.map((text) => text.split(" ")[0] ?? ""))].toSorted();
  };
  for (const from of [0, 1, 2]) {
    expect(await reached(from, pods[from], `${vip}:80`)).toEqual(all);
    expect(await reached(from, undefined, `${vip}:80`)).toEqual(all);
    const nodePort = `${hosts.at(from).address}:${NODE_PORT}`;
    expect(await reached((from + 1) % 3, undefined, nodePort)).toEqual(all);
    expect(await fromPod(from, "who.test.svc.cluster.local:80")).toMatch(/^who-/);
  }
});

test("large answers come through, whatever the way", async () => {
  for (const [from, to] of PAIRS) {
    const said = await fromPod(from, `${ip(to)}:${WHO_PORT}/cgi-bin/large`);
    expect(said.length).toBe(200_000);
  }
});
