import fc from "fast-check";
import { expect, test } from "vitest";
import { pieceKey, type Piece } from "../../../src/proxy/network/driver.ts";
import {
  isWithin,
  ourRoutes,
  toNeighbour,
  type HostRoute,
} from "../../../src/proxy/network/observe-host.ts";
import { repairDevice, repairPieces } from "../../../src/proxy/network/repair-host.ts";
import { vxlan } from "../../../src/proxy/network/vxlan.ts";
import { LOCAL, neighbour } from "./nodes.ts";

const route = (to: string, via: string | undefined, dev = "eth0", isOnLink = true): Piece => ({
  kind: "route",
  to,
  via,
  dev,
  isOnLink,
});

test("what is right is left alone; what is missing is added, what is wrong replaced, what is left over removed", () => {
  const wanted = [route("10.32.1.0/24", "192.0.2.11"), route("10.32.2.0/24", "192.0.2.12")];
  const present = [
    route("10.32.1.0/24", "192.0.2.11"),
    route("10.32.2.0/24", "192.0.2.99"),
    route("10.32.3.0/24", "192.0.2.13"),
  ];
  expect(repairPieces(wanted, wanted)).toEqual({ ip: [], bridge: [] });
  expect(repairPieces(wanted, present).ip).toEqual([
    "route replace 10.32.2.0/24 via 192.0.2.12 dev eth0 onlink proto 178",
    "route delete 10.32.3.0/24 dev eth0 proto 178",
  ]);
});

test("a route comes after the neighbour that it needs", () => {
  const pieces = vxlan.pieces(LOCAL, neighbour(1, { isOnLink: false })) ?? [];
  const { ip, bridge } = repairPieces(pieces, []);
  expect(ip.map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
    "neigh replace",
    "route replace",
  ]);
  expect(bridge).toHaveLength(1);
});

test("law: after its repair the kernel has what is wanted and nothing else", () => {
  const piece = fc.oneof(
    fc
      .tuple(
        fc.constantFrom("10.32.1.0/24", "10.32.2.0/24"),
        fc.constantFrom("192.0.2.1", undefined),
      )
      .map(([to, via]) => route(to, via, "eth0", via !== undefined)),
    fc
      .tuple(
        fc.constantFrom("10.32.1.1", "10.32.2.1"),
        fc.constantFrom("02:00:00:00:00:01", "02:00:00:00:00:02"),
      )
      .map(([address, mac]): Piece => ({ kind: "neighbour", address, mac, dev: "x" })),
    fc
      .tuple(
        fc.constantFrom("192.0.2.1", "192.0.2.2"),
        fc.constantFrom("02:00:00:00:00:01", "02:00:00:00:00:02"),
      )
      .map(([address, mac]): Piece => ({ kind: "forwarding", address, mac, dev: "x" })),
  );
  const kernel = fc.array(piece, { maxLength: 8 }).map((pieces) => onePerSlot(pieces));
  fc.assert(
    fc.property(kernel, kernel, (wanted, present) => {
      const { ip, bridge } = repairPieces(wanted, present);
      const after = run([...bridge, ...ip], present);
      expect(after.toSorted()).toEqual(wanted.map(pieceKey).toSorted());
    }),
  );
});

test("a device that somebody changed is made anew; an MTU or a missing address is mended", () => {
  const device = vxlan.device(LOCAL, []);
  if (device === undefined) throw new Error("VXLAN has a device");
  const right = {
    ifname: device.name,
    mtu: device.mtu,
    address: device.mac ?? "",
    operstate: "UNKNOWN",
    addr_info: [{ local: device.address }],
    linkinfo: { info_data: device.details },
  };
  expect(repairDevice(device, right)).toEqual([]);
  expect(repairDevice(device, { ...right, mtu: 1500 })).toEqual([
    `link set dev ${device.name} mtu 1450`,
  ]);
  expect(repairDevice(device, { ...right, addr_info: [] })).toEqual([
    `addr replace 10.32.0.1/32 dev ${device.name}`,
  ]);
  expect(repairDevice(device, { ...right, operstate: "DOWN" })).toEqual([
    `link set dev ${device.name} up`,
  ]);
  const moved = { ...right, linkinfo: { info_data: { ...device.details, local: "192.0.2.99" } } };
  expect(repairDevice(device, moved).map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
    "link delete",
    "link add",
    "addr replace",
    "link set",
  ]);
});

const ROUTES: readonly HostRoute[] = [
  { dst: "default", gateway: "192.0.2.1", dev: "eth0" },
  { dst: "192.0.2.0/24", dev: "eth0" },
  { dst: "198.51.100.0/25", dev: "eth1" },
  { dst: "10.32.5.0/24", gateway: "192.0.2.15", dev: "eth0", protocol: "178", flags: ["onlink"] },
  { dst: "10.99.0.0/24", gateway: "192.0.2.15", dev: "eth0", protocol: "178", flags: ["onlink"] },
  { dst: "10.32.0.0/11", type: "unreachable", metric: 1_000_000 },
];

test.for([
  ["192.0.2.77", "eth0", true],
  ["198.51.100.7", "eth1", true],
  ["198.51.100.200", "eth0", false],
  ["203.0.113.9", "eth0", false],
] as const)("a node at %s is reached by %s, on its Ethernet: %s", ([address, dev, isOnLink]) => {
  const remote = { ...neighbour(1), addresses: [address] };
  expect(toNeighbour(remote, { routes: ROUTES, links: [] })).toMatchObject({ dev, isOnLink });
});

test("of the host's routes those are ours that carry our number and lie in the cluster's network", () => {
  const ours = ourRoutes({ routes: ROUTES, links: [] }, "10.32.0.0/11");
  expect(ours.map(pieceKey)).toEqual(["route 10.32.5.0/24 192.0.2.15 eth0 onlink"]);
});

test.for([
  ["10.32.1.2", "10.32.0.0/11", true],
  ["10.63.255.255", "10.32.0.0/11", true],
  ["10.64.0.0", "10.32.0.0/11", false],
  ["10.32.0.0/11", "10.32.0.0/24", false],
  ["default", "10.32.0.0/11", false],
] as const)("%s is within %s: %s", ([part, whole, expected]) => {
  expect(isWithin(part, whole)).toBe(expected);
});

const slotOf = (piece: Piece): string =>
  piece.kind === "route" ? piece.to : piece.kind === "neighbour" ? piece.address : `m${piece.mac}`;

function onePerSlot(pieces: readonly Piece[]): readonly Piece[] {
  return [...new Map(pieces.map((piece) => [slotOf(piece), piece])).values()];
}

/** A kernel that knows these lines, and no two things in one slot. */
function run(lines: readonly string[], present: readonly Piece[]): readonly string[] {
  const kernel = new Map(present.map((piece) => [slotOf(piece), pieceKey(piece)]));
  for (const line of lines) {
    const [what, verb, name = "", ...rest] = line.split(" ");
    const value = (word: string): string => rest[rest.indexOf(word) + 1] ?? "";
    const slot = what === "fdb" ? `m${name}` : name;
    if (verb === "delete") kernel.delete(slot);
    else if (what === "route") {
      const via = rest.includes("via") ? value("via") : "-";
      const onLink = rest.includes("onlink") ? "onlink" : "-";
      kernel.set(slot, `route ${name} ${via} ${value("dev")} ${onLink}`);
    } else if (what === "neigh")
      kernel.set(slot, `neighbour ${name} ${value("lladdr")} ${value("dev")}`);
    else kernel.set(slot, `forwarding ${name} ${value("dst")} ${value("dev")}`);
  }
  return [...kernel.values()];
}
