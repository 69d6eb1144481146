import { expect, test } from "vitest";
import { overlappingRoutes } from "../../../src/proxy/network/overlapping-routes.ts";
import type { HostRoute } from "../../../src/proxy/network/observe-host.ts";

const NETWORKS = { clusterId: "abc123", podCidr: "10.32.0.0/11", serviceCidr: "10.96.0.0/16" };

test.for<readonly [HostRoute, boolean]>([
  [{ dst: "10.40.0.0/16", dev: "tun0" }, true],
  [{ dst: "10.0.0.0/8", dev: "eth0" }, true],
  [{ dst: "10.96.3.4", dev: "eth0" }, true],
  [{ dst: "10.64.0.0/16", dev: "tun0" }, false],
  [{ dst: "default", dev: "eth0", gateway: "192.0.2.1" }, false],
  [{ dst: "10.32.0.2", dev: "babc12312345678" }, false],
  [{ dst: "10.96.0.0/16", dev: "berth-abc123" }, false],
  [{ dst: "10.32.1.0/24", dev: "berth-x-abc123", protocol: "178" }, false],
  [{ dst: "10.32.2.0/24", dev: "eth0", protocol: "178" }, false],
  [{ dst: "10.32.0.0/11", type: "unreachable", metric: 1_000_000 }, false],
  [{ dst: "10.96.0.0/16", dev: "berth-other1" }, true],
])("%j overlaps: %s", ([route, expected]) => {
  expect(overlappingRoutes([route], NETWORKS)).toEqual(expected ? [route] : []);
});
