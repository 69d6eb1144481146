import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestNode } from "../support/netns.ts";
import { terminating, unready } from "./services.ts";
import { answers, NODE_ADDRESS, POD_1, POD_2, REMOTE_POD, TrafficBed, VIP } from "./traffic-bed.ts";
import type { TrafficDriver } from "./traffic-bed.ts";

const REFUSED = /^(ECONNREFUSED|EPERM)$/;
/** A connection that is turned away after it was taken, or never answered. */
const NO_ANSWER = /^(ECONNREFUSED|EPERM|ECONNRESET|ABORT_ERR|EPIPE)$/;

/** What every way of carrying Services does, shown by traffic. `bed` is there while the tests run. */
export function describeTraffic(
  clusterId: string,
  makeDriver: (testNode: TestNode) => Promise<TrafficDriver>,
  more: (bed: () => TrafficBed) => void = () => undefined,
): void {
  let bed: TrafficBed;
  beforeAll(async () => {
    bed = await TrafficBed.create(clusterId, makeDriver);
  });
  afterAll(async () => {
    await bed?.[Symbol.asyncDispose]();
  });

  describe.each(["tcp", "udp"] as const)("a Service by %s", (protocol) => {
    const clusterIp = `${protocol} ${VIP}:80`;
    const nodePort = `${protocol} ${NODE_ADDRESS}:30080`;
    const balancer = `${protocol} ${NODE_ADDRESS}:80`;

    test("spreads over its endpoints", async () => {
      await bed.route([POD_1, POD_2]);
      for (const [peer, target] of [
        [bed.node, clusterIp],
        [bed.pod1, nodePort],
        [bed.outside, nodePort],
      ] as const)
        expect(await answers(peer, target)).toEqual(new Set(["pod1", "pod2"]));
    });

    test("lets a pod meet itself", async () => {
      await bed.route([POD_1]);
      expect(await answers(bed.pod1, clusterIp, 2)).toEqual(new Set(["pod1"]));
      expect(await answers(bed.pod1, nodePort, 2)).toEqual(new Set(["pod1"]));
    });

    test("reaches an endpoint on another node", async () => {
      await bed.route([REMOTE_POD]);
      for (const peer of [bed.pod1, bed.node])
        expect(await answers(peer, clusterIp, 2)).toEqual(new Set(["remote"]));
      expect(await answers(bed.outside, nodePort, 2)).toEqual(new Set(["remote"]));
    });

    test("refuses at once without endpoints", async () => {
      await bed.route([POD_1]);
      await bed.route([], { ingress: [NODE_ADDRESS], spec: { type: "LoadBalancer" } });
      for (const [peer, target] of [
        [bed.pod1, clusterIp],
        [bed.node, clusterIp],
        [bed.outside, nodePort],
        [bed.outside, balancer],
        [bed.pod1, nodePort],
        [bed.node, nodePort],
        [bed.node, balancer],
      ] as const) {
        const { text, ms } = await peer.timedCall(target);
        expect(text).toMatch(REFUSED);
        expect(ms).toBeLessThan(1000);
      }
    });

    test("refuses an address of the service network that no Service has", async () => {
      await bed.route([POD_1]);
      for (const peer of [bed.pod1, bed.node]) {
        const { text, ms } = await peer.timedCall(`${protocol} 10.96.7.7:80`);
        expect(text).toMatch(REFUSED);
        expect(ms).toBeLessThan(1000);
      }
      expect(await bed.pod1.call(`${protocol} ${VIP}:81`)).toBe("ECONNREFUSED");
    });

    test("sends nothing new to an endpoint that went", async () => {
      await bed.route([POD_1, POD_2]);
      expect((await answers(bed.node, clusterIp)).size).toBe(2);
      await bed.route([POD_2]);
      expect(await answers(bed.node, clusterIp)).toEqual(new Set(["pod2"]));
      expect(await answers(bed.outside, nodePort)).toEqual(new Set(["pod2"]));
    });

    test("sends to ready endpoints; without one, to those that are going but serve", async () => {
      const going = { [POD_1]: { conditions: terminating }, [REMOTE_POD]: { conditions: unready } };
      await bed.route([POD_1, POD_2, REMOTE_POD], { endpoints: going });
      expect(await answers(bed.node, clusterIp)).toEqual(new Set(["pod2"]));
      await bed.route([POD_1, REMOTE_POD], { endpoints: going });
      expect(await answers(bed.node, clusterIp)).toEqual(new Set(["pod1"]));
    });

    test("is reached at the balancer's and at external addresses", async () => {
      await bed.route([POD_2], { ingress: [NODE_ADDRESS], spec: { type: "LoadBalancer" } });
      for (const peer of [bed.outside, bed.pod1, bed.node])
        expect(await answers(peer, balancer, 2)).toEqual(new Set(["pod2"]));
      await bed.route([REMOTE_POD], { spec: { externalIPs: [NODE_ADDRESS] } });
      for (const peer of [bed.outside, bed.pod1, bed.node])
        expect(await answers(peer, balancer, 2)).toEqual(new Set(["remote"]));
      await bed.route([POD_2]);
      expect(await bed.outside.call(balancer)).toMatch(REFUSED);
    });

    test("lets in at the balancer's address only the networks that it names, and the node", async () => {
      const balanced = {
        type: "LoadBalancer",
        loadBalancerSourceRanges: ["203.0.113.0/24"],
      } as const;
      await bed.route([POD_2], { ingress: [NODE_ADDRESS], spec: balanced });
      expect(await bed.outside.call(balancer)).toMatch(NO_ANSWER);
      expect(await bed.pod1.call(balancer)).toMatch(NO_ANSWER);
      expect(await bed.node.call(balancer)).toMatch(/^pod2 /);
      expect(await bed.outside.call(nodePort)).toMatch(/^pod2 /);
      const wider = ["203.0.113.0/24", "198.51.0.0/16", "198.51.100.0/24"];
      await bed.route([POD_2], {
        ingress: [NODE_ADDRESS],
        spec: { ...balanced, loadBalancerSourceRanges: wider },
      });
      expect(await bed.outside.call(balancer)).toMatch(/^pod2 /);
    });

    test("with affinity sends a client to the same endpoint, from wherever it is called", async () => {
      const spec = { sessionAffinity: "ClientIP" } as const;
      await bed.route([POD_1, POD_2, REMOTE_POD], { spec });
      const [first = ""] = await answers(bed.pod1, clusterIp);
      expect(await answers(bed.pod1, clusterIp)).toEqual(new Set([first]));
      expect(await answers(bed.pod1, nodePort)).toEqual(new Set([first]));
    });

    test("with affinity keeps a client's endpoint while others change, and moves it when that one goes", async () => {
      const spec = { sessionAffinity: "ClientIP" } as const;
      await bed.route([POD_2], { spec });
      expect(await answers(bed.node, clusterIp, 1)).toEqual(new Set(["pod2"]));
      await bed.route([POD_1, POD_2, REMOTE_POD], { spec });
      expect(await answers(bed.node, clusterIp)).toEqual(new Set(["pod2"]));
      await bed.route([POD_2, REMOTE_POD], { spec });
      expect(await answers(bed.node, clusterIp)).toEqual(new Set(["pod2"]));
      await bed.route([REMOTE_POD], { spec });
      expect(await answers(bed.node, clusterIp, 3)).toEqual(new Set(["remote"]));
      await bed.route([POD_2, REMOTE_POD], { spec });
      expect(await answers(bed.node, clusterIp)).toEqual(new Set(["remote"]));
      await bed.route([POD_2, REMOTE_POD]);
      expect(await answers(bed.node, clusterIp)).toEqual(new Set(["pod2", "remote"]));
    });

    test("with affinity forgets a client after its time-out", async () => {
      const spec = {
        sessionAffinity: "ClientIP",
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } },
      } as const;
      await bed.route([POD_2], { spec });
      expect(await bed.node.call(clusterIp)).toMatch(/^pod2 /);
      await bed.route([POD_1, POD_2, REMOTE_POD], { spec });
      const others = new Set<string>();
      for (let round = 0; round < 8 && others.size === 0; round += 1) {
        await new Promise((resolve) => setTimeout(resolve, 1300));
        const [name = ""] = await answers(bed.node, clusterIp, 1);
        if (name !== "pod2") others.add(name);
      }
      expect(others.size).toBe(1);
    });

    test("with the internal policy Local has the node's own endpoints alone", async () => {
      const spec = { internalTrafficPolicy: "Local" } as const;
      await bed.route([POD_2, REMOTE_POD], { spec });
      expect(await answers(bed.pod1, clusterIp)).toEqual(new Set(["pod2"]));
      await bed.route([REMOTE_POD], { spec });
      expect(await bed.pod1.call(clusterIp)).toMatch(NO_ANSWER);
      expect(await bed.outside.call(nodePort)).toMatch(/^remote /);
    });

    test("with the external policy Local has the node's own endpoints for clients outside", async () => {
      const spec = { externalTrafficPolicy: "Local", type: "LoadBalancer" } as const;
      const ingress = [NODE_ADDRESS];
      await bed.route([POD_2, REMOTE_POD], { spec, ingress });
      for (const target of [nodePort, balancer]) {
        expect(await answers(bed.outside, target)).toEqual(new Set(["pod2"]));
        for (const peer of [bed.pod1, bed.node])
          expect(await answers(peer, target)).toEqual(new Set(["pod2", "remote"]));
      }
      await bed.route([REMOTE_POD], { spec, ingress });
      for (const target of [nodePort, balancer])
        expect(await bed.outside.call(target)).toMatch(NO_ANSWER);
      expect(await bed.pod1.call(nodePort)).toMatch(/^remote /);
    });

    test("with the external policy Local and affinity keeps both", async () => {
      const spec = { externalTrafficPolicy: "Local", sessionAffinity: "ClientIP" } as const;
      await bed.route([POD_1, POD_2, REMOTE_POD], { spec });
      const seen = await answers(bed.outside, nodePort);
      expect(seen.size).toBe(1);
      expect(["pod1", "pod2"]).toContain([...seen][0]);
      expect((await answers(bed.pod2, nodePort)).size).toBe(1);
    });

    test("prefers endpoints that are hinted for the node's zone", async () => {
      const hinted = (
        zone: string,
      ): { readonly hints: { readonly forZones: readonly { readonly name: string }[] } } => ({
        hints: { forZones: [{ name: zone }] },
      });
      const endpoints = { [POD_2]: hinted("a"), [REMOTE_POD]: hinted("b") };
      await bed.route([POD_2, REMOTE_POD], { endpoints, zone: "b" });
      expect(await answers(bed.pod1, clusterIp)).toEqual(new Set(["remote"]));
      await bed.route([POD_2, REMOTE_POD], { endpoints, zone: "c" });
      expect(await answers(bed.pod1, clusterIp)).toEqual(new Set(["pod2", "remote"]));
      await bed.route([POD_1, POD_2, REMOTE_POD], { endpoints, zone: "b" });
      expect((await answers(bed.pod1, clusterIp, 30)).size).toBe(3);
    });
  });

  test("an open connection goes on after its endpoint went", async () => {
    await bed.route([POD_1]);
    expect(await bed.node.keep(`tcp ${VIP}:80`, 1)).toMatch(/^pod1 /);
    expect(await bed.pod2.keep(`tcp ${VIP}:80`, 1)).toMatch(/^pod1 /);
    await bed.route([POD_2]);
    expect(await bed.pod2.useKept(1)).toMatch(/^pod1 /);
    await bed.route([]);
    expect(await bed.pod2.useKept(1)).toMatch(/^pod1 /);
    expect(await bed.node.useKept(1)).toMatch(/^pod1 /);
  });

  more(() => bed);
}
