import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { EndpointSlice, Pod } from "../../src/model/kinds.gen.ts";
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
/** 40 s of silence, the control plane's look every 5 s, and what the proxies take. */
const GONE_MS = 55_000;

let hosts: Hosts;
let cluster: HostsCluster;
let pods: readonly Pod[];
let vip: string;

beforeAll(async () => {
  await ensureImages("busybox");
  hosts = await startHosts({ count: 3, images: [IMAGE] });
  cluster = await hosts.startCluster({ up: ["--network-driver", "vxlan"] });
  await cluster.apply(whoWorkload("DaemonSet", "who"), whoService("who"));
  await cluster.apply(whoWorkload("Deployment", "web", { replicas: 6 }), whoService("web"));
  pods = await podsByHost(cluster, hosts, "who");
  await cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s");
  vip = await addressOf("who");
});
beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => console.error(await cluster.describe()));
});
afterAll(async () => {
  await hosts?.close();
});

const addressOf = async (service: string): Promise<string> =>
  await cluster.kubectl("get", "service", service, "-o", "jsonpath={.spec.clusterIP}");

test("VXLAN between hosts on one Ethernet, when it is chosen: pods have its MTU", async () => {
  for (const [from, to] of [
    [0, 1],
    [1, 2],
    [2, 0],
  ] as const) {
    const target = `${pods[to]?.status?.podIP}:${WHO_PORT}`;
    const said = await eventually("the way is there", () =>
      callTo(hosts.at(from), pods[from], target),
    );
    expect(said).toBe(`${pods[to]?.metadata.name} ${pods[from]?.status?.podIP}`);
  }
  const routes = await hosts.at(0).mustRun(["ip", "-4", "route", "show", "proto", "178"]);
  expect(routes.match(/dev berth-x-/g)).toHaveLength(2);
  const id = pods[0]?.status?.containerStatuses?.[0]?.containerID?.replace("docker://", "") ?? "";
  const mtu = ["docker", "exec", id, "cat", "/sys/class/net/eth0/mtu"];
  expect(await hosts.at(0).mustRun(mtu)).toBe("1450\n");
});

test("a rolling update over all hosts loses no request, from any of them", async () => {
  const web = await addressOf("web");
  const over = new AbortController();
  const callers = [0, 1, 2].map(async (host) => {
    let count = 0;
    while (!over.signal.aborted) {
      count += (await callOften(hosts.at(host), pods[host], `${web}:80`, 10)).length;
    }
    return count;
  });
  const rollout = (async (): Promise<void> => {
    await cluster.kubectl("rollout", "restart", "deployment/web");
    await cluster.kubectl("rollout", "status", "deployment/web", "--timeout=90s");
  })();
  await Promise.race([rollout, ...callers]);
  await rollout;
  over.abort();
  const counts = await Promise.all(callers);
  for (const count of counts) expect(count).toBeGreaterThan(20);
});

test("of a host that is gone, the endpoints leave, and come back with it", async () => {
  await hosts.cut(2);
  const gone = pods[2]?.status?.podIP ?? "";
  const ready = async (): Promise<readonly string[]> => {
    const slices = await cluster.getJson<{ items: EndpointSlice[] }>(
      "endpointslices",
      "-l",
      "kubernetes.io/service-name=who",
    );
    return slices.items
      .flatMap(({ endpoints }) => endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready ?? true)
      .flatMap(({ addresses }) => addresses);
  };
  expect(await ready()).toContain(gone);
  await sleep(30_000);
  // Silent, but not for long enough.
  expect(await cluster.isReady(2)).toBe(true);
  await eventually("the endpoint has left", async () => !(await ready()).includes(gone), GONE_MS);
  expect(await cluster.isReady(2)).toBe(false);
  await eventually(
    "the proxies follow",
    async () => {
      const said = await callOften(hosts.at(0), pods[0], `${vip}:80`, 20);
      return !said.some((text) => text.startsWith(pods[2]?.metadata.name ?? "?"));
    },
    5_000,
  );
  await hosts.heal();
  await eventually("the endpoint is back", async () => (await ready()).includes(gone), 30_000);
});
