import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/system-clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { conntrackCleaner } from "../../src/proxy/conntrack.ts";
import { NftProxy } from "../../src/proxy/nft-proxy.ts";
import { nftTool } from "../../src/proxy/nft.ts";
import { setUpNodeNetwork } from "../../src/proxy/node-network.ts";
import type { TestNode } from "../support/netns.ts";
import { describeTraffic } from "../proxy/proxy-contract.ts";
import { answers, CLUSTER, NODE_ADDRESS, OUTSIDE, REMOTE_POD, VIP } from "../proxy/traffic-bed.ts";
import type { TrafficBed, TrafficDriver } from "../proxy/traffic-bed.ts";

const CLUSTER_ID = "t4tr4f";
const signal = AbortSignal.timeout(110_000);
let proxy: NftProxy;

async function nftDriver(testNode: TestNode): Promise<TrafficDriver> {
  const { run } = testNode.node;
  await setUpNodeNetwork(
    { clusterId: CLUSTER_ID, cluster: CLUSTER, logger: silentLogger, run },
    signal,
  );
  const ruleset = { clusterId: CLUSTER_ID, ...CLUSTER };
  proxy = new NftProxy({ nft: nftTool(run), ruleset, clock: systemClock, logger: silentLogger });
  return {
    apply: (table) => proxy.apply(table, signal),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

describe("nftables", () => {
  describeTraffic(CLUSTER_ID, nftDriver, describeKernel);
});

/** What only the kernel can do: hide no address without need. */
function describeKernel(bed: () => TrafficBed): void {
  const route = (...addresses: readonly string[]): Promise<void> => bed().route(addresses);

  describe.each(["tcp", "udp"] as const)("an address by %s", (protocol) => {
    const clusterIp = `${protocol} ${VIP}:80`;
    const nodePort = `${protocol} ${NODE_ADDRESS}:30080`;

    test("is that of the pod that calls another", async () => {
      await route("10.32.0.3");
      expect(await bed().pod1.call(clusterIp)).toBe("pod2 10.32.0.2");
      expect(await bed().pod1.call(nodePort)).toBe("pod2 10.32.0.2");
    });

    test("is that of a client outside that calls the node port", async () => {
      await route("10.32.0.3");
      expect(await bed().outside.call(nodePort)).toBe(`pod2 ${OUTSIDE}`);
    });

    test("is the node's own when it calls", async () => {
      await route("10.32.0.3");
      expect(await bed().node.call(nodePort)).toBe(`pod2 ${NODE_ADDRESS}`);
    });

    test("is another one where a pod meets itself", async () => {
      await route("10.32.0.2");
      expect(await bed().pod1.call(clusterIp)).toBe("pod1 169.254.1.1");
      expect(await bed().pod1.call(nodePort)).toBe("pod1 169.254.1.1");
    });

    test("is the pod's also towards an endpoint on another node", async () => {
      await route(REMOTE_POD);
      expect(await bed().pod1.call(clusterIp)).toBe("remote 10.32.0.2");
      expect(await bed().pod1.call(nodePort)).toBe("remote 10.32.0.2");
      expect(await bed().node.call(clusterIp)).toBe(`remote ${NODE_ADDRESS}`);
    });

    test("of a client outside is hidden from an endpoint on another node, so that the answer comes back", async () => {
      await route(REMOTE_POD);
      expect(await bed().outside.call(nodePort)).toBe(`remote ${NODE_ADDRESS}`);
      await bed().route([REMOTE_POD], { spec: { externalIPs: [NODE_ADDRESS] } });
      expect(await bed().outside.call(`${protocol} ${NODE_ADDRESS}:80`)).toBe(
        `remote ${NODE_ADDRESS}`,
      );
    });

    test("of a client outside is kept by the policy Local", async () => {
      const spec = { externalTrafficPolicy: "Local", type: "LoadBalancer" } as const;
      await bed().route(["10.32.0.3", REMOTE_POD], { spec, ingress: [NODE_ADDRESS] });
      expect(await bed().outside.call(nodePort)).toBe(`pod2 ${OUTSIDE}`);
      expect(await bed().outside.call(`${protocol} ${NODE_ADDRESS}:80`)).toBe(`pod2 ${OUTSIDE}`);
    });
  });

  test("a node port is not on the loopback addresses, where the kernel could not answer", async () => {
    await route("10.32.0.3");
    expect(await bed().node.call("tcp 127.0.0.1:30080")).toBe("ECONNREFUSED");
  });

  test("a program of the node on a node port gets no traffic of the Service", async () => {
    const squatter = bed().testNode.nodePeer();
    await squatter.serve("squatter", "0.0.0.0", 30_080);
    await route("10.32.0.3");
    expect(await bed().outside.call(`tcp ${NODE_ADDRESS}:30080`)).toBe(`pod2 ${OUTSIDE}`);
    await route();
    expect(await bed().outside.call(`tcp ${NODE_ADDRESS}:30080`)).toBe("ECONNREFUSED");
    expect(await bed().node.call(`tcp ${NODE_ADDRESS}:30080`)).toBe("ECONNREFUSED");
    expect(await bed().node.call("tcp 127.0.0.1:30080")).toBe("squatter 127.0.0.1");
  });

  test("pods call each other directly with their own address, and outside with the node's", async () => {
    expect(await bed().pod1.call("tcp 10.32.0.3:8080")).toBe("pod2 10.32.0.2");
    expect(await bed().pod1.call(`tcp ${OUTSIDE}:8080`)).toBe(`outside ${NODE_ADDRESS}`);
  });

  test("more backends than chains are prepared for are reached, each of them", async () => {
    const away = Array.from({ length: 19 }, (_, index) => `10.34.0.${index + 1}`);
    await route("10.32.0.2", "10.32.0.3");
    await route("10.32.0.2", "10.32.0.3", ...away);
    await route("10.32.0.3", ...away);
    await route("10.32.0.3");
    expect(await answers(bed().pod1, `tcp ${VIP}:80`)).toEqual(new Set(["pod2"]));
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
      await bed().testNode.node.tool("nft", ["-f", "-"], damage);
      expect([damage, await proxy.repair(signal)]).toEqual([damage, true]);
      expect(await bed().pod1.call(`tcp ${VIP}:80`)).toBe("pod2 10.32.0.2");
      expect(await proxy.repair(signal)).toBe(false);
    }
  });

  test("the conntrack tool may be missing", async () => {
    const warnings: string[] = [];
    const logger = {
      ...silentLogger,
      warn: (_: unknown, text: string) => void warnings.push(text),
    };
    const clean = conntrackCleaner(bed().testNode.node.run, logger);
    const [frontend] = [...bed().table.claims.values()].map(([first]) => first);
    const backend = { address: "10.32.0.2", port: 8080, local: true };
    if (frontend === undefined) throw new Error("the table is empty");
    await clean([{ frontend, backend }], signal);
    await clean([{ frontend, backend }], signal);
    expect(warnings.length).toBeLessThanOrEqual(1);
  });
}
