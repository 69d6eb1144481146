import { expect, test } from "vitest";
import { pieceKey } from "../../../src/proxy/network/driver.ts";
import type { Neighbour, NetworkDriverChoice } from "../../../src/proxy/network/driver.ts";
import { hostGw } from "../../../src/proxy/network/host-gw.ts";
import { planNetwork, type NetworkPlan } from "../../../src/proxy/network/plan-network.ts";
import { vniOf, vtepMacOf } from "../../../src/proxy/network/remote-node.ts";
import { vxlan } from "../../../src/proxy/network/vxlan.ts";
import { wireguard } from "../../../src/proxy/network/wireguard.ts";
import { CLUSTER_ID, LOCAL, neighbour } from "./nodes.ts";

const PRIVATE_KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
const DRIVERS = { "host-gw": hostGw, vxlan, wireguard: wireguard(PRIVATE_KEY) };
const far = (index: number): Neighbour =>
  neighbour(index, { address: `198.51.100.${index}`, isOnLink: false });
const plan = (choice: NetworkDriverChoice, ...remotes: readonly Neighbour[]): NetworkPlan =>
  planNetwork({ local: LOCAL, remotes, choice, drivers: DRIVERS });
const shown = ({ pieces }: NetworkPlan): readonly string[] => pieces.map(pieceKey);

test("on one Ethernet a plain route is enough, and pods have the MTU of the link", () => {
  const made = plan("auto", neighbour(1));
  expect(shown(made)).toEqual(["route 10.32.1.0/24 192.0.2.11 eth0 onlink"]);
  expect(made.devices).toEqual([]);
  expect([made.podMtu, made.directNodes]).toEqual([1500, ["192.0.2.11"]]);
});

test("behind a router it is VXLAN: a route, a neighbour and a forwarding entry for each node", () => {
  const made = plan("auto", far(2), neighbour(1));
  const mac = vtepMacOf(CLUSTER_ID, "n2");
  expect(shown(made)).toEqual([
    "route 10.32.1.0/24 192.0.2.11 eth0 onlink",
    "route 10.32.2.0/24 10.32.2.1 berth-x-abc123 onlink",
    `neighbour 10.32.2.1 ${mac} berth-x-abc123`,
    `forwarding ${mac} 198.51.100.2 berth-x-abc123`,
  ]);
  expect(
    made.devices.map(({ name, mtu, address, add }) => [name, mtu, address, add.join(" ")]),
  ).toEqual([
    [
      "berth-x-abc123",
      1450,
      "10.32.0.1",
      `type vxlan id ${vniOf(CLUSTER_ID)} local 192.0.2.10 dstport 8472 nolearning`,
    ],
  ]);
  expect([...made.ways]).toEqual([
    ["n1", "host-gw"],
    ["n2", "vxlan"],
  ]);
  expect([made.podMtu, made.directNodes]).toEqual([1450, ["192.0.2.11"]]);
});

test.for<readonly [NetworkDriverChoice, Neighbour, string | undefined, RegExp | undefined]>([
  ["auto", neighbour(1), "host-gw", undefined],
  ["auto", far(1), "vxlan", undefined],
  ["vxlan", neighbour(1), "vxlan", undefined],
  ["host-gw", neighbour(1), "host-gw", undefined],
  ["host-gw", far(1), undefined, /behind a router/],
  ["host-gw", neighbour(1, { dev: undefined, isOnLink: false }), undefined, /no route to the node/],
  ["wireguard", neighbour(1), "wireguard", undefined],
  ["wireguard", neighbour(1, { wireguardKey: undefined }), undefined, /wireguard key/],
  ["auto", { ...far(1), vtepMac: undefined }, undefined, /vxlan key/],
])("%s, %j: %s", ([choice, remote, way, reason]) => {
  const made = plan(choice, remote);
  expect(made.ways.get("n1")).toBe(way);
  if (reason !== undefined) expect(made.missing.get("n1")).toMatch(reason);
  else expect(made.missing.size).toBe(0);
});

test("a chosen tunnel is there before any other node: the first pods have its MTU", () => {
  expect([plan("vxlan").podMtu, plan("wireguard").podMtu, plan("auto").podMtu]).toEqual([
    1450, 1440, 1500,
  ]);
  expect(plan("vxlan").devices.map(({ name }) => name)).toEqual(["berth-x-abc123"]);
});

test("the order of nodes does not matter", () => {
  expect(plan("auto", far(3), neighbour(1), far(2))).toEqual(
    plan("auto", far(2), far(3), neighbour(1)),
  );
});

test("WireGuard: a peer for each node, that may send from its pods only", () => {
  const made = plan("wireguard", far(2), neighbour(1));
  expect(shown(made)).toEqual([
    "route 10.32.1.0/24 - berth-w-abc123 -",
    "route 10.32.2.0/24 - berth-w-abc123 -",
  ]);
  expect(made.devices[0]?.wireguard).toBe(`[Interface]
PrivateKey = ${PRIVATE_KEY}
ListenPort = 51820

[Peer]
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
AllowedIPs = 10.32.1.0/24
Endpoint = 192.0.2.11:51820
PersistentKeepalive = 25

[Peer]
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
AllowedIPs = 10.32.2.0/24
Endpoint = 198.51.100.2:51820
PersistentKeepalive = 25
`);
});
