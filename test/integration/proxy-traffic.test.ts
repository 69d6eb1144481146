import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/system-clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { conntrackCleaner } from "../../src/proxy/conntrack.ts";
import { NftProxy } from "../../src/proxy/nft-proxy.ts";
import { nftTool } from "../../src/proxy/nft.ts";
import { setUpNodeNetwork } from "../../src/proxy/node-network.ts";
import { EMPTY_TABLE, updateServiceTable } from "../../src/proxy/service-table.ts";
import type { ServiceState } from "../../src/proxy/service-table.ts";
import { NODE, endpoint, service, servicePort, slice } from "../proxy/services.ts";
import { TestNode } from "../support/netns.ts";
import type { Peer } from "../support/netns.ts";

const CLUSTER_ID = "t4tr4f";
const CLUSTER = { podCidr: "10.32.0.0/11", serviceCidr: "10.96.0.0/12", dnsIp: "10.96.0.10" };
const NODE_ADDRESS = "198.51.100.1";
const OUTSIDE = "198.51.100.2";
/** An endpoint on "another node": an address of the pod network behind the other machine. */
const REMOTE_POD = "10.33.0.2";
const VIP = "10.96.0.5";

const signal = AbortSignal.timeout(110_000);

let testNode: TestNode;
let pod1: Peer;
let pod2: Peer;
let node: Peer;
let outside: Peer;
let proxy: NftProxy;
let table = EMPTY_TABLE;

beforeAll(async () => {
  testNode = await TestNode.create(CLUSTER_ID);
  const { run } = testNode.node;
  outside = await testNode.addOutside(OUTSIDE, REMOTE_POD, CLUSTER.podCidr);
  pod1 = await testNode.addPod("10.32.0.2", 1);
  pod2 = await testNode.addPod("10.32.0.3", 2);
  node = testNode.nodePeer();
  await setUpNodeNetwork(
    { clusterId: CLUSTER_ID, cluster: CLUSTER, logger: silentLogger, run },
    signal,
  );
  const ruleset = { clusterId: CLUSTER_ID, ...CLUSTER };
  proxy = new NftProxy({ nft: nftTool(run), ruleset, clock: systemClock, logger: silentLogger });
  await Promise.all([
    pod1.serve("pod1"),
    pod2.serve("pod2"),
    outside.serve("outside", OUTSIDE),
    outside.serve("remote", REMOTE_POD),
  ]);
});

afterAll(async () => {
  await testNode?.[Symbol.asyncDispose]();
});

/** Puts one Service in place: cluster port 80 and node port 30080 by TCP and UDP. */
async function route(...addresses: readonly string[]): Promise<void> {
  const udp = { name: "udp", protocol: "UDP" } as const;
  const ports = [
    servicePort({ name: "tcp", nodePort: 30_080 }),
    servicePort({ ...udp, nodePort: 30_080 }),
  ];
  const state: ServiceState = {
    service: service({ clusterIP: VIP, ports }),
    slices: [
      slice(
        addresses.map((address) =>
          endpoint(address, { nodeName: address === REMOTE_POD ? "node-b" : NODE }),
        ),
        {
          ports: [
            { name: "tcp", protocol: "TCP", port: 8080 },
            { name: "udp", protocol: "UDP", port: 8080 },
          ],
        },
      ),
    ],
  };
  table = updateServiceTable(table, new Map([["shop/web", state]]), NODE);
  await proxy.apply(table, signal);
}

/** Who answers, over a number of calls. */
async function answers(peer: Peer, target: string, calls = 20): Promise<Set<string>> {
  const names = new Set<string>();
  for (let call = 0; call < calls; call += 1) {
    names.add((await peer.call(target)).split(" ")[0] ?? "");
  }
  return names;
}

