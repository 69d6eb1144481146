import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { describeTraffic } from "../proxy/proxy-contract.ts";
import { answers, CLUSTER, NODE_ADDRESS, POD_1, POD_2, VIP } from "../proxy/traffic-bed.ts";
import type { TrafficBed, TrafficDriver } from "../proxy/traffic-bed.ts";
import type { UserspaceRequest } from "../proxy/userspace-child.ts";
import type { TestNode } from "../support/netns.ts";

async function userspaceDriver(testNode: TestNode): Promise<TrafficDriver> {
  const { podCidr, serviceCidr, dnsIp } = CLUSTER;
  const child = testNode.node.spawn(
    new URL("../proxy/userspace-child.ts", import.meta.url),
    podCidr,
    serviceCidr,
    dnsIp,
  );
  return {
    apply: async (table) => {
      const applied = once(child, "message");
      child.send({ frontends: [...table.wanted.entries()] } satisfies UserspaceRequest);
      await applied;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

describe("in user space", () => {
  describeTraffic("t4us3r", userspaceDriver, describeUserspace);
});

/** What the kernel does not do. */
function describeUserspace(bed: () => TrafficBed): void {
  test("tells backends the client's address first, where the Service asks for it", async () => {
    for (const version of ["v1", "v2"]) {
      await bed().route([POD_2], { annotations: { "berth.dev/proxy-protocol": version } });
      expect(await bed().outside.call(`tcp ${NODE_ADDRESS}:30080`)).toMatch(/^pod2 /);
    }
  });

  test("goes on to another endpoint when one does not take the connection", async () => {
    await bed().route([POD_1, "10.32.9.9"]);
    expect(await answers(bed().node, `tcp ${VIP}:80`)).toEqual(new Set(["pod1"]));
  });
}