describe.each(["tcp", "udp"] as const)("a Service by %s", (protocol) => {
  const clusterIp = `${protocol} ${VIP}:80`;
  const nodePort = `${protocol} ${NODE_ADDRESS}:30080`;

  test("spreads over its endpoints", async () => {
    await route("10.32.0.2", "10.32.0.3");
    expect(await answers(node, clusterIp)).toEqual(new Set(["pod1", "pod2"]));
  });

  test("keeps the address of a pod that calls another", async () => {
    await route("10.32.0.3");
    expect(await pod1.call(clusterIp)).toBe("pod2 10.32.0.2");
  });

  test("keeps the address of a client outside that calls the node port", async () => {
    await route("10.32.0.3");
    expect(await outside.call(nodePort)).toBe(`pod2 ${OUTSIDE}`);
  });

  test("is reached by the node itself, under its own address", async () => {
    await route("10.32.0.3");
    expect(await node.call(nodePort)).toBe(`pod2 ${NODE_ADDRESS}`);
    expect((await node.call(clusterIp)).split(" ")[0]).toBe("pod2");
  });

  test("is reached by pods on the node port", async () => {
    await route("10.32.0.3");
    expect(await pod1.call(nodePort)).toBe("pod2 10.32.0.2");
  });

  test("lets a pod meet itself, under another address", async () => {
    await route("10.32.0.2");
    expect(await pod1.call(clusterIp)).toBe("pod1 169.254.1.1");
    expect(await pod1.call(nodePort)).toBe("pod1 169.254.1.1");
  });

  test("keeps a pod's address also towards an endpoint on another node", async () => {
    await route(REMOTE_POD);
    expect(await pod1.call(clusterIp)).toBe("remote 10.32.0.2");
    expect(await pod1.call(nodePort)).toBe("remote 10.32.0.2");
    expect(await node.call(clusterIp)).toBe(`remote ${NODE_ADDRESS}`);
  });

  test("hides a client outside from an endpoint on another node, so that the answer comes back", async () => {
    await route(REMOTE_POD);
    expect(await outside.call(nodePort)).toBe(`remote ${NODE_ADDRESS}`);
  });

  test("refuses at once without endpoints", async () => {
    await route();
    for (const [peer, target] of [
      [pod1, clusterIp],
      [node, clusterIp],
      [outside, nodePort],
      [pod1, nodePort],
      [node, nodePort],
    ] as const) {
      const { text, ms } = await peer.timedCall(target);
      expect(text).toMatch(/^(ECONNREFUSED|EPERM)$/);
      expect(ms).toBeLessThan(1000);
    }
  });

  test("refuses an address of the service network that no Service has", async () => {
    for (const peer of [pod1, node]) {
      const { text, ms } = await peer.timedCall(`${protocol} 10.96.7.7:80`);
      expect(text).toMatch(/^(ECONNREFUSED|EPERM)$/);
      expect(ms).toBeLessThan(1000);
    }
  });

  test("refuses a port that the Service does not have", async () => {
    await route("10.32.0.3");
    expect(await pod1.call(`${protocol} ${VIP}:81`)).toBe("ECONNREFUSED");
  });

  test("sends nothing new to an endpoint that went", async () => {
    await route("10.32.0.2", "10.32.0.3");
    expect((await answers(node, clusterIp)).size).toBe(2);
    await route("10.32.0.3");
    expect(await answers(node, clusterIp)).toEqual(new Set(["pod2"]));
    expect(await answers(outside, nodePort)).toEqual(new Set(["pod2"]));
  });
});

test("a node port is not on the loopback addresses, where the kernel could not answer", async () => {
  await route("10.32.0.3");
  expect(await node.call("tcp 127.0.0.1:30080")).toBe("ECONNREFUSED");
});

test("a program of the node on a node port gets no traffic of the Service", async () => {
  const squatter = testNode.nodePeer();
  await squatter.serve("squatter", "0.0.0.0", 30_080);
  await route("10.32.0.3");
  expect(await outside.call(`tcp ${NODE_ADDRESS}:30080`)).toBe(`pod2 ${OUTSIDE}`);
  await route();
  expect(await outside.call(`tcp ${NODE_ADDRESS}:30080`)).toBe("ECONNREFUSED");
  expect(await node.call(`tcp ${NODE_ADDRESS}:30080`)).toBe("ECONNREFUSED");
  expect(await node.call("tcp 127.0.0.1:30080")).toBe("squatter 127.0.0.1");
});

test("an open connection goes on after its endpoint went", async () => {
  await route("10.32.0.2");
  expect(await node.keep(`tcp ${VIP}:80`, 1)).toMatch(/^pod1 /);
  expect(await pod2.keep(`tcp ${VIP}:80`, 1)).toBe("pod1 10.32.0.3");
  await route("10.32.0.3");
  expect(await pod2.useKept(1)).toBe("pod1 10.32.0.3");
  await route();
  expect(await pod2.useKept(1)).toBe("pod1 10.32.0.3");
  expect(await node.useKept(1)).toMatch(/^pod1 /);
});

test("pods call each other directly with their own address, and outside with the node's", async () => {
  expect(await pod1.call("tcp 10.32.0.3:8080")).toBe("pod2 10.32.0.2");
  expect(await pod1.call(`tcp ${OUTSIDE}:8080`)).toBe(`outside ${NODE_ADDRESS}`);
});

test("more backends than chains are prepared for are reached, each of them", async () => {
  const away = Array.from({ length: 19 }, (_, index) => `10.34.0.${index + 1}`);
  await route("10.32.0.2", "10.32.0.3");
  await route("10.32.0.2", "10.32.0.3", ...away);
  await route("10.32.0.3", ...away);
  await route("10.32.0.3");
  expect(await answers(pod1, `tcp ${VIP}:80`)).toEqual(new Set(["pod2"]));
});

test("a table that somebody flushed is put back whole", async () => {
  await route("10.32.0.3");
  expect(await proxy.repair(signal)).toBe(false);
  const name = `berth_${CLUSTER_ID}`;
  for (const damage of [
    "flush ruleset",
    `flush table ip ${name}`,
    `flush map ip ${name} services`,
    `flush map ip ${name} udp_endpoints`,
    `flush chain ip ${name} nat-postrouting`,
  ]) {
    await testNode.node.tool("nft", ["-f", "-"], damage);
    expect([damage, await proxy.repair(signal)]).toEqual([damage, true]);
    expect(await pod1.call(`tcp ${VIP}:80`)).toBe("pod2 10.32.0.2");
    expect(await proxy.repair(signal)).toBe(false);
  }
});

test("the conntrack tool may be missing", async () => {
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_: unknown, text: string) => void warnings.push(text) };
  const clean = conntrackCleaner(testNode.node.run, logger);
  const [frontend] = [...table.claims.values()].map(([first]) => first);
  const backend = { address: "10.32.0.2", port: 8080, local: true };
  if (frontend === undefined) throw new Error("the table is empty");
  await clean([{ frontend, backend }], signal);
  await clean([{ frontend, backend }], signal);
  expect(warnings.length).toBeLessThanOrEqual(1);
});
